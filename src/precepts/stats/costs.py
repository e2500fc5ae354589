"""The mean cost of decisions: what wrong acts cost, over everyone, by group. The utility that the decided costs speak of.

A cost takes few values: nothing for a right act, the decided cost of a false positive, that of a false negative. So its mean is
a sum of shares times costs, and its interval follows from one interval a share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray
from precepts.stats.rates import wilson_interval
from precepts.stats.ratios import mover
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


class CostSide(NamedTuple):
    """How much of one side of a comparison costs what: rows, or weight where rows have weights."""

    costs: FloatArray
    """What a wrong act may cost, distinct and above 0, shape (k,)."""
    sizes: FloatArray
    """Of rows at each of these costs, shape (k,)."""
    total: float
    """Of all rows, those that cost nothing too."""
    squares: float
    """Sum of the squared weights; the number of rows where there are none."""

    @property
    def factor(self) -> float:
        """What weights are multiplied by to add up to the effective number of rows, (Σw)² / Σw², which is at least 1."""
        return max(self.total / self.squares, 1 / self.total) if self.squares > 0 and self.total > 0 else 0.0

    @property
    def mean(self) -> float:
        """Cost a row."""
        return float(self.costs @ self.sizes) / self.total

    def interval(self, *, level: float) -> Interval:
        """Interval of the mean, from Wilson's interval of each share.

        Zou and Donner 2008 (Statistics in Medicine 27:1693-1702) for a sum of estimates that go together as shares of one
        total do, by -√(p q / ((1 - p)(1 - q))). Their use for costs is our own; coverage is checked by simulation.
        """
        n = max(1, round(self.total * self.factor))
        shares = self.sizes / self.total
        limits = [wilson_interval(min(n, round(float(share) * n)), n, level=level) for share in shares]
        low, high = (self.costs * np.abs(np.array(side) - shares) for side in zip(*limits, strict=True))
        odds = np.sqrt(shares / np.maximum(1 - shares, 1e-12))
        together = np.maximum(-np.outer(odds, odds), -1.0)
        np.fill_diagonal(together, 1.0)
        below, above = (math.sqrt(max(0.0, float(arm @ together @ arm))) for arm in (low, high))
        return max(0.0, self.mean - below), min(float(self.costs.max()), self.mean + above)


def cost_metric(sides: Sequence[CostSide], *, n: int, num_unscored: int, level: float) -> Metric:
    """`group_cost@1` of one side or two."""
    value: float | None = None
    interval: Interval | None = None
    if all(side.factor > 0 for side in sides):
        limits = [side.interval(level=level) for side in sides]
        value, interval = sides[0].mean, limits[0]
        if len(sides) == 2:
            value, interval = value - sides[1].mean, mover(value, limits[0], sides[1].mean, limits[1])
    unit = "difference" if len(sides) == 2 else "cost"
    return as_metric("group_cost@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit=unit)


@estimator("group_cost", version=1, params=("of", "against", "costs", "weights"))
def group_cost(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean `score`, a cost, in the arm `of`; with `against: others` less that of all other rows together.

    Keys: `score`, `arm`, `count`; with `weights: given` also `score_b` and `score_c`, the sums of the weights and of their squares
    over the observations of a row. The option `costs` lists what a wrong act may cost: every score is one of them, or 0. A cost
    that no row has widens the interval as one that could have come does.
    """
    weighted = choice_option(params, "weights", ("none", "given")) == "given"
    given = params.get("costs")
    costs = np.unique(np.array(given if isinstance(given, list | tuple) else [], dtype=np.float64))
    if not costs.size or costs[0] <= 0:
        raise InputError(f"group_cost@1 needs the option `costs`, numbers above 0 such as [1, 5]; got {given!r}.")
    of = params.get("of")
    chosen = [[row for row in rows if of is None or str(row.get("arm")) == str(of)]]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        chosen.append([row for row in rows if str(row.get("arm")) != str(of)])
    sides: list[CostSide] = []
    n = unscored = 0
    for side in chosen:
        filled = [{**row, "count": row.get("count", 1)} for row in side]
        read = read_columns(filled, "score", "count", *(("score_b", "score_c") if weighted else ()))
        score, count = read.column(0), read.column(1)
        size, squares = (read.column(2), read.column(3)) if weighted else (count, count)
        if not np.isin(score, np.append(costs, 0.0)).all():
            raise InputError(f"group_cost@1: a score is none of the costs {', '.join(f'{c:g}' for c in costs)}, nor 0.")
        n += int(count.sum())
        unscored += sum(int(row["count"]) for row in filled if isinstance(row["count"], int | float)) - int(count.sum())
        at = np.array([float(size[score == cost].sum()) for cost in costs])
        sides.append(CostSide(costs, at, float(size.sum()), float(squares.sum())))
    return cost_metric(sides, n=n, num_unscored=unscored, level=level)
