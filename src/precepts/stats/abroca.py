"""ABROCA: the area between the ROC curves of a group and of all others, which equal AUCs can hide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

_GRID = np.linspace(0.0, 1.0, 513)


def roc(ones: FloatArray, zeros: FloatArray) -> FloatArray:
    """True positive rates at 513 even false positive rates, shape (513,), from counts by score, both of shape (scores,), lowest first."""
    true = np.concatenate([[0.0], np.cumsum(ones[::-1])]) / ones.sum()
    false = np.concatenate([[0.0], np.cumsum(zeros[::-1])]) / zeros.sum()
    return np.asarray(np.interp(_GRID, false, true), dtype=np.float64)


def _counts(rows: Sequence[Row], params: Params) -> tuple[FloatArray, int, int]:
    """Counts by side, outcome and score, shape (2, 2, scores); n and unscored."""
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    read = read_columns(filled, "score", "label", "count", positive=params.get("positive"))
    scores, place = np.unique(read.column(0), return_inverse=True)
    mine = np.array([str(row.get("arm")) == str(params.get("of")) for row in read.rows], dtype=np.int64)
    flat = ((1 - mine) * 2 + read.column(1).astype(np.int64)) * scores.size + place
    counts = np.bincount(flat, read.column(2), minlength=4 * scores.size).astype(np.float64).reshape(2, 2, scores.size)
    total = sum(int(row["count"]) for row in filled if isinstance(row["count"], int | float))
    n = int(read.column(2).sum())
    return counts, n, total - n


@estimator("abroca", version=1, params=("of", "resamples"))
def abroca(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """∫ |ROC of the arm `of` - ROC of all others| over false positive rates. Keys `score`, `label`, `arm`, `count`.

    Gardner, Brooks and Baker 2019 (LAK), as recalled. The area is above 0 even where the curves are equal, so its interval is
    that of a norm: |area - truth| is at most the area between the estimated and the true difference of curves, whose law
    `resamples` (300) draws give; it holds 0 at its level where curves are equal. None unless both outcomes occur on each side.
    """
    counts, n, unscored = _counts(rows, params)
    resamples = int(number_option(params, "resamples", 300))
    return abroca_metric(counts, n=n, num_unscored=unscored, resamples=resamples, seed=seed, level=level)


def abroca_metric(counts: FloatArray, *, n: int, num_unscored: int, resamples: int, seed: int, level: float) -> Metric:
    """`abroca@1` of counts by side (the arm, all others), outcome (0, 1) and score, lowest first; shape (2, 2, scores)."""
    if not counts.sum(axis=2).all():
        return as_metric("abroca@1", None, None, level=level, n=n, num_unscored=num_unscored, unit="area")
    difference = roc(counts[0, 1], counts[0, 0]) - roc(counts[1, 1], counts[1, 0])
    rng, away = np.random.default_rng(seed), []
    for _ in range(resamples):
        # Each side and outcome apart, as a curve needs some of both.
        again = [
            [rng.multinomial(int(part.sum()), part / part.sum()).astype(np.float64) for part in side] for side in counts
        ]
        curve = roc(again[0][1], again[0][0]) - roc(again[1][1], again[1][0])
        away.append(float(np.mean(np.abs(curve - difference))))
    value, reach = float(np.mean(np.abs(difference))), float(np.quantile(away, level))
    interval: Interval = (max(0.0, value - reach), min(1.0, value + reach))
    return as_metric("abroca@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit="area")
