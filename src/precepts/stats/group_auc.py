"""AUC within one group, and against that of all other rows, from counted rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.stats.distributions import FloatArray, critical_z
from precepts.stats.ranking import Auc, auc_interval, auc_score_interval
from precepts.stats.ratios import mover
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

FEW = 15
"""Observations of an outcome below which an AUC's own spread is not relied on."""


class CountedAuc(NamedTuple):
    """An AUC and DeLong's variance of it."""

    value: float
    variance: float
    num_1: int
    num_0: int

    def interval(self, *, level: float) -> Interval:
        """As `auc_interval`."""
        spread = Auc(self.value, np.zeros(self.num_1), np.zeros(self.num_0))
        if not self.variance > 1e-15 or not 0 < self.value < 1:
            return auc_interval(spread, level=level)
        centre = math.log(self.value / (1 - self.value))
        half = critical_z(level) * math.sqrt(self.variance) / (self.value * (1 - self.value))
        return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))

    def score_interval(self, *, level: float) -> Interval:
        """The same, by the score-type interval where an outcome is rarer than 15: DeLong's variance is then a guess, too small."""
        if min(self.num_1, self.num_0) >= FEW:
            return self.interval(level=level)
        return auc_score_interval(self.value, self.num_1, self.num_0, critical_z(level))


def counted_auc(scores: FloatArray, outcomes: FloatArray, counts: FloatArray) -> CountedAuc | None:
    """Area under the ROC curve of counted rows; None unless both outcomes occur. Arguments of shape (n,).

    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, over distinct scores.
    """
    distinct, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, counts * outcomes, minlength=distinct.size)
    zeros = np.bincount(place, counts * (1 - outcomes), minlength=distinct.size)
    return auc_of_counts(ones.astype(np.float64), zeros.astype(np.float64))


def auc_of_counts(ones: FloatArray, zeros: FloatArray) -> CountedAuc | None:
    """The same from how often each outcome has each score, lowest score first; both of shape (scores,)."""
    num_1, num_0 = float(ones.sum()), float(zeros.sum())
    if not num_1 or not num_0:
        return None
    above = (np.cumsum(zeros) - zeros / 2) / num_0  # share of label-0 scores below, ties half
    below = 1 - (np.cumsum(ones) - ones / 2) / num_1
    value = float(ones @ above) / num_1
    if min(num_1, num_0) < 2:
        return CountedAuc(value, math.nan, int(num_1), int(num_0))
    of_1 = float(ones @ (above - value) ** 2) / (num_1 - 1) / num_1
    of_0 = float(zeros @ (below - value) ** 2) / (num_0 - 1) / num_0
    return CountedAuc(value, of_1 + of_0, int(num_1), int(num_0))


def placements(scores: FloatArray, outcomes: FloatArray, counts: FloatArray) -> FloatArray:
    """The influence of one observation on an AUC, shape (n,); zeros where one outcome is absent."""
    distinct, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, counts * outcomes, minlength=distinct.size)
    zeros = np.bincount(place, counts * (1 - outcomes), minlength=distinct.size)
    if not ones.sum() or not zeros.sum():
        return np.zeros(scores.size)
    above = (np.cumsum(zeros) - zeros / 2) / zeros.sum()
    below = 1 - (np.cumsum(ones) - ones / 2) / ones.sum()
    value = float(ones @ above) / ones.sum()
    found = np.where(outcomes == 1, (above[place] - value) / ones.sum(), (below[place] - value) / zeros.sum())
    return found.astype(np.float64)


def auc_against(sides: Sequence[CountedAuc], *, level: float, version: int = 2) -> tuple[float, Interval]:
    """An AUC, or the difference of two of different rows, with its interval.

    Version 2 takes `score_interval` and joins two by MOVER; version 1 took DeLong's, joined as if they were symmetric.
    """
    limits = [side.interval(level=level) if version == 1 else side.score_interval(level=level) for side in sides]
    if len(sides) == 1:
        return sides[0].value, limits[0]
    value = sides[0].value - sides[1].value
    if version == 1:
        half = math.hypot(*((high - low) / 2 for low, high in limits))
        return value, (value - half, value + half)
    return value, mover(sides[0].value, limits[0], sides[1].value, limits[1])


@estimator("group_auc", version=1, params=("of", "against"))
def group_auc_1(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """As `group_auc@2`, with DeLong's interval however few the outcomes: it covers 80 to 90 % below 10 of them."""
    return _group_auc(rows, params, level, version=1)


@estimator("group_auc", version=2, params=("of", "against"))
def group_auc(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """AUC of `score` for `label` in the arm `of`; with `against: others` less that of all other rows together.

    Keys also `arm`, `count`. None unless both labels occur on each side. Interval: DeLong's on the logit scale; below 15 of
    an outcome the score-type one of Newcombe 2006 (`auc_interval`); a difference by MOVER.
    """
    return _group_auc(rows, params, level, version=2)


def _group_auc(rows: Sequence[Row], params: Params, level: float, *, version: int) -> Metric:
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    mine = [row for row in filled if "of" not in params or str(row.get("arm")) == str(params["of"])]
    sides = [mine]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        sides.append([row for row in filled if str(row.get("arm")) != str(params["of"])])
    found: list[CountedAuc | None] = []
    n = num_unscored = 0
    for side in sides:
        read = read_columns(side, "score", "label", "count", positive=params.get("positive"))
        found.append(counted_auc(read.column(0), read.column(1), read.column(2)))
        n += int(read.column(2).sum())
        num_unscored += sum(int(r["count"]) for r in side if isinstance(r["count"], int | float)) - int(
            read.column(2).sum()
        )
    return auc_metric(found, n=n, num_unscored=num_unscored, level=level, version=version)


def auc_metric(
    found: Sequence[CountedAuc | None], *, n: int, num_unscored: int, level: float, version: int = 2
) -> Metric:
    """`group_auc` of one side or two; None where a side lacks an outcome."""
    whole = [one for one in found if one is not None]
    made = auc_against(whole, level=level, version=version) if len(whole) == len(found) else (None, None)
    unit = "difference" if len(found) == 2 else "auc"
    return as_metric(f"group_auc@{version}", *made, level=level, n=n, num_unscored=num_unscored, unit=unit)
