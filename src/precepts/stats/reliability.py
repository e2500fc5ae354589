"""Points of a reliability curve: among the rows of one stretch of scores, what was predicted and what came true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from precepts.stats.distributions import FloatArray, exact_rate_interval
from precepts.stats.ratios import mean_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


class Stretch(NamedTuple):
    """Sums over the rows of one stretch of scores; weighted where rows have weights, else `weight` and `squares` are their number."""

    weight: float
    squares: float
    """Of the weights."""
    score: float
    outcome: float
    score_squared: float

    @property
    def factor(self) -> float:
        """What weights are multiplied by to add up to the effective number of rows, (Σw)² / Σw², which is at least 1."""
        return max(self.weight / self.squares, 1 / self.weight) if self.squares > 0 and self.weight > 0 else 0.0


def reliability_metric(sums: Stretch, statistic: str, *, n: int, num_unscored: int, level: float) -> Metric:
    """`reliability@1`: the share of outcome 1 (`outcome`) or the mean score (`score`)."""
    value: float | None = None
    interval: Interval | None = None
    if sums.factor > 0:
        size = sums.weight * sums.factor
        if statistic == "outcome":
            yes, n_effective = round(sums.outcome * sums.factor), max(1, round(size))
            value = sums.outcome / sums.weight
            interval = exact_rate_interval(min(yes, n_effective), n_effective, level=level)
        else:
            value = sums.score / sums.weight
            interval = mean_interval(sums.score * sums.factor, sums.score_squared * sums.factor, size, level=level)
    return as_metric("reliability@1", value, interval, level=level, n=n, num_unscored=num_unscored)


@estimator("reliability", version=1, params=("statistic", "weights"))
def reliability(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """One point of a reliability curve: the share of `label` 1 (`statistic: outcome`) or the mean `score` (`score`) of the rows.

    Keys: `score` (a probability), `label`, `count`; with `weights: given` also `score_b` and `score_c`, the sums of the weights
    and of their squares over the observations of a row. Clopper and Pearson's interval of the share, at the effective number of
    rows, (Σw)² / Σw²: a curve's intervals hold at once only if each holds at a level near 1, where Wilson's does not keep to it
    at small rates. Student's of the mean score, None where scores do not vary. Which rows make a stretch is the caller's.
    """
    statistic = choice_option(params, "statistic", ("outcome", "score"))
    weighted = choice_option(params, "weights", ("none", "given")) == "given"
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    keys = ("score", "label", "count", *(("score_b", "score_c") if weighted else ()))
    read = read_columns(filled, *keys, positive=params.get("positive"))
    score, outcome, count = (read.column(k) for k in range(3))
    weight, squares = (read.column(3), read.column(4)) if weighted else (count, count)
    total = sum(int(row["count"]) for row in filled if isinstance(row["count"], int | float))
    n = int(count.sum())
    sums = stretch_of(weight, squares, score, outcome)
    return reliability_metric(sums, statistic, n=n, num_unscored=total - n, level=level)


def stretch_of(weight: FloatArray, squares: FloatArray, score: FloatArray, outcome: FloatArray) -> Stretch:
    """The sums over rows, all of shape (n,)."""
    return Stretch(
        float(weight.sum()), float(squares.sum()), float(weight @ score), float(weight @ outcome), float(weight @ score**2)
    )  # fmt: skip
