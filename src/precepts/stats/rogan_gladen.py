"""Rates as a judge saw them, corrected by Rogan and Gladen for how often the judge is wrong, the uncertainty of its errors in the interval.

The correction holds if the judge errs as often on the rated rows as on the labelled ones, given the label. Two intervals have been used and both
stay recomputable: `rogan_gladen@1` joins Wilson limits, and says nothing where the labels do not bear it; `judge_corrected@1` takes Lang and
Reiczigel's, from counts in its options. New evidence takes `rogan_gladen@1` where the labelled rows are at hand. For labels of a random sample of the
rated rows themselves see `precepts.stats.prediction`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from precepts.errors import InputError
from precepts.stats.distributions import critical_z
from precepts.stats.rates import wilson_interval
from precepts.stats.registry import Interval, Params, as_metric, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


class Corrected(NamedTuple):
    """A corrected rate; `why` says what is missing where there is no value, or what to know of the one there is."""

    value: float | None
    interval: Interval | None
    why: str | None = None


class Counts(NamedTuple):
    """A judge's calls on labelled rows."""

    hits: int
    num_signal: int
    correct_rejections: int
    num_noise: int


def rogan_gladen(num_yes: int, n: int, labelled: Counts, *, level: float = 0.95) -> Corrected:
    """The rate of signal among n rows of which the judge called `num_yes`, in [0, 1].

    (p + specificity - 1) / (sensitivity + specificity - 1): Rogan and Gladen 1978, American Journal of Epidemiology
    107:71-76. The interval joins Wilson's limits of the three rates by the method of variance estimates recovery (Zou and
    Donner 2008, Statistics in Medicine 27:1693-1702), so it is never of width zero for want of an error among the labels.

    No value where a label is absent, where the labels do not show that sensitivity + specificity exceeds 1 (lower 95 % limit
    of the sum at or below 1), or where all of the 95 % interval lies outside [0, 1]: then the labelled rows and the rated
    rows do not fit together.

    Args:
        num_yes: Rated rows called signal.
        n: Rated rows.
        labelled: Calls on the labelled rows.
        level: Coverage aimed at.

    Raises:
        InputError: If a count exceeds its total.
    """
    hits, num_signal, rejections, num_noise = labelled
    for name, count, total in (("yes", num_yes, n), ("hits", hits, num_signal), ("rejections", rejections, num_noise)):
        if not 0 <= count <= total:
            raise InputError(f"A correction needs 0 <= {name} <= their total; got {count} of {total}.")
    if not n:
        return Corrected(None, None, "no row was rated")
    if not (num_signal and num_noise):
        absent = "positive" if not num_signal else "negative"
        return Corrected(None, None, f"too few labels: no labelled row is {absent}")
    if reason := _unfit(num_yes, n, labelled):
        return Corrected(None, None, reason)
    value, (low, high) = _rogan_gladen(num_yes, n, labelled, level=level)
    p, se, sp = num_yes / n, hits / num_signal, rejections / num_noise
    why = None
    if value < 0:
        why = f"the raw rate {p:.2f} is no more than false alarms alone give ({1 - sp:.2f}): only the upper limit says something"
    elif value > 1:
        why = f"the raw rate {p:.2f} is above the judge's sensitivity ({se:.2f}): only the lower limit says something"
    return Corrected(_clipped(value), (_clipped(low), _clipped(high)), why)


_SHOWN = 0.95
"""Level at which labels must show that a correction can be had; fixed, so that a value does not depend on its interval's level."""


def _unfit(num_yes: int, n: int, labelled: Counts) -> str | None:
    """Why no correction can be had from these labels, or None."""
    hits, num_signal, rejections, num_noise = labelled
    p, se, sp = num_yes / n, hits / num_signal, rejections / num_noise
    low_se = wilson_interval(hits, num_signal, level=_SHOWN)[0]
    low_sp = wilson_interval(rejections, num_noise, level=_SHOWN)[0]
    if se + sp - 1 - math.hypot(se - low_se, sp - low_sp) <= 0:
        return (
            f"too few labels or too weak a judge: {num_signal} positive and {num_noise} negative labels do not show that "
            f"sensitivity {se:.2f} and specificity {sp:.2f} add up to more than 1"
        )
    _, (low, high) = _rogan_gladen(num_yes, n, labelled, level=_SHOWN)
    if high <= 0:
        return (
            f"specificity too low for the rate: false alarms alone (1 - {sp:.2f}) would give more than the raw rate {p:.2f}, "
            "so the labelled rows are not like the rated ones"
        )
    if low >= 1:
        return (
            f"sensitivity too low for the rate: the raw rate {p:.2f} is above what the judge calls of positive rows ({se:.2f}), "
            "so the labelled rows are not like the rated ones"
        )
    return None


