"""How often something happened, where there is no share to be taken of it."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import chi2

from precepts.stats.registry import Interval, Params, as_metric, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def garwood_interval(count: int, *, level: float = 0.95) -> Interval:
    """Exact interval of the expected count of a Poisson process that gave `count`. Garwood 1936, Biometrika 28:437-442."""
    tail = (1 - level) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * count + 2)) / 2


@estimator("count", version=1)
def count_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """How many rows have a `score` of 1; the interval is of the count that the same effort would give again, were findings independent."""
    read = read_columns(rows, "score", binary=["score"])
    if not read.n:
        return as_metric("count@1", None, None, level=level, n=0, num_unscored=read.num_unscored, unit="count")
    found = int(read.column(0).sum())
    return as_metric(
        "count@1", float(found), garwood_interval(found, level=level), level=level, n=read.n, num_unscored=read.num_unscored, unit="count"
    )  # fmt: skip
