"""Two models compared side by side: who won how often, ties kept, as a share, as a Bradley-Terry strength, and as Cohen's h.

A row's `score` is 1 where the first model (in the order of the claim) came out better, 0 where the second did, 0.5 for a tie; None is not known.
`cluster` is the conversation or the rater that several ratings share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray, critical_t
from precepts.stats.rates import cohens_h
from precepts.stats.registry import Interval, Params, as_metric, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def _cluster_sums(rows: Sequence[Row]) -> tuple[FloatArray, FloatArray, int, int]:
    """Score sums and row counts by cluster in an order of their own, shapes (C,) and (C,), then how many rows count and how many do not."""
    read = read_columns(rows, "score")
    sums: dict[str, list[float]] = {}
    clustered = any(row.get("cluster") is not None for row in read.rows)
    for place, (row, score) in enumerate(zip(read.rows, read.column(0).tolist(), strict=True)):
        if score not in (0.0, 0.5, 1.0):
            raise InputError(f"A comparison scores 1, 0 or 0.5 for a tie; got {score}.")
        one = sums.setdefault(str(row.get("cluster")) if clustered else str(place), [0.0, 0.0])
        one[0] += score
        one[1] += 1
    ordered = sorted(sums.values())
    totals = np.array([s for s, _ in ordered], dtype=np.float64)
    counts = np.array([c for _, c in ordered], dtype=np.float64)
    return totals, counts, read.n, read.num_unscored


def bradley_terry(totals_C: FloatArray, counts_C: FloatArray, *, level: float = 0.95) -> tuple[float, Interval | None]:
    """Log-odds (nats) that the first model is preferred, ties counted half to each, and its interval over clusters.

    Bradley and Terry 1952, Biometrika 39:324-345: of two models the strength is the logit of the share won. One tie is added to the data, so
    that a model that always won has a finite strength; it draws the value towards 0 by less than the interval is wide. The interval is the
    clustered sandwich on the logit scale with Student's quantile over clusters, and no narrower than that of independent ratings without ties would
    be if every rating agreed (one tie then is all the spread there is). None with fewer than two clusters.
    """
    wins, n = float(totals_C.sum()) + 0.5, float(counts_C.sum()) + 1
    share = wins / n
    value = math.log(share / (1 - share))
    num = totals_C.size
    if num < 2:
        return value, None
    residual_C = totals_C - share * counts_C
    variance = num / (num - 1) * float((residual_C**2).sum()) / n**2
    floor = share * (1 - share) / n if float(np.ptp(totals_C / counts_C)) == 0 else 0.0
    half = critical_t(level, df=num - 1) * math.sqrt(max(variance, floor)) / (share * (1 - share))
    return value, (value - half, value + half)


@estimator("bradley_terry", version=1)
def bradley_terry_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Strength of the first model over the second in log-odds, 0 where neither is preferred; see `bradley_terry`."""
    totals, counts, n, num_unscored = _cluster_sums(rows)
    value, interval = bradley_terry(totals, counts, level=level) if n else (None, None)
    return as_metric("bradley_terry@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit="log-odds")


@estimator("preference_h", version=1)
def preference_h(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Cohen's h between the share of rows that the first model won and the share that the second won, ties in both denominators.

    The two shares come from the same rows, so they are not independent. The interval is the delta method on the arcsine scale with the covariance of
    the two shares over clusters, cut to [-π, π]; none where either share is 0, where that scale has no slope.
    """
    read = read_columns(rows, "score")
    if not read.n:
        return as_metric("preference_h@1", None, None, level=level, n=0, num_unscored=read.num_unscored, unit="h")
    clustered = any(row.get("cluster") is not None for row in read.rows)
    cells: dict[str, list[float]] = {}
    for place, (row, score) in enumerate(zip(read.rows, read.column(0).tolist(), strict=True)):
        one = cells.setdefault(str(row.get("cluster")) if clustered else str(place), [0.0, 0.0, 0.0])
        one[0] += float(score == 1)
        one[1] += float(score == 0)
        one[2] += 1
    cells_C3 = np.array(sorted(cells.values()), dtype=np.float64)
    won, lost = float(cells_C3[:, 0].sum()) / read.n, float(cells_C3[:, 1].sum()) / read.n
    value, interval = cohens_h(won, lost), None
    num = len(cells_C3)
    if num >= 2 and 0 < won < 1 and 0 < lost < 1:
        slope = 1 / math.sqrt(won * (1 - won)), 1 / math.sqrt(lost * (1 - lost))
        moved_C = slope[0] * (cells_C3[:, 0] - won * cells_C3[:, 2]) - slope[1] * (
            cells_C3[:, 1] - lost * cells_C3[:, 2]
        )
        half = critical_t(level, df=num - 1) * math.sqrt(num / (num - 1) * float((moved_C**2).sum())) / read.n
        interval = (max(-math.pi, value - half), min(math.pi, value + half))
    return as_metric("preference_h@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="h")
