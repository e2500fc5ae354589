"""Measures by group of rows that count unlike: sampling weights, or the probability that a row belongs to the group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from precepts.stats.distributions import FloatArray
from precepts.stats.group_auc import auc_against, counted_auc
from precepts.stats.ratios import Moments, gap_against, rate_against
from precepts.stats.registry import Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


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
    mine = [row for row in rows if of is None or str(row.get("arm")) == str(of)]
    sides = [mine]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        sides.append([row for row in rows if str(row.get("arm")) != str(of)])
    keys = (
        ("score", "count", "score_b", "score_c")
        if measure == "rate"
        else ("score", "label", "count", "score_b", "score_c")
    )
    found: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    n = unscored = 0
    for side in sides:
        filled = [{**row, "count": row.get("count", 1)} for row in side]
        read = read_columns(filled, *keys, positive=params.get("positive"))
        counts, weight, squares = (read.column(len(keys) - k) for k in (3, 2, 1))
        n += int(counts.sum())
        unscored += sum(int(cast("float", row["count"])) for row in filled) - int(counts.sum())
        # At least one row: sums of squares are at most the square of the sum.
        factor = max(weight.sum() / squares.sum(), 1 / weight.sum()) if squares.sum() > 0 and weight.sum() > 0 else 0.0
        label = read.column(1) if measure != "rate" else np.zeros(read.n)
        found.append((read.column(0), label, weight * factor))
    name = "weighted_group@1"
    unit = "difference" if len(sides) == 2 or measure == "gap" else "auc" if measure == "auc" else "rate"
    areas = [counted_auc(*side) for side in found] if measure == "auc" else []
    whole = [one for one in areas if one is not None]
    if any(float(w.sum()) <= 0 for _, _, w in found) or len(whole) < len(areas):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit=unit)
    if measure == "rate":
        value, interval = rate_against([(float(s @ w), float(w.sum())) for s, _, w in found], level=level)
        exact = [float(s @ w / w.sum()) for s, _, w in found]
        value = exact[0] - (exact[1] if len(exact) == 2 else 0.0)
    elif measure == "gap":
        moments = [
            Moments(float(w.sum()), float(s @ w), float(y @ w), float(s**2 @ w), float((s * y) @ w))
            for s, y, w in found
        ]
        value, interval = gap_against(moments, level=level)
    else:
        value, interval = auc_against(whole, level=level)
    return as_metric(name, value, interval, level=level, n=n, num_unscored=unscored, unit=unit)
