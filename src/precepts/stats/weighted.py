"""Measures by group of rows that count unlike: sampling weights, or the probability that a row belongs to the group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from precepts.stats.distributions import FloatArray
from precepts.stats.group_auc import auc_against, auc_of_counts
from precepts.stats.ratios import Moments, gap_against, rate_against
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


class WeightedSide(NamedTuple):
    """Weighted sums over the rows of one side of a comparison; what a measure does not need is empty or 0."""

    squares: float
    """Of the weights."""
    moments: Moments
    """Weighted; `n` is the sum of the weights."""
    ones: FloatArray
    """Weight of outcome 1 at each score, lowest score first, shape (scores,)."""
    zeros: FloatArray

    @property
    def factor(self) -> float:
        """What weights are multiplied by to add up to the effective number of rows, (Σw)² / Σw², which is at least 1."""
        weight = self.moments.n
        return max(weight / self.squares, 1 / weight) if self.squares > 0 and weight > 0 else 0.0


def weighted_metric(measure: str, sides: Sequence[WeightedSide], *, n: int, num_unscored: int, level: float) -> Metric:
    """`weighted_group@1` of one side or two: a `rate` (of the moments' score), a calibration `gap` or an `auc`."""
    unit = "difference" if len(sides) == 2 or measure == "gap" else "auc" if measure == "auc" else "rate"
    found: tuple[float | None, Interval | None] = None, None
    if all(side.factor > 0 for side in sides):
        if measure == "rate":
            counts = [(side.moments.score * side.factor, side.moments.n * side.factor) for side in sides]
            found = rate_against(counts, level=level)
        elif measure == "gap":
            moments = [Moments(*(value * side.factor for value in side.moments)) for side in sides]
            found = gap_against(moments, level=level)
        else:
            areas = [auc_of_counts(side.ones * side.factor, side.zeros * side.factor) for side in sides]
            whole = [one for one in areas if one is not None]
            found = auc_against(whole, level=level, version=1) if len(whole) == len(areas) else found
    return as_metric("weighted_group@1", *found, level=level, n=n, num_unscored=num_unscored, unit=unit)


@estimator("weighted_group", version=1, params=("of", "against", "measure"))
def weighted_group(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """A `rate` of `score`, a calibration `gap` (mean score less mean label) or an `auc`, of weighted rows in the arm `of`.

    With `against: others` less that of all other rows. Keys: `score`, `label` (not for a rate), `arm`, `count`, and `score_b`,
    `score_c`: the sums of the weights and of their squares over the observations of a row. Each side is taken at its
    effective number of rows, (Σw)² / Σw² (Kish 1965, Survey Sampling, section 11.7); intervals are those of the unweighted
    measures there. `n` counts rows.
    """
    measure = choice_option(params, "measure", ("rate", "gap", "auc"))
    of = params.get("of")
    chosen = [[row for row in rows if of is None or str(row.get("arm")) == str(of)]]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        chosen.append([row for row in rows if str(row.get("arm")) != str(of)])
    keys = ("score", "count", "score_b", "score_c")
    keys = keys if measure == "rate" else (keys[0], "label", *keys[1:])
    sides: list[WeightedSide] = []
    n = unscored = 0
    for side in chosen:
        filled = [{**row, "count": row.get("count", 1)} for row in side]
        read = read_columns(filled, *keys, positive=params.get("positive"))
        counts, weight, squares = (read.column(len(keys) - k) for k in (3, 2, 1))
        n += int(counts.sum())
        unscored += sum(int(cast("float", row["count"])) for row in filled) - int(counts.sum())
        score, label = read.column(0), read.column(1) if measure != "rate" else np.zeros(read.n)
        sums = [weight, weight * score, weight * label, weight * score**2, weight * score * label]
        place = np.unique(score, return_inverse=True)[1]
        sides.append(
            WeightedSide(
                float(squares.sum()), Moments(*(float(one.sum()) for one in sums)),
                np.bincount(place, weight * label).astype(np.float64), np.bincount(place, weight * (1 - label)).astype(np.float64),
            )
        )  # fmt: skip
    return weighted_metric(measure, sides, n=n, num_unscored=unscored, level=level)
