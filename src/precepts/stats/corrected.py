"""A rate that an imperfect judge or monitor saw, corrected for its errors, with the uncertainty of those errors in the interval."""

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


class JudgeErrors(NamedTuple):
    """How a judge did on cases whose truth is known: flagged of the positive ones, passed of the negative ones."""

    num_flagged: int
    num_positive: int
    num_passed: int
    num_negative: int


def rogan_gladen(rate: float, judge: JudgeErrors) -> float | None:
    """The rate corrected for sensitivity and specificity, cut to [0, 1]; None where the judge does not tell the two apart.

    (rate + specificity − 1) / (sensitivity + specificity − 1): Rogan and Gladen 1978, American Journal of Epidemiology 107:71-76.
    """
    sensitivity, specificity = judge.num_flagged / judge.num_positive, judge.num_passed / judge.num_negative
    youden = sensitivity + specificity - 1
    return None if youden <= 0 else min(1.0, max(0.0, (rate + specificity - 1) / youden))


def rogan_gladen_interval(num_flagged: int, n: int, judge: JudgeErrors, *, level: float = 0.95) -> Interval | None:
    """Interval of the corrected rate, in [0, 1]; all of it, or None, where the judge's errors are too uncertain to say more.

    Each of the three rates is drawn towards the middle before the delta method is used: Lang and Reiczigel 2014, Preventive Veterinary Medicine
    113:13-22.
    """
    z = critical_z(level)
    size = n + z * z
    rate = (num_flagged + z * z / 2) / size
    num_positive, num_negative = judge.num_positive + 2, judge.num_negative + 2
    sensitivity, specificity = (judge.num_flagged + 1) / num_positive, (judge.num_passed + 1) / num_negative
    youden = sensitivity + specificity - 1
    if youden <= 0:
        return None
    value = (rate + specificity - 1) / youden
    spread_se, spread_sp = (
        sensitivity * (1 - sensitivity) / num_positive,
        specificity * (1 - specificity) / num_negative,
    )
    shift = 2 * z * z * (value * spread_se - (1 - value) * spread_sp)
    half = z / youden * math.sqrt(rate * (1 - rate) / size + value**2 * spread_se + (1 - value) ** 2 * spread_sp)
    return min(1.0, max(0.0, value + shift - half)), min(1.0, max(0.0, value + shift + half))


def contradicts(num_flagged: int, n: int, judge: JudgeErrors, *, level: float = 0.95) -> bool:
    """Whether fewer were flagged than the judge's false alarms alone would give, both at the ends of their intervals.

    Then the cases that the judge was checked on are not like these, and no correction by it means anything: a monitor that is right on 92 % of a
    small set cannot flag 0.2 % of traffic unless its false alarms there are rarer by far than on that set.
    """
    _, most_flagged = wilson_interval(num_flagged, n, level=level)
    _, best_specificity = wilson_interval(judge.num_passed, judge.num_negative, level=level)
    return most_flagged < 1 - best_specificity


@estimator("judge_corrected", version=1, params=("num_flagged", "num_positive", "num_passed", "num_negative"))
def judge_corrected(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Share of rows whose `score` is 1 (the judge flagged it), corrected by Rogan and Gladen with the interval of Lang and Reiczigel.

    The options are the counts of `JudgeErrors`. Where they contradict the flagged share
    (`contradicts`) there is no value and no interval. They hold for the cases the judge was checked on: on others its
    errors may differ, and no interval shows that.
    """
    names = ("num_flagged", "num_positive", "num_passed", "num_negative")
    judge = JudgeErrors(*(int(number_option(params, name, -1)) for name in names))
    if not (
        0 <= judge.num_flagged <= judge.num_positive
        and 0 <= judge.num_passed <= judge.num_negative
        and min(judge.num_positive, judge.num_negative) > 0
    ):
        raise InputError(
            "judge_corrected@1 needs the judge's counts as options: num_flagged of num_positive, num_passed of num_negative."
        )
    read = read_columns(rows, "score", binary=["score"])
    if not read.n:
        return as_metric("judge_corrected@1", None, None, level=level, n=0, num_unscored=read.num_unscored)
    flagged = int(read.column(0).sum())
    value = None if contradicts(flagged, read.n, judge) else rogan_gladen(flagged / read.n, judge)
    interval = rogan_gladen_interval(flagged, read.n, judge, level=level) if value is not None else None
    if interval is not None and value is not None:
        interval = min(interval[0], value), max(interval[1], value)
    return as_metric("judge_corrected@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored)
