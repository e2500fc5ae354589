"""Rates of rows that were sampled in clusters: Wilson's interval at the number of rows that as much information would take without clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from precepts.errors import InputError
from precepts.stats.distributions import critical_t, critical_z
from precepts.stats.registry import Interval, Params, as_metric, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def clustered_wilson_interval(counts: Sequence[tuple[int, int]], *, level: float = 0.95) -> Interval:
    """Wilson's interval of a rate with the effective number of rows in place of their number.

    The design effect is the variance of the rate as a ratio of cluster totals over that of independent rows; below 1 it counts as 1. Where all rows
    score alike nothing tells it, and every cluster counts as one row. The effective number is lowered for the few degrees of freedom that the
    clusters leave, as Korn and Graubard 1998 (Survey Methodology 24:193-201) do for exact intervals; with Wilson's, Dean and Pagano 2015
    (Statistics in Medicine 34:3298-3309).

    Args:
        counts: Successes and rows of each cluster.
        level: Coverage aimed at.

    Raises:
        InputError: If there is no row, or a cluster has more successes than rows.
    """
    n, clusters = sum(size for _, size in counts), len(counts)
    if n == 0 or any(not 0 <= hits <= size for hits, size in counts):
        raise InputError("A clustered rate needs rows, and in each cluster at most as many successes as rows.")
    rate = sum(hits for hits, _ in counts) / n
    if 0 < rate < 1 and clusters > 1:
        variance = clusters / (clusters - 1) * math.fsum((hits - rate * size) ** 2 for hits, size in counts) / n**2
        plain = rate * (1 - rate) / n
        effective = min(n, n * plain / variance) if variance > 0 else n
        effective *= (critical_t(level, df=n - 1) / critical_t(level, df=clusters - 1)) ** 2
    else:
        effective = clusters
    return effective_wilson(rate, max(1.0, min(float(n), effective)), level=level)


def effective_wilson(rate: float, effective: float, *, level: float) -> Interval:
    """Wilson's interval of a rate at an effective number of rows, which need not be whole."""
    z = critical_z(level)
    centre = (rate + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z / (1 + z * z / effective) * math.sqrt(rate * (1 - rate) / effective + z * z / (4 * effective**2))
    return (0.0 if rate == 0 else max(0.0, centre - half)), (1.0 if rate == 1 else min(1.0, centre + half))


@estimator("clustered_wilson", version=1)
def clustered_wilson(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Share of rows whose `score` is 1, with `clustered_wilson_interval` over `cluster`; n counts rows."""
    read = read_columns(rows, "score", binary=["score"])
    if not read.n:
        return as_metric("clustered_wilson@1", None, None, level=level, n=0, num_unscored=read.num_unscored)
    counts: dict[str, tuple[int, int]] = {}
    for row, score in zip(read.rows, read.column(0).tolist(), strict=True):
        if row.get("cluster") is None:
            raise InputError("clustered_wilson@1 needs a `cluster` on every scored row; one has none.")
        name = f"{type(row['cluster']).__name__}:{row['cluster']}"
        hits, size = counts.get(name, (0, 0))
        counts[name] = (hits + int(score), size + 1)
    interval = clustered_wilson_interval(sorted(counts.values()), level=level)
    value = float(read.column(0).mean())
    return as_metric("clustered_wilson@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored)
