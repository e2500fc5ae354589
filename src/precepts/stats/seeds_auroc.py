"""AUROC over runs and rows that are crossed, and PGR in terms of it (EleutherAI 2024 report PGR so).

Resampled as in `seeds`: seeds and clusters of rows are drawn independently. Shapes: R resamples, S seeds, N rows of a seed, U distinct scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import percentile_interval
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, estimator, number_option
from precepts.stats.rows import Columns, Row, read_columns
from precepts.types import Metric

_MARGIN = 0.02


def weighted_auroc(score_N: FloatArray, label_N: FloatArray, weight_RN: FloatArray) -> FloatArray:
    """The chance that a row of label 1 scores above one of label 0, ties counted half, for each set of row weights, shape (R,).

    NaN where the weights leave a label without a row.
    """
    order = np.argsort(score_N, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score_N[order]) > 0])
    weights = weight_RN[:, order]
    above_RU = np.add.reduceat(weights * label_N[order], starts, axis=1)
    below_RU = np.add.reduceat(weights * (1 - label_N[order]), starts, axis=1)
    pairs_R = (above_RU * (below_RU.cumsum(1) - below_RU / 2)).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return pairs_R / (above_RU.sum(1) * below_RU.sum(1))


def crossed_aurocs(columns: Columns, num_scores: int, *, resamples: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """The mean over seeds of each score's AUROC, shape (K,), and its values on the resamples, shape (resamples, K).

    Args:
        columns: Complete rows: `num_scores` scores, then the label. Each needs `cluster`; rows without `seed` are one run.
        num_scores: K.
        resamples: R.
        seed: Of the resampling.

    Raises:
        InputError: If a row lacks `cluster`.
    """
    if any(row.get("cluster") is None for row in columns.rows):
        raise InputError(
            "Crossed estimators need `cluster` on every scored row, the row's own name if nothing else; one lacks it."
        )
    seeds = sorted({str(row.get("seed")) for row in columns.rows})
    clusters = sorted({str(row["cluster"]) for row in columns.rows})
    rng = np.random.default_rng(seed)
    seed_RS = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=resamples).astype(float)
    drawn_RK = rng.multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), size=resamples).astype(float)
    at = {name: place for place, name in enumerate(clusters)}
    seed_of = np.array([str(row.get("seed")) for row in columns.rows])
    cluster_of = np.array([at[str(row["cluster"])] for row in columns.rows])
    values = np.full((len(seeds), num_scores), np.nan)
    replicates = np.full((len(seeds), num_scores, resamples), np.nan)
    for s, name in enumerate(seeds):
        rows = np.flatnonzero(seed_of == name)
        weights = np.vstack([np.ones(len(rows)), drawn_RK[:, cluster_of[rows]]])
        for k in range(num_scores):
            found = weighted_auroc(columns.values[rows, k], columns.values[rows, num_scores], weights)
            values[s, k], replicates[s, k] = found[0], found[1:]
    weight_SKR = np.where(np.isfinite(replicates), seed_RS.T[:, None, :], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        crossed = (np.nan_to_num(replicates) * weight_SKR).sum(0) / weight_SKR.sum(0)
    return values.mean(0), np.clip(crossed.T, 0.0, 1.0)


@estimator("crossed_auroc", version=1, params=("resamples",))
def crossed_auroc(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean over seeds of the AUROC of `score` for `label`; None unless both labels occur in every seed. Option `resamples` (2000)."""
    read = read_columns(rows, "score", "label", positive=params.get("positive"))
    value: float | None = None
    interval: Interval | None = None
    if read.n > 1:
        means, replicates = crossed_aurocs(read, 1, resamples=int(number_option(params, "resamples", 2000)), seed=seed)
        if np.isfinite(means[0]):
            value = float(means[0])
            interval = percentile_interval(replicates[:, 0], level=level)
    return as_metric(
        "crossed_auroc@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="auc"
    )


@estimator("crossed_auroc_pgr", version=1, params=("resamples", "margin", "min_gap_errors"))
def crossed_auroc_pgr(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """PGR in terms of AUROC: of `score` between `score_b` (supervisor) and `score_c` (ceiling) for `label`.

    Undefined, and with a finite interval where it is defined, as `crossed_pgr`.
    """
    margin = number_option(params, "margin", _MARGIN)
    if margin <= 0:
        raise InputError(f"The margin of a crossed PGR is above 0, so that its interval is finite; got {margin}.")
    read = read_columns(rows, "score", "score_b", "score_c", "label", positive=params.get("positive"))
    value: float | None = None
    interval: Interval | None = None
    if read.n > 1:
        means, drawn = crossed_aurocs(read, 3, resamples=int(number_option(params, "resamples", 2000)), seed=seed)
        gap = means[2] - means[1]
        drawn = drawn[np.isfinite(drawn).all(axis=1)]
        noise = float(np.std(drawn[:, 2] - drawn[:, 1], ddof=1)) if len(drawn) > 1 else math.nan
        if gap > margin and gap >= number_option(params, "min_gap_errors", 2.0) * noise:
            value = float((means[0] - means[1]) / gap)
            gaps = np.maximum(drawn[:, 2] - drawn[:, 1], margin)
            interval = percentile_interval((drawn[:, 0] - drawn[:, 1]) / gaps, level=level)
    return as_metric(
        "crossed_auroc_pgr@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="ratio"
    )