def _rogan_gladen(num_yes: int, n: int, labelled: Counts, *, level: float) -> tuple[float, Interval]:
    """Value and limits before they are cut to [0, 1]."""
    hits, num_signal, rejections, num_noise = labelled
    p, se, sp = num_yes / n, hits / num_signal, rejections / num_noise

    def rate(p: float, se: float, sp: float) -> float:
        # Where a limit's sum is 1 or less, the rate could be anything: it runs off to the side it leans to.
        above = p + sp - 1
        return above / (se + sp - 1) if se + sp > 1 else math.copysign(math.inf, above)

    moved = [
        [rate(limit, se, sp) for limit in wilson_interval(num_yes, n, level=level)],
        [rate(p, limit, sp) for limit in wilson_interval(hits, num_signal, level=level)],
        [rate(p, se, limit) for limit in wilson_interval(rejections, num_noise, level=level)],
    ]
    value = rate(p, se, sp)
    return value, recovered(value, moved)


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


def recovered(value: float, moved: Sequence[Sequence[float]]) -> Interval:
    """Limits of a function of independent rates from its values with one rate moved to a limit at a time."""
    below = [max(0.0, value - min(ends)) for ends in moved]
    above = [max(0.0, max(ends) - value) for ends in moved]
    return value - math.hypot(*below), value + math.hypot(*above)


def rated_and_labelled(rows: Sequence[Row]) -> tuple[int, int, Counts, int, int]:
    """Yes and total of arm `a`, the calls on the labelled rows of arm `b`, rows that could be used, and those that could not.

    Raises:
        InputError: If a row has another arm, or a call or label is not 0 or 1.
    """
    for position, row in enumerate(rows, start=1):
        if row.get("arm") not in ("a", "b"):
            raise InputError(f"Row {position}: `arm` must be a (rated) or b (labelled); got {row.get('arm')!r}.")
    rated = read_columns([row for row in rows if row["arm"] == "a"], "score", binary=["score"])
    known = read_columns([row for row in rows if row["arm"] == "b"], "score", "label", binary=["score"])
    signal, noise = known.column(0)[known.column(1) == 1], known.column(0)[known.column(1) == 0]
    counts = Counts(int(signal.sum()), signal.size, int(noise.size - noise.sum()), noise.size)
    return int(rated.column(0).sum()), rated.n, counts, rated.n + known.n, rated.num_unscored + known.num_unscored


def corrected_rate(rate: float, judge: Counts) -> float | None:
    """The rate corrected for sensitivity and specificity, cut to [0, 1]; None where the judge does not tell the two apart.

    (rate + specificity − 1) / (sensitivity + specificity − 1): Rogan and Gladen 1978, American Journal of Epidemiology 107:71-76.
    """
    sensitivity, specificity = judge.hits / judge.num_signal, judge.correct_rejections / judge.num_noise
    youden = sensitivity + specificity - 1
    return None if youden <= 0 else _clipped((rate + specificity - 1) / youden)


def lang_reiczigel_interval(num_flagged: int, n: int, judge: Counts, *, level: float = 0.95) -> Interval | None:
    """Interval of the corrected rate, in [0, 1]; all of it, or None, where the judge's errors are too uncertain to say more.

    Each of the three rates is drawn towards the middle before the delta method is used: Lang and Reiczigel 2014, Preventive Veterinary Medicine
    113:13-22.
    """
    z = critical_z(level)
    size = n + z * z
    rate = (num_flagged + z * z / 2) / size
    num_signal, num_noise = judge.num_signal + 2, judge.num_noise + 2
    sensitivity, specificity = (judge.hits + 1) / num_signal, (judge.correct_rejections + 1) / num_noise
    youden = sensitivity + specificity - 1
    if youden <= 0:
        return None
    value = (rate + specificity - 1) / youden
    spread_se, spread_sp = (
        sensitivity * (1 - sensitivity) / num_signal,
        specificity * (1 - specificity) / num_noise,
    )
    shift = 2 * z * z * (value * spread_se - (1 - value) * spread_sp)
    half = z / youden * math.sqrt(rate * (1 - rate) / size + value**2 * spread_se + (1 - value) ** 2 * spread_sp)
    return min(1.0, max(0.0, value + shift - half)), min(1.0, max(0.0, value + shift + half))


