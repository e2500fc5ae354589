"""AUC within one group, and against that of all other rows, from counted rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.stats.distributions import FloatArray
from precepts.stats.ranking import Auc, auc_interval
from precepts.stats.ratios import difference_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


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
        from precepts.stats.distributions import critical_z

        centre = math.log(self.value / (1 - self.value))
        half = critical_z(level) * math.sqrt(self.variance) / (self.value * (1 - self.value))
        return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def counted_auc(scores: FloatArray, outcomes: FloatArray, counts: FloatArray) -> CountedAuc | None:
    """Area under the ROC curve of counted rows; None unless both outcomes occur. Arguments of shape (n,).

    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, over distinct scores.
    """
    distinct, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, counts * outcomes, minlength=distinct.size)
    zeros = np.bincount(place, counts * (1 - outcomes), minlength=distinct.size)
    return auc_of_counts(ones, zeros)


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


def auc_against(sides: Sequence[CountedAuc], *, level: float) -> tuple[float, Interval | None]:
    """An AUC, or the difference of two of different rows, with its interval."""
    if len(sides) == 1:
        return sides[0].value, sides[0].interval(level=level)
    value = sides[0].value - sides[1].value
    one, other = (side.interval(level=level) for side in sides)
    return value, difference_interval(one, other, value, level=level)


@estimator("group_auc", version=1, params=("of", "against"))
def group_auc(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """AUC of `score` for `label` in the arm `of`; with `against: others` less that of all other rows together.

    Keys also `arm`, `count`. None unless both labels occur on each side.
    """
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
    return auc_metric(found, n=n, num_unscored=num_unscored, level=level)


def auc_metric(found: Sequence[CountedAuc | None], *, n: int, num_unscored: int, level: float) -> Metric:
    """`group_auc@1` of one side or two; None where a side lacks an outcome."""
    whole = [one for one in found if one is not None]
    made = auc_against(whole, level=level) if len(whole) == len(found) else (None, None)
    unit = "difference" if len(found) == 2 else "auc"
    return as_metric("group_auc@1", *made, level=level, n=n, num_unscored=num_unscored, unit=unit)
