"""Means by group from sums and sums of squares, which add up over shards where single values would not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

from precepts.stats.distributions import critical_t
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


@estimator("moment_mean", version=1, params=("of", "against"))
def moment_mean(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean in the arm `of`, less that of all other rows with `against: others`; Student's interval, Welch's for the difference.

    Keys: `score` and `score_b`, the sums of values and of their squares over the `count` observations of a row; `arm`.
    """
    of, name = params.get("of"), "moment_mean@1"
    rows = [{**row, "count": row.get("count", 1)} for row in rows]
    sides = [[row for row in rows if of is None or str(row.get("arm")) == str(of)]]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        sides.append([row for row in rows if str(row.get("arm")) != str(of)])
    means: list[float] = []
    errors: list[tuple[float, float]] = []
    n = unscored = 0
    for side in sides:
        read = read_columns(side, "score", "score_b", "count")
        total, squares, size = (float(read.column(k).sum()) for k in range(3))
        n += int(size)
        unscored += sum(int(cast("float", row["count"])) for row in side) - int(size)
        if size:
            mean = total / size
            means.append(mean)
            spread = max(0.0, squares - size * mean * mean) / (size - 1) if size > 1 else math.nan
            errors.append((spread / size, size - 1))
    unit = "value"  # that of what is averaged
    if len(means) < len(sides):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit=unit)
    value = means[0] - (means[1] if len(means) == 2 else 0.0)
    variance = sum(error for error, _ in errors)
    interval: Interval | None = None
    if variance > 1e-300 and math.isfinite(variance):
        df = variance**2 / sum(error**2 / free for error, free in errors)
        half = critical_t(level, df=max(1, int(df))) * math.sqrt(variance)
        interval = value - half, value + half
    return as_metric(name, value, interval, level=level, n=n, num_unscored=unscored, unit=unit)


class WeightedSums(NamedTuple):
    """Sums over weighted values v: of w·v, of w, of w², of w²·v and of w²·v²."""

    values: float
    weight: float
    squares: float
    values_by_squares: float
    squared_by_squares: float

    @property
    def mean(self) -> float:
        """The weighted mean."""
        return self.values / self.weight

    @property
    def effective(self) -> float:
        """The effective number of values, (Σw)² / Σw²."""
        return self.weight**2 / self.squares

    def variance(self, n: float) -> float:
        """Of the mean: Σ w²(v - mean)² / (Σw)², times n / (n - 1); NaN for one value."""
        mean = self.mean
        spread = self.squared_by_squares - 2 * mean * self.values_by_squares + mean**2 * self.squares
        return max(0.0, spread) / self.weight**2 * n / (n - 1) if n > 1 else math.nan


SUM_KEYS: tuple[str, ...] = ("score", "score_b", "score_c", "score_d", "score_e")
"""Where a row has `WeightedSums`, in their order."""


@estimator("weighted_mean", version=1, params=("of", "against"))
def weighted_mean(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Weighted mean in the arm `of`, less that of all other rows with `against: others`, from sums over the `count` values of a row.

    Keys: `score` Σwv, `score_b` Σw, `score_c` Σw², `score_d` Σw²v, `score_e` Σw²v²; `arm`, `count`. The variance is that of the
    ratio Σwv / Σw linearised over values (Cochran 1977, Sampling Techniques, section 6.13), right also where weights go with
    values; Student's interval with (Σw)² / Σw² - 1 degrees of freedom, Welch's for the difference. `n` counts values.
    """
    of, name = params.get("of"), "weighted_mean@1"
    rows = [{**row, "count": row.get("count", 1)} for row in rows]
    sides = [[row for row in rows if of is None or str(row.get("arm")) == str(of)]]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        sides.append([row for row in rows if str(row.get("arm")) != str(of)])
    found: list[tuple[float, float, float]] = []
    n = unscored = 0
    for side in sides:
        read = read_columns(side, *SUM_KEYS, "count")
        *sums, size = (float(read.column(k).sum()) for k in range(6))
        n += int(size)
        unscored += sum(int(cast("float", row["count"])) for row in side) - int(size)
        if size and sums[1] > 0 and sums[2] > 0:
            one = WeightedSums(*sums)
            found.append((one.mean, one.variance(size), one.effective - 1))
    if len(found) < len(sides):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit="value")
    value = found[0][0] - (found[1][0] if len(found) == 2 else 0.0)
    variance = sum(error for _, error, _ in found)
    interval: Interval | None = None
    if variance > 1e-300 and math.isfinite(variance):
        df = variance**2 / sum(error**2 / max(free, 1.0) for _, error, free in found)
        half = critical_t(level, df=max(1, int(df + 1e-9))) * math.sqrt(variance)
        interval = value - half, value + half
    return as_metric(name, value, interval, level=level, n=n, num_unscored=unscored, unit="value")
