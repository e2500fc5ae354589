"""Rates and their differences: Wilson, Newcombe, McNemar, Cohen's h.

Intervals keep their coverage at small n and near 0 and 1, where the textbook interval (value ± 1.96 standard errors)
has width zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import bca_of_mean, cluster_bootstrap_of_mean
from precepts.stats.distributions import FloatArray, binomial_cdf, critical_t, critical_z
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def wilson_interval(num_successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Score interval of a rate, inside [0, 1] and never of width zero. Wilson 1927, JASA 22:209-212.

    Raises:
        InputError: Unless 0 <= num_successes <= n and n > 0.
    """
    if not 0 <= num_successes <= n or n == 0:
        raise InputError(f"Wilson's interval needs 0 <= successes <= n and n > 0; got {num_successes} of {n}.")
    z = critical_z(level)
    rate = num_successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if num_successes == 0 else max(0.0, centre - half)
    high = 1.0 if num_successes == n else min(1.0, centre + half)
    return low, high


def newcombe_interval(num_a: int, n_a: int, num_b: int, n_b: int, *, level: float = 0.95) -> Interval:
    """Interval of rate a minus rate b of two independent samples, inside [-1, 1].

    The hybrid score interval without continuity correction: Newcombe 1998, Statistics in Medicine 17:873-890, method
    10.
    """
    rate_a, rate_b = num_a / n_a, num_b / n_b
    (low_a, high_a), (low_b, high_b) = (
        wilson_interval(num_a, n_a, level=level),
        wilson_interval(num_b, n_b, level=level),
    )
    value = rate_a - rate_b
    return value - math.hypot(rate_a - low_a, high_b - rate_b), value + math.hypot(high_a - rate_a, rate_b - low_b)


def newcombe_paired_interval(
    num_both: int, num_a_only: int, num_b_only: int, num_neither: int, *, level: float = 0.95
) -> Interval:
    """Interval of rate a minus rate b of the same n cases, inside [-1, 1].

    Two Wilson intervals joined with the correlation of the pairs, which is shrunk by n/2 in the numerator when
    positive: Newcombe 1998, Statistics in Medicine 17:2635-2650, method 10.

    Args:
        num_both: Cases with 1 in both arms.
        num_a_only: Cases with 1 in arm a alone.
        num_b_only: Cases with 1 in arm b alone.
        num_neither: Cases with 0 in both arms.
        level: Coverage aimed at.
    """
    n = num_both + num_a_only + num_b_only + num_neither
    num_a, num_b = num_both + num_a_only, num_both + num_b_only
    (low_a, high_a), (low_b, high_b) = wilson_interval(num_a, n, level=level), wilson_interval(num_b, n, level=level)
    margins = num_a * (n - num_a) * num_b * (n - num_b)
    product = num_both * num_neither - num_a_only * num_b_only
    if product > 0:
        product = max(product - n / 2, 0.0)
    phi = product / math.sqrt(margins) if margins else 0.0
    value = (num_a_only - num_b_only) / n

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))

    low = value - distance(num_a / n - low_a, high_b - num_b / n)
    high = value + distance(high_a - num_a / n, num_b / n - low_b)
    return max(-1.0, low), min(1.0, high)


@dataclass(frozen=True)
class McNemar:
    """Counts of the four kinds of pairs and two-sided p values that both arms have the same rate."""

    num_both: int
    num_a_only: int
    num_b_only: int
    num_neither: int
    p_exact: float
    """Never above its nominal error rate."""
    p_mid: float
    """Less conservative; near its nominal error rate, and rarely above it."""


def mcnemar(scores_a: Sequence[float], scores_b: Sequence[float]) -> McNemar:
    """McNemar's test of paired 0/1 scores; without a discordant pair both p values are 1.

    Raises:
        InputError: If the arms differ in length or hold anything but 0 and 1.

    Exact: McNemar 1947 with the binomial distribution; mid-p: Fagerland, Lydersen and Laake 2013, BMC Medical Research
    Methodology 13:91.
    """
    a, b = np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"McNemar's test needs one score per case and arm; got {a.size} and {b.size}.")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise InputError("McNemar's test needs scores of 0 or 1.")
    num_both, num_a_only, num_b_only, num_neither = paired_counts(a, b)
    fewer, discordant = min(num_a_only, num_b_only), num_a_only + num_b_only
    exact = 2 * binomial_cdf(fewer, discordant)
    mid = binomial_cdf(fewer, discordant) + binomial_cdf(fewer - 1, discordant)
    return McNemar(num_both, num_a_only, num_b_only, num_neither, p_exact=min(1.0, exact), p_mid=min(1.0, mid))


