"""Ratios of sums over counted rows, by group: the one form that most measures of decisions and scores have.

A true positive rate is Σ y·ŷ / Σ y; a calibration gap Σ (s - y) / n; a cost per case Σ cost / n. All are num / den with
sums over rows, so groups, shards and days add up, and a group against all the others is a difference of two such ratios.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.stats.distributions import FloatArray, critical_t, critical_z
from precepts.stats.rates import newcombe_interval, wilson_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

_FEW = 8  # events or non-events below which a sample says little of its own spread


class Moments(NamedTuple):
    """Sums over the rows of one group that a mean difference of score and outcome needs."""

    n: float
    score: float
    outcome: float
    score_squared: float
    score_outcome: float

    def __add__(self, other: object) -> Moments:
        """The sums of two groups of rows together."""
        assert isinstance(other, Moments), "moments add to moments"
        return Moments(*(a + b for a, b in zip(self, other, strict=True)))

    def __sub__(self, other: Moments) -> Moments:
        """The sums without those of some of the rows."""
        return Moments(*(a - b for a, b in zip(self, other, strict=True)))

    @property
    def gap(self) -> float:
        """Mean score minus mean outcome: above 0 over-prediction, below 0 under-prediction."""
        return (self.score - self.outcome) / self.n

    @property
    def variance(self) -> float:
        """Of score minus outcome, over rows."""
        squares = self.score_squared - 2 * self.score_outcome + self.outcome  # the outcome is 0 or 1
        return max(0.0, squares / self.n - self.gap**2)

    def gap_interval(self, *, level: float) -> Interval:
        """Interval of the gap.

        Wilson's interval of the outcome rate around the gap, its arms shrunk (or widened) to the spread of score minus
        outcome, which a score that predicts makes smaller than that of the outcome; not shrunk with fewer than 8 events or
        non-events, whose spread would be a guess. Own construction; its coverage is checked by simulation.
        """
        low, high = wilson_interval(round(self.outcome), round(self.n), level=level)
        rate = self.outcome / self.n
        spread = rate * (1 - rate)
        scale = math.sqrt(self.variance / spread) if spread > 0 else 1.0
        if min(self.outcome, self.n - self.outcome) < _FEW:
            scale = max(1.0, scale)
        return self.gap - scale * (high - rate), self.gap + scale * (rate - low)


def gap_difference_interval(one: Moments, other: Moments, *, level: float) -> Interval:
    """Interval of one gap minus another of different rows, by the method of variance estimates recovery (MOVER)."""
    return mover(one.gap, one.gap_interval(level=level), other.gap, other.gap_interval(level=level))


def mover(one: float, limits_one: Interval, other: float, limits_other: Interval) -> Interval:
    """Interval of a difference of two independent estimates from an interval of each; Zou and Donner 2008 (MOVER)."""
    value = one - other
    low = value - math.hypot(one - limits_one[0], limits_other[1] - other)
    return low, value + math.hypot(limits_one[1] - one, other - limits_other[0])


def mean_interval(total: float, squares: float, n: float, *, level: float) -> Interval | None:
    """Student's interval of a mean from the sum and the sum of squares; None if n < 2 or the values do not vary."""
    if n < 2:
        return None
    mean = total / n
    variance = max(0.0, squares - n * mean * mean) / (n - 1)
    if variance <= 1e-14 * max(1.0, mean * mean):
        return None
    half = critical_t(level, df=int(n) - 1) * math.sqrt(variance / n)
    return mean - half, mean + half


def difference_interval(one: Interval | None, other: Interval | None, value: float, *, level: float) -> Interval | None:
    """Interval of a difference of independent estimates with symmetric intervals."""
    if one is None or other is None:
        return None
    half = math.hypot((one[1] - one[0]) / 2, (other[1] - other[0]) / 2)
    return value - half, value + half


def _counted(rows: Sequence[Row], *keys: str, params: Params) -> tuple[FloatArray, FloatArray, int]:
    """The complete rows' values, shape (n, keys), their counts, and how many observations are unscored."""
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    read = read_columns(filled, *keys, "count", positive=params.get("positive"))
    total = sum(int(row["count"]) for row in filled if isinstance(row["count"], int | float))
    return read.values[:, :-1], read.column(len(keys)), total - int(read.column(len(keys)).sum())