def contradicts(num_flagged: int, n: int, judge: Counts, *, level: float = 0.95) -> bool:
    """Whether fewer were flagged than the judge's false alarms alone would give, both at the ends of their intervals.

    Then the cases that the judge was checked on are not like these, and no correction by it means anything: a monitor that is right on 92 % of a
    small set cannot flag 0.2 % of traffic unless its false alarms there are rarer by far than on that set.
    """
    _, most_flagged = wilson_interval(num_flagged, n, level=level)
    _, best_specificity = wilson_interval(judge.correct_rejections, judge.num_noise, level=level)
    return most_flagged < 1 - best_specificity


@estimator("rogan_gladen", version=1)
def rogan_gladen_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of the rows of arm `a` (key `score`, a judge's call), corrected with arm `b` (`score` and `label`).

    `n` counts the rows of both arms.
    """
    num_yes, num_rated, counts, n, num_unscored = rated_and_labelled(rows)
    made = rogan_gladen(num_yes, num_rated, counts, level=level)
    return as_metric("rogan_gladen@1", made.value, made.interval, level=level, n=n, num_unscored=num_unscored)


@estimator("judge_corrected", version=1, params=("num_flagged", "num_positive", "num_passed", "num_negative"))
def judge_corrected(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Share of rows whose `score` is 1 (the judge flagged it), corrected by Rogan and Gladen with the interval of Lang and Reiczigel.

    The options are the four counts of `Counts`. Where they contradict the flagged share
    (`contradicts`) there is no value and no interval. They hold for the cases the judge was checked on: on others its
    errors may differ, and no interval shows that.
    """
    names = ("num_flagged", "num_positive", "num_passed", "num_negative")
    judge = Counts(*(int(number_option(params, name, -1)) for name in names))
    if not (
        0 <= judge.hits <= judge.num_signal
        and 0 <= judge.correct_rejections <= judge.num_noise
        and min(judge.num_signal, judge.num_noise) > 0
    ):
        raise InputError(
            "judge_corrected@1 needs the judge's counts as options: num_flagged of num_positive, num_passed of num_negative."
        )
    read = read_columns(rows, "score", binary=["score"])
    if not read.n:
        return as_metric("judge_corrected@1", None, None, level=level, n=0, num_unscored=read.num_unscored)
    flagged = int(read.column(0).sum())
    value = None if contradicts(flagged, read.n, judge) else corrected_rate(flagged / read.n, judge)
    interval = lang_reiczigel_interval(flagged, read.n, judge, level=level) if value is not None else None
    if interval is not None and value is not None:
        interval = min(interval[0], value), max(interval[1], value)
    return as_metric("judge_corrected@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored)


def prevalence_bound(num_yes: int, n: int, hits: int, num_signal: int, *, level: float = 0.95) -> Corrected:
    """The most that a rate can be, whatever the judge's specificity: flagged share over sensitivity, in [0, 1].

    Of signal at rate r a judge flags at least r × sensitivity, so r is at most p / sensitivity, and reaches it only if no flag is a false alarm. The
    lower limit is 0: all flags could be false alarms. The upper limit joins Wilson's of both rates as in `rogan_gladen`. This is what is left to
    say where specificity is not known closely enough for the rate: to show that false alarms are rarer than a share p takes about 3/p rows without
    signal and without a flag (the rule of three).

    Raises:
        InputError: If a count exceeds its total.
    """
    for name, count, total in (("yes", num_yes, n), ("hits", hits, num_signal)):
        if not 0 <= count <= total:
            raise InputError(f"A bound needs 0 <= {name} <= their total; got {count} of {total}.")
    if not n:
        return Corrected(None, None, "no row was rated")
    if not hits:
        return Corrected(None, None, "no labelled row of signal was flagged: nothing says that the judge sees any")
    p, sensitivity = num_yes / n, hits / num_signal
    value = p / sensitivity
    moved = [
        [limit / sensitivity for limit in wilson_interval(num_yes, n, level=level)],
        [p / limit for limit in wilson_interval(hits, num_signal, level=level)],
    ]
    return Corrected(_clipped(value), (0.0, _clipped(recovered(value, moved)[1])))


@estimator("prevalence_bound", version=1)
def prevalence_bound_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """The most that the rate of arm `a` can be, with the sensitivity of arm `b` and any specificity; rows as of `rogan_gladen@1`."""
    num_yes, num_rated, counts, n, num_unscored = rated_and_labelled(rows)
    made = prevalence_bound(num_yes, num_rated, counts.hits, counts.num_signal, level=level)
    return as_metric("prevalence_bound@1", made.value, made.interval, level=level, n=n, num_unscored=num_unscored)