def paired_counts(a: FloatArray, b: FloatArray) -> tuple[int, int, int, int]:
    """How many pairs of 0/1 scores are 1 in both arms, in a alone, in b alone, in neither."""
    both, a_only = int(np.sum((a == 1) & (b == 1))), int(np.sum((a == 1) & (b == 0)))
    b_only = int(np.sum((a == 0) & (b == 1)))
    return both, a_only, b_only, int(a.size) - both - a_only - b_only


def cohens_h(rate_a: float, rate_b: float) -> float:
    """Effect size between two rates in radians, in [-π, π]; 0.2, 0.5, 0.8 are small, medium, large. Cohen 1988, ch. 6.

    Raises:
        InputError: If a rate is outside [0, 1].
    """
    if not (0 <= rate_a <= 1 and 0 <= rate_b <= 1):
        raise InputError(f"Rates are in [0, 1]; got {rate_a} and {rate_b}.")
    return 2 * math.asin(math.sqrt(rate_a)) - 2 * math.asin(math.sqrt(rate_b))


@estimator("wilson", version=1)
def wilson(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Share of rows whose `score` is 1, with Wilson's interval; scores must be 0 or 1."""
    read = read_columns(rows, "score", binary=["score"])
    if not read.n:
        return as_metric("wilson@1", None, None, level=level, n=0, num_unscored=read.num_unscored)
    successes = int(read.column(0).sum())
    interval = wilson_interval(successes, read.n, level=level)
    return as_metric("wilson@1", successes / read.n, interval, level=level, n=read.n, num_unscored=read.num_unscored)


@estimator("newcombe", version=1)
def newcombe(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of arm `a` minus rate of arm `b`, of different rows, with Newcombe's interval: keys `score` and `arm`."""
    for position, row in enumerate(rows, start=1):
        if row.get("arm") not in ("a", "b"):
            raise InputError(f"Row {position}: `arm` must be a or b for newcombe@1; got {row.get('arm')!r}.")
    arms = [read_columns([row for row in rows if row["arm"] == arm], "score", binary=["score"]) for arm in ("a", "b")]
    n, num_unscored = sum(arm.n for arm in arms), sum(arm.num_unscored for arm in arms)
    if not all(arm.n for arm in arms):
        return as_metric("newcombe@1", None, None, level=level, n=n, num_unscored=num_unscored, unit="difference")
    (num_a, n_a), (num_b, n_b) = ((int(arm.column(0).sum()), arm.n) for arm in arms)
    interval = newcombe_interval(num_a, n_a, num_b, n_b, level=level)
    value = num_a / n_a - num_b / n_b
    return as_metric("newcombe@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit="difference")


@estimator("paired_difference", version=1, params=("method", "resamples"))
def paired_difference(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of `score` minus `score_b` over the rows that have both.

    The option `method` says which interval: `auto` is `newcombe` if every score is 0 or 1 and `bca` otherwise;
    `newcombe` is `newcombe_paired_interval`; `bca` and `t` are of the mean difference; `cluster` resamples whole
    values of `cluster`. Differences that do not vary have no interval under the last three, since nothing in them
    tells its width. `resamples` (2000) is for `bca` and `cluster`.
    """
    read = read_columns(rows, "score", "score_b")
    method = choice_option(params, "method", ("auto", "newcombe", "bca", "t", "cluster"))
    if not read.n:
        return as_metric(
            "paired_difference@1", None, None, level=level, n=0, num_unscored=read.num_unscored, unit="difference"
        )
    a, b = read.column(0), read.column(1)
    is_binary = bool(np.isin(read.values, (0, 1)).all())
    differences = np.sort(a - b)
    resamples = int(number_option(params, "resamples", 2000))
    if method == "newcombe" or (method == "auto" and is_binary):
        if not is_binary:
            raise InputError("paired_difference@1 with method newcombe needs scores of 0 or 1; use bca or t.")
        interval = newcombe_paired_interval(*paired_counts(a, b), level=level)
    elif method == "t":
        interval = t_interval(differences, level=level)
    elif method == "cluster":
        interval = cluster_bootstrap_of_mean(
            a - b, [row.get("cluster") for row in read.rows], resamples=resamples, seed=seed, level=level
        )
    else:
        interval = bca_of_mean(differences, resamples=resamples, seed=seed, level=level)
    return as_metric(
        "paired_difference@1",
        float(differences.mean()),
        interval,
        level=level,
        n=read.n,
        num_unscored=read.num_unscored,
        unit="difference",
    )


def t_interval(values: FloatArray, *, level: float = 0.95) -> Interval | None:
    """Student's interval of the mean of `values`, shape (n,); None if n < 2 or the values do not vary."""
    if values.size < 2 or np.ptp(values) == 0:
        return None
    half = critical_t(level, df=values.size - 1) * float(values.std(ddof=1)) / math.sqrt(values.size)
    mean = float(values.mean())
    return mean - half, mean + half
