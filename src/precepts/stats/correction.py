"""Rates as a judge saw them, corrected for how often the judge is wrong, with intervals that hold the correction's own uncertainty.

Two corrections that rest on different promises:

- Rogan-Gladen takes sensitivity and specificity from labelled rows of *any* mix, and holds if the judge errs as often on the
  rated rows as on those, given the label.
- Prediction-powered takes labels of a random sample of the *rated* rows themselves and holds however the judge errs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray, critical_t
from precepts.stats.rates import wilson_interval
from precepts.stats.registry import Interval, Params, as_metric, estimator
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
    return value, _recovered(value, moved)


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


def prediction_powered(
    calls: FloatArray, labels: FloatArray, unlabelled: FloatArray, *, level: float = 0.95
) -> Corrected:
    """The rate of label 1 among all rows, of which a random sample is labelled and all are judged.

    Shapes: calls (n,) and labels (n,) of the labelled rows, unlabelled (m,) the calls on the rest. Angelopoulos et al. 2023
    (Science 382:669-674, arXiv 2301.09633), with the weight of the judge tuned as in PPI++ (arXiv 2311.01453).

    For calls of 0 or 1 the tuned estimate is the labelled rate within each call, weighted by the share of that call among
    all rows (double sampling: Tenenbein 1970, JASA 65:1350-1361); its interval joins Wilson's limits of the three shares as
    in `rogan_gladen`. For graded scores it is the PPI++ mean with Student's interval, which needs 30 labels.

    Raises:
        InputError: If there is not one label to each labelled call.
    """
    if calls.shape != labels.shape:
        raise InputError(f"There are {calls.size} calls and {labels.size} labels; give one label to each labelled row.")
    if not calls.size:
        return Corrected(None, None, "too few labels: no rated row has a label")
    everything = np.concatenate([calls, unlabelled])
    if np.isin(everything, (0, 1)).all():
        return _within_calls(calls, labels, everything, level=level)
    if calls.size < 30:
        return Corrected(None, None, f"too few labels: {calls.size} of the 30 that graded scores need")
    return _graded(calls, labels, unlabelled, level=level)


def _within_calls(calls: FloatArray, labels: FloatArray, everything: FloatArray, *, level: float) -> Corrected:
    n, num_yes = everything.size, int(everything.sum())
    yes, no = labels[calls == 1], labels[calls == 0]
    for part, name, total in ((yes, "positive", num_yes), (no, "negative", n - num_yes)):
        if total and not part.size:
            return Corrected(None, None, f"too few labels: none of the {total} rows called {name} has one")
    share = num_yes / n
    rates = [float(part.mean()) if part.size else 0.0 for part in (yes, no)]
    limits = [
        wilson_interval(int(part.sum()), part.size, level=level) if part.size else (0.0, 0.0) for part in (yes, no)
    ]

    def rate(share: float, in_yes: float, in_no: float) -> float:
        return share * in_yes + (1 - share) * in_no

    value = rate(share, *rates)
    moved = [
        [rate(limit, *rates) for limit in wilson_interval(num_yes, n, level=level)],
        [rate(share, limit, rates[1]) for limit in limits[0]],
        [rate(share, rates[0], limit) for limit in limits[1]],
    ]
    low, high = _recovered(value, moved)
    return Corrected(value, (max(0.0, low), min(1.0, high)))


def _graded(calls: FloatArray, labels: FloatArray, unlabelled: FloatArray, *, level: float) -> Corrected:
    n, m = calls.size, unlabelled.size
    if not m:
        return Corrected(None, None, "every rated row has a label: take their rate")
    spread = float(np.concatenate([calls, unlabelled]).var(ddof=1))
    covariance = float(np.cov(calls, labels, ddof=1)[0, 1])
    # The weight that leaves least variance (arXiv 2311.01453, section on power tuning), at most the whole judge.
    weight = min(1.0, max(0.0, covariance / ((1 + n / m) * spread))) if spread > 0 else 0.0
    rectified = labels - weight * calls
    value = float(weight * unlabelled.mean() + rectified.mean())
    variance = weight**2 * float(unlabelled.var(ddof=1)) / m if m > 1 else 0.0
    variance += float(rectified.var(ddof=1)) / n
    if not variance > 0:
        return Corrected(value, None, "the labels do not vary: nothing in them tells the interval's width")
    half = critical_t(level, df=n - 1) * math.sqrt(variance)
    return Corrected(min(1.0, max(0.0, value)), (max(0.0, value - half), min(1.0, value + half)))


def _recovered(value: float, moved: Sequence[Sequence[float]]) -> Interval:
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


def _metric(name: str, made: Corrected, *, level: float, n: int, num_unscored: int) -> Metric:
    return as_metric(name, made.value, made.interval, level=level, n=n, num_unscored=num_unscored)


@estimator("rogan_gladen", version=1)
def rogan_gladen_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of the rows of arm `a` (key `score`, a judge's call), corrected with arm `b` (`score` and `label`).

    `n` counts the rows of both arms.
    """
    num_yes, num_rated, counts, n, num_unscored = rated_and_labelled(rows)
    made = rogan_gladen(num_yes, num_rated, counts, level=level)
    return _metric("rogan_gladen@1", made, level=level, n=n, num_unscored=num_unscored)


@estimator("ppi", version=1)
def ppi(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of label 1 over rows with a `score` (call or graded, in [0, 1]), of which a random sample has a `label`."""
    columns = split_labelled(rows)
    made = prediction_powered(*columns[:3], level=level)
    return _metric("ppi@1", made, level=level, n=columns[0].size + columns[2].size, num_unscored=columns[3])


def split_labelled(rows: Sequence[Row]) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Calls and labels of the labelled rows, calls of the rest, and how many rows have no call."""
    known = read_columns([row for row in rows if row.get("label") is not None], "score", "label")
    rest = read_columns([row for row in rows if row.get("label") is None], "score")
    return known.column(0), known.column(1), rest.column(0), known.num_unscored + rest.num_unscored
