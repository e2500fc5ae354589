"""The bootstrap: resampled rows or clusters, percentile and BCa intervals. Efron and Tibshirani 1993, chapters 13-14.

Draws come from numpy's `default_rng(seed)` over sorted data, so a number depends on the data, the seed and the
options and not on the order of rows. Data that do not vary have no interval here: no resample can show how wide it
should be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precepts.errors import InputError
from precepts.stats.distributions import NORMAL, FloatArray
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

Method = Literal["bca", "percentile"]

_CHUNK = 4_000_000  # numbers drawn at once: 32 MB
_MANY_VALUES = 64  # up to this many distinct values their counts are drawn instead of rows: the same law, less work


@dataclass(frozen=True)
class Resampled:
    """A statistic, its interval and its values on the resamples."""

    value: float
    interval: Interval | None
    """None where the resamples do not vary, or too many of them left the statistic undefined."""
    replicates: FloatArray
    """Shape (resamples,); NaN where the statistic was undefined."""


def bootstrap(
    statistic: Callable[[FloatArray], float],
    data: FloatArray,
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
    method: Method = "bca",
    clusters: Sequence[Hashable] | None = None,
    strata: Sequence[Hashable] | None = None,
) -> Resampled:
    """Any statistic of rows with a bootstrap interval.

    Args:
        statistic: A function of rows like `data`; NaN says that it is undefined for them.
        data: Shape (n,) or (n, columns).
        seed: Of the resampling.
        resamples: How many; 2000 for limits that move little between seeds.
        level: Coverage aimed at.
        method: `bca` corrects bias and skew, at the cost of one more evaluation per row; `percentile` does not.
        clusters: The sampled unit of each row; whole units are drawn.
        strata: The stratum of each row; each stratum keeps its number of rows (or of clusters).

    Raises:
        InputError: If there is no row, or clusters or strata are of another length, or a cluster is in two strata.
    """
    n = data.shape[0]
    if n == 0:
        raise InputError("A bootstrap needs at least one row.")
    units = _units(n, clusters, strata)
    rng = np.random.default_rng(seed)
    replicates = np.empty(resamples)
    for replicate in range(resamples):
        drawn = [stratum[i] for stratum in units for i in rng.integers(0, len(stratum), size=len(stratum))]
        replicates[replicate] = statistic(data[np.concatenate(drawn)])
    value = statistic(data)
    if method == "percentile":
        return Resampled(value, percentile_interval(replicates, level=level), replicates)
    everything = [unit for stratum in units for unit in stratum]
    kept = [np.concatenate(everything[:i] + everything[i + 1 :]) for i in range(len(everything)) if len(everything) > 1]
    jackknife = np.array([statistic(data[rows]) for rows in kept])
    return Resampled(value, bca_interval(replicates, value=value, jackknife=jackknife, level=level), replicates)


def _units(
    n: int, clusters: Sequence[Hashable] | None, strata: Sequence[Hashable] | None
) -> list[list[NDArray[np.intp]]]:
    """Row numbers of each drawn unit, grouped by stratum."""
    for name, given in (("clusters", clusters), ("strata", strata)):
        if given is not None and len(given) != n:
            raise InputError(f"{name} must name one for each of {n} rows; got {len(given)}.")
    members: dict[Hashable, list[int]] = {}
    for row in range(n):
        members.setdefault(row if clusters is None else clusters[row], []).append(row)
    by_stratum: dict[Hashable, list[NDArray[np.intp]]] = {}
    for cluster, rows in members.items():
        found = {strata[row] for row in rows} if strata is not None else {None}
        if len(found) > 1:
            raise InputError(f"The cluster {cluster!r} has rows in more than one stratum.")
        by_stratum.setdefault(found.pop(), []).append(np.array(rows, dtype=np.intp))
    return list(by_stratum.values())


def percentile_interval(replicates: FloatArray, *, level: float = 0.95) -> Interval | None:
    """The central share of the replicates, shape (resamples,); None if they do not vary.

    An undefined replicate (NaN) could lie anywhere, so it counts below the lower and above the upper limit; a limit
    that falls among them makes the interval None.
    """
    return _between(replicates, (1 - level) / 2, (1 + level) / 2)


def bca_interval(
    replicates: FloatArray, *, value: float, jackknife: FloatArray, level: float = 0.95
) -> Interval | None:
    """Bias-corrected and accelerated interval; None if the replicates do not vary. Efron 1987, JASA 82:171-185.

    Args:
        replicates: Shape (resamples,); NaN as in `percentile_interval`.
        value: The statistic of the data; replicates equal to it count half below it.
        jackknife: The statistic without each unit in turn, shape (units,).
        level: Coverage aimed at.
    """
    defined = replicates[~np.isnan(replicates)]
    if defined.size == 0 or math.isnan(value):
        return None
    slack = 1e-12 * max(1.0, abs(value))
    below = float(np.mean(defined < value - slack) + 0.5 * np.mean(np.abs(defined - value) <= slack))
    edge = 0.5 / defined.size
    bias = NORMAL.inv_cdf(min(max(below, edge), 1 - edge))
    acceleration = _acceleration(jackknife)

    def adjusted(tail: float) -> float:
        z = bias + NORMAL.inv_cdf(tail)
        scale = 1 - acceleration * z
        # Beyond scale 0 the correction has no meaning; the nearest end of the replicates is all that can be said.
        return NORMAL.cdf(bias + z / scale) if scale > 0 else float(z > 0)

    return _between(replicates, adjusted((1 - level) / 2), adjusted((1 + level) / 2))


def _acceleration(jackknife: FloatArray) -> float:
    """Skewness of the jackknife values over six, 0 where they do not vary."""
    defined = jackknife[~np.isnan(jackknife)]
    if defined.size == 0:
        return 0.0
    deviations = defined.mean() - defined
    scale = float(np.sum(deviations**2)) ** 1.5
    return float(np.sum(deviations**3)) / (6 * scale) if scale > 1e-300 else 0.0


def _between(replicates: FloatArray, low_share: float, high_share: float) -> Interval | None:
    """Order statistics at the two shares, rounded outwards."""
    defined = replicates[~np.isnan(replicates)]
    if defined.size == 0 or float(np.ptp(defined)) <= 1e-12 * max(1.0, float(np.abs(defined).max())):
        return None
    undefined = np.isnan(replicates)
    low = float(np.quantile(np.where(undefined, -np.inf, replicates), low_share, method="lower"))
    high = float(np.quantile(np.where(undefined, np.inf, replicates), high_share, method="higher"))
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def mean_replicates(values: FloatArray, *, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Means of resampled rows in any order, shape (n,) to (resamples,) or (n, c) to (resamples, c)."""
    n, rest = values.shape[0], values.shape[1:]
    distinct, counts = np.unique(values, return_counts=True, axis=0)
    if counts.size <= _MANY_VALUES:
        return rng.multinomial(n, counts / n, size=resamples) @ distinct / n
    ordered = np.repeat(distinct, counts, axis=0)
    at_once = max(1, _CHUNK // ordered.size)
    means = np.empty((resamples, *rest))
    for start in range(0, resamples, at_once):
        stop = min(start + at_once, resamples)
        means[start:stop] = ordered[rng.integers(0, n, size=(stop - start, n))].mean(axis=1)
    return means


def percentile_of_mean(values: FloatArray, *, resamples: int, seed: int, level: float) -> Interval | None:
    """Percentile interval of the mean of `values`, shape (n,); None if they do not vary."""
    return percentile_interval(
        mean_replicates(values, resamples=resamples, rng=np.random.default_rng(seed)), level=level
    )


def bca_of_mean(values: FloatArray, *, resamples: int, seed: int, level: float) -> Interval | None:
    """BCa interval of the mean of `values`, shape (n,); None if they do not vary."""
    if values.size < 2:
        return None
    replicates = mean_replicates(values, resamples=resamples, rng=np.random.default_rng(seed))
    value = float(values.mean())
    jackknife = (values.sum() - values) / (values.size - 1)
    return bca_interval(replicates, value=value, jackknife=jackknife, level=level)


def cluster_bootstrap_of_mean(
    values: FloatArray,
    clusters: Sequence[object],
    *,
    resamples: int,
    seed: int,
    level: float,
    method: Method = "bca",
) -> Interval | None:
    """Interval of the mean over rows when whole clusters were sampled; None with one cluster or without variation.

    With fewer than about twenty clusters it is too narrow, as every cluster bootstrap is.

    Args:
        values: Shape (n,).
        clusters: The cluster of each row; None is not one.
        resamples: How many times as many clusters as there are, are drawn.
        seed: Of the draws.
        level: Coverage aimed at.
        method: Of the interval.

    Raises:
        InputError: If a row has no cluster.
    """
    members: dict[str, list[float]] = {}
    for value, cluster in zip(values.tolist(), clusters, strict=True):
        if cluster is None:
            raise InputError("A cluster bootstrap needs a `cluster` on every scored row; one has none.")
        members.setdefault(f"{type(cluster).__name__}:{cluster}", []).append(value)
    totals = np.array(sorted((math.fsum(found), float(len(found))) for found in members.values()))
    if len(totals) < 2:
        return None
    rng = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // len(totals))
    sizes = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    drawn = np.concatenate([totals[rng.integers(0, len(totals), size=(s, len(totals)))].sum(axis=1) for s in sizes])
    replicates = drawn[:, 0] / drawn[:, 1]
    if method == "percentile":
        return percentile_interval(replicates, level=level)
    rest = totals.sum(axis=0) - totals
    value = float(totals[:, 0].sum() / totals[:, 1].sum())
    return bca_interval(replicates, value=value, jackknife=rest[:, 0] / rest[:, 1], level=level)


@estimator("percentile", version=1, params=("resamples",))
def percentile(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of `score` with the percentile interval; option `resamples` (2000). For rates wilson@1 covers better."""
    read = read_columns(rows, "score")
    resamples = int(number_option(params, "resamples", 2000))
    value = float(read.column(0).mean()) if read.n else None
    interval = percentile_of_mean(read.column(0), resamples=resamples, seed=seed, level=level) if read.n else None
    return as_metric(
        "percentile@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="mean"
    )


@estimator("bca", version=1, params=("resamples",))
def bca(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of `score` with the BCa bootstrap interval; option `resamples` (2000). For rates wilson@1 covers better."""
    read = read_columns(rows, "score")
    resamples = int(number_option(params, "resamples", 2000))
    value = float(read.column(0).mean()) if read.n else None
    interval = bca_of_mean(read.column(0), resamples=resamples, seed=seed, level=level) if read.n else None
    return as_metric("bca@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="mean")


@estimator("cluster_bootstrap", version=1, params=("resamples", "method"))
def cluster_bootstrap(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of `score` over rows, whole values of `cluster` resampled; options `resamples` (2000), `method` (bca).

    `n` counts rows, not clusters.
    """
    read = read_columns(rows, "score")
    resamples = int(number_option(params, "resamples", 2000))
    method: Method = "percentile" if choice_option(params, "method", ("bca", "percentile")) == "percentile" else "bca"
    clusters = [row.get("cluster") for row in read.rows]
    value = float(read.column(0).mean()) if read.n else None
    interval = (
        cluster_bootstrap_of_mean(read.column(0), clusters, resamples=resamples, seed=seed, level=level, method=method)
        if read.n
        else None
    )
    return as_metric(
        "cluster_bootstrap@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="mean"
    )
