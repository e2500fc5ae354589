"""Means by group from sums and sums of squares, which add up over shards where single values would not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

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