def _sides(rows: Sequence[Row], params: Params) -> list[list[Row]]:
    """The rows of the arm `of`, then, if `against` is `others`, all the others; without `of` all rows."""
    of = params.get("of")
    if of is None:
        return [list(rows)]
    mine = [row for row in rows if str(row.get("arm")) == str(of)]
    others = [row for row in rows if str(row.get("arm")) != str(of)]
    return [mine, others] if choice_option(params, "against", ("nobody", "others")) == "others" else [mine]


@estimator("group_rate", version=1, params=("of", "against"))
def group_rate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Share of `score` 1 in the arm `of`; with `against: others` less that of all other rows together.

    Keys: `score` (0 or 1), `arm`, `count`. Wilson's interval, Newcombe's for the difference; n is that of both sides.
    """
    sides = [_counted(side, "score", params=params) for side in _sides(rows, params)]
    counts = [(float(v[:, 0] @ c), float(c.sum())) for v, c, _ in sides]
    return rate_metric(counts, num_unscored=sum(missing for _, _, missing in sides), level=level)


def rate_metric(counts: Sequence[tuple[float, float]], *, num_unscored: int, level: float) -> Metric:
    """`group_rate@1` of one side or two, each (successes, n)."""
    n, unit = int(sum(total for _, total in counts)), "difference" if len(counts) == 2 else "rate"
    found = rate_against(counts, level=level) if all(total for _, total in counts) else (None, None)
    return as_metric("group_rate@1", *found, level=level, n=n, num_unscored=num_unscored, unit=unit)


def rate_against(counts: Sequence[tuple[float, float]], *, level: float) -> tuple[float, Interval]:
    """A rate, or the difference of two, from (successes, n), with its interval."""
    (yes, n), *rest = counts
    if not rest:
        return yes / n, wilson_interval(round(yes), round(n), level=level)
    (other_yes, other_n) = rest[0]
    interval = newcombe_interval(round(yes), round(n), round(other_yes), round(other_n), level=level)
    return yes / n - other_yes / other_n, interval


@estimator("calibration_gap", version=1, params=("of", "against"))
def calibration_gap(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean `score` minus mean `label` in the arm `of`; with `against: others` less that of all other rows together.

    Above 0 the score over-predicts. Keys: `score` (a probability), `label` (0 or 1), `arm`, `count`. A row that stands for
    several observations has their common label and mean score; what their scores differ within it is left out.
    """
    sides = [_counted(side, "score", "label", params=params) for side in _sides(rows, params)]
    moments = [
        Moments(
            float(c.sum()),
            float(v[:, 0] @ c),
            float(v[:, 1] @ c),
            float(v[:, 0] ** 2 @ c),
            float((v[:, 0] * v[:, 1]) @ c),
        )
        for v, c, _ in sides
    ]
    return gap_metric(moments, num_unscored=sum(missing for _, _, missing in sides), level=level)


def gap_metric(moments: Sequence[Moments], *, num_unscored: int, level: float) -> Metric:
    """`calibration_gap@1` of one side or two."""
    n = int(sum(one.n for one in moments))
    found = gap_against(moments, level=level) if all(one.n for one in moments) else (None, None)
    return as_metric("calibration_gap@1", *found, level=level, n=n, num_unscored=num_unscored, unit="difference")


def gap_against(moments: Sequence[Moments], *, level: float) -> tuple[float, Interval]:
    """A calibration gap, or the difference of two, with its interval."""
    if len(moments) == 1:
        return moments[0].gap, moments[0].gap_interval(level=level)
    return moments[0].gap - moments[1].gap, gap_difference_interval(moments[0], moments[1], level=level)


def dispersion(values: FloatArray, variances: FloatArray) -> tuple[float, float]:
    """Variance between groups with sampling noise taken out, and the plain one; both of means weighted equally.

    Max - min and the plain variance grow with noise and with the number of groups, so equal groups look unequal. The
    sample variance of the values less their mean sampling variance is unbiased, and below 0 by chance where groups are
    equal. Lum, Zhang and Bower 2022 (FAccT), the corrected estimator, as recalled.

    Args:
        values: One estimate a group, shape (k,), k at least 2.
        variances: Their sampling variances, shape (k,).
    """
    plain = float(np.var(values, ddof=1))
    return plain - float(variances.mean()), plain


def normal_interval(value: float, error: float, *, level: float) -> Interval:
    """Value ± critical value standard errors."""
    half = critical_z(level) * error
    return value - half, value + half
