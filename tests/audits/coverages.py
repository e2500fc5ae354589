"""How often each interval of an audit holds the truth, over sizes and rates: python tests/audits/coverages.py [RUNS [SEED]].

Data are drawn as counted cells, which have the law of rows, so 10^5 rows cost what 20 do.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit, logit, ndtri
from scipy.stats import binom

from precepts.stats import (
    Moments,
    Ratings,
    detection,
    newcombe_interval,
    recalibration,
    trade_off,
    trading,
    wilson_interval,
)
from precepts.stats.confusion import Method, confusion_replicates, quantiles_of, range_of_rates
from precepts.stats.costs import CostSide, cost_metric
from precepts.stats.group_auc import auc_against, auc_of_counts
from precepts.stats.ratios import gap_difference_interval, normal_interval
from precepts.stats.weighted import WeightedSide, weighted_metric

SIZES, RATES = (20, 100, 1000, 10_000, 100_000), (0.01, 0.05, 0.2, 0.5)
Coverage = Callable[[int, float, int, int], tuple[float, float]]
"""Of (n, rate, runs, seed): the share of intervals that hold the truth, and the share of samples that have an interval."""


def wilson(n: int, rate: float, runs: int = 0, seed: int = 0) -> tuple[float, float]:
    """Summed over the binomial law: no simulation."""
    mean, sd = n * rate, math.sqrt(n * rate * (1 - rate))
    counts = np.arange(max(0, int(mean - 8 * sd - 10)), min(n, int(mean + 8 * sd + 10)) + 1)
    # The counts whose interval holds the rate are one stretch, so its ends are found by halving.
    held = [wilson_interval(int(k), n) for k in (counts if counts.size < 3000 else counts[:: counts.size // 3000])]
    low = max((int(k) for k, (_, top) in zip(_like(counts, held), held, strict=True) if top < rate), default=-1)
    while low + 1 <= n and wilson_interval(low + 1, n)[1] < rate:
        low += 1
    high = max((int(k) for k, (bottom, _) in zip(_like(counts, held), held, strict=True) if bottom <= rate), default=0)
    while high + 1 <= n and wilson_interval(high + 1, n)[0] <= rate:
        high += 1
    return float(binom(n, rate).cdf(high) - binom(n, rate).cdf(low)), 1.0


def _like(counts: np.ndarray, held: list) -> np.ndarray:
    return counts if len(held) == counts.size else counts[:: counts.size // 3000]


def newcombe(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """A group of n at `rate` less one of 2n at half as much again."""
    rng, other = np.random.default_rng(seed), min(0.9, 1.5 * rate)
    pairs = zip(rng.binomial(n, rate, runs).tolist(), rng.binomial(2 * n, other, runs).tolist(), strict=True)
    found = [newcombe_interval(a, n, b, 2 * n) for a, b in pairs]
    return _share(found, rate - other)


def _law(rate: float, points: int = 60, off: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores spread about `rate`, their shares, and the chance of outcome 1 at each: the score, `off` below on average."""
    scores = expit(logit(rate) + np.linspace(-2.0, 2.0, points))
    shares = np.exp(-(np.linspace(-2.0, 2.0, points) ** 2) / 2)
    shares /= shares.sum()
    return scores, shares, scores * (1 - off)


def _drawn(n: int, rate: float, runs: int, seed: int, off: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, shape (points,), and counts by outcome, shape (runs, 2, points)."""
    scores, shares, chance = _law(rate, off=off)
    flat = np.concatenate([shares * (1 - chance), shares * chance])
    counts = np.random.default_rng(seed).multinomial(n, flat / flat.sum(), size=runs)
    return scores, counts.reshape(runs, 2, -1).astype(float)


def _moments(scores: np.ndarray, counts: np.ndarray) -> Moments:
    zeros, ones = counts
    both = zeros + ones
    return Moments(both.sum(), both @ scores, ones.sum(), both @ scores**2, ones @ scores)


def over_prediction(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """Mean score less outcome of a score that is a fifth too high."""
    scores, counts = _drawn(n, rate, runs, seed, off=0.2)
    law, shares, chance = _law(rate, off=0.2)
    return _share([_moments(scores, one).gap_interval(level=0.95) for one in counts], float(shares @ (law - chance)))


def over_prediction_gap(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """The same, less that of a calibrated group of 3n."""
    scores, counts = _drawn(n, rate, runs, seed, off=0.2)
    _, others = _drawn(3 * n, rate, runs, seed + 10_000)
    law, shares, chance = _law(rate, off=0.2)
    found = [
        gap_difference_interval(_moments(scores, one), _moments(scores, other), level=0.95)
        for one, other in zip(counts, others, strict=True)
    ]
    return _share(found, float(shares @ (law - chance)))


def _area(ones: np.ndarray, zeros: np.ndarray) -> float:
    found = auc_of_counts(ones, zeros)
    assert found is not None, "both outcomes occur"
    return found.value


def auc(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """AUC of scores that tell outcomes apart at about 0.74."""
    _, counts = _drawn(n, rate, runs, seed)
    _, shares, chance = _law(rate)
    found = [auc_of_counts(ones, zeros) for zeros, ones in counts]
    limits = [None if one is None else auc_against([one], level=0.95)[1] for one in found]
    return _share(limits, _area(shares * chance, shares * (1 - chance)))


def auc_gap(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """The same, less that of 3n rows of the same law."""
    _, counts = _drawn(n, rate, runs, seed)
    _, others = _drawn(3 * n, rate, runs, seed + 10_000)
    limits = []
    for (zeros, ones), (more_zeros, more_ones) in zip(counts, others, strict=True):
        pair = auc_of_counts(ones, zeros), auc_of_counts(more_ones, more_zeros)
        whole = [one for one in pair if one is not None]
        limits.append(auc_against(whole, level=0.95)[1] if len(whole) == 2 else None)
    return _share(limits, 0.0)


def slope(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """Calibration slope of a score whose logits are calibrated: 1."""
    scores, counts = _drawn(n, rate, runs, seed)
    limits = []
    for one in counts:
        flat = one.ravel()
        kept = flat > 0
        outcomes = np.repeat([0.0, 1.0], scores.size)[kept]
        found = recalibration(np.tile(scores, 2)[kept], outcomes, flat[kept])
        limits.append(None if found is None else normal_interval(found.slope, found.slope_error, level=0.95))
    return _share(limits, 1.0)


def _detected(n: int, rate: float, runs: int, seed: int, which: str) -> tuple[float, float]:
    """n ratings of signal and n of noise; misses at `rate`, false alarms at half of it."""
    rng, miss, false = np.random.default_rng(seed), rate, rate / 2
    pairs = zip(rng.binomial(n, 1 - miss, runs).tolist(), rng.binomial(n, false, runs).tolist(), strict=True)
    found = [detection(hits, n, alarms, n) for hits, alarms in pairs]
    z_hit, z_false = float(ndtri(1 - miss)), float(ndtri(false))
    if which == "dprime":
        return _share([one.d_prime_interval() for one in found], z_hit - z_false)
    return _share([one.criterion_interval() for one in found], -(z_hit + z_false) / 2)


def dprime(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """d′ with the log-linear correction."""
    return _detected(n, rate, runs, seed, "dprime")


def criterion(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """c with the log-linear correction."""
    return _detected(n, rate, runs, seed, "criterion")


def revealed(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """Log of the revealed cost ratio at a prevalence of a half: d′ · c."""
    rng, miss, false = np.random.default_rng(seed), rate, rate / 2
    arm, truth, yes = np.zeros(4, dtype=np.int64), np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])
    found = []
    for hits, alarms in zip(
        rng.binomial(n, 1 - miss, runs).tolist(), rng.binomial(n, false, runs).tolist(), strict=True
    ):
        times = np.array([hits, n - hits, alarms, n - alarms], dtype=float)
        made = trading(Ratings(arm, truth, yes, times, np.arange(4), np.arange(4)), 1)
        one = trade_off(made, "log_cost_ratio", {0: 1.0}, sampled="rows")
        found.append(None if one is None else one.interval(level=0.95))
    z_hit, z_false = float(ndtri(1 - miss)), float(ndtri(false))
    return _share(found, (z_false**2 - z_hit**2) / 2)


def _costs(n: int, rate: float, runs: int, rng: np.random.Generator) -> list[CostSide]:
    """False positives at `rate`, a cost of 1; false negatives at half of it, a cost of 4."""
    drawn = rng.multinomial(n, [rate, rate / 2, 1 - 1.5 * rate], size=runs)[:, :2].astype(float)
    return [CostSide(np.array([1.0, 4.0]), one, n, n) for one in drawn]


def cost(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """Cost per case."""
    sides = _costs(n, rate, runs, np.random.default_rng(seed))
    return _share([side.interval(level=0.95) for side in sides], 3 * rate)


def cost_gap(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """The same, less that of a group of 2n whose errors are as many."""
    rng = np.random.default_rng(seed)
    pairs = zip(_costs(n, rate, runs, rng), _costs(2 * n, rate, runs, rng), strict=True)
    found = [cost_metric(pair, n=3 * n, num_unscored=0, level=0.95) for pair in pairs]
    return _share([(one.low, one.high) for one in found], 0.0)


def weighted_rate(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """A rate from two strata of equal size, one sampled half as densely and so of twice the weight, and of half the rate."""
    rng, half = np.random.default_rng(seed), n // 2
    none = np.zeros(0)
    found = []
    for one, two in zip(
        rng.binomial(half, rate, runs).tolist(), rng.binomial(half, rate / 2, runs).tolist(), strict=True
    ):
        side = WeightedSide(5.0 * half, Moments(3.0 * half, one + 2.0 * two, 0, 0, 0), none, none)
        metric = weighted_metric("rate", [side], n=n, num_unscored=0, level=0.95)
        found.append((metric.low, metric.high))
    return _share(found, 2 * rate / 3)


def bca_rate(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """BCa on counts, of a selection rate; each run is a group of one table, as the bootstrap draws all groups at once."""
    return _bootstrapped(n, rate, runs, seed, "bca")


def auto_rate(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """The same by `auto`: Wilson's limits where events are few."""
    return _bootstrapped(n, rate, runs, seed, "auto")


def _bootstrapped(n: int, rate: float, runs: int, seed: int, method: Method) -> tuple[float, float]:
    rng, runs = np.random.default_rng(seed), min(runs, 500)
    yes = rng.binomial(n, rate, runs).astype(float)
    counts = np.stack([n - yes, yes, np.zeros(runs), np.zeros(runs)], axis=1)
    names = ("selection_rate",)
    drawn = confusion_replicates(counts, names, replicates=1000, seed=seed)
    low, high = quantiles_of(drawn.groups, (0.025, 0.975), counts=counts, names=names, method=method)[:, :, 0]
    return _share(list(zip(low, high, strict=True)), rate)


def range_of_groups(n: int, rate: float, runs: int, seed: int) -> tuple[float, float]:
    """Largest less smallest rate of five equal groups of n: 0."""
    rng, runs = np.random.default_rng(seed), min(runs, 300)
    limits = []
    for _ in range(runs):
        yes = rng.binomial(n, rate, 5).astype(float)
        counts = np.stack([n - yes, yes, np.zeros(5), np.zeros(5)], axis=1)
        seed = int(rng.integers(1 << 30))
        limits.append(range_of_rates(counts, "selection_rate", level=0.95, draws=500, seed=seed)[1:])
    return _share(limits, 0.0)


def _share(found: list, truth: float) -> tuple[float, float]:
    limits = np.array([one if one is not None else (np.nan, np.nan) for one in found], dtype=float)
    has = ~np.isnan(limits[:, 0])
    held = (limits[has, 0] <= truth + 1e-12) & (truth - 1e-12 <= limits[has, 1])
    return float(held.mean()) if has.any() else math.nan, float(has.mean())


INTERVALS: Mapping[str, Coverage] = {
    "rate (Wilson)": wilson, "difference of rates (Newcombe)": newcombe, "over-prediction": over_prediction,
    "over-prediction, gap": over_prediction_gap, "AUC (DeLong, logit)": auc, "AUC, gap": auc_gap,
    "calibration slope": slope, "d′": dprime, "criterion c": criterion, "revealed cost ratio": revealed,
    "cost per case": cost, "cost per case, gap": cost_gap, "weighted rate": weighted_rate, "rate (BCa on counts)": bca_rate,
    "rate (Wilson or BCa, auto)": auto_rate,
    "range of five equal groups": range_of_groups,
}  # fmt: skip


def table(runs: int, seed: int, only: str = "") -> None:
    """Prints coverage in percent, sizes down and rates across; in brackets the share of samples with an interval, if not all."""
    for name, coverage in INTERVALS.items():
        if only not in name:
            continue
        print(f"\n{name}\n{'n':>8}" + "".join(f"{rate:>14}" for rate in RATES), flush=True)
        for n in SIZES:
            cells = []
            for rate in RATES:
                held, has = coverage(n, rate, runs, seed)
                cells.append(f"{100 * held:.1f}" + (f" ({100 * has:.0f})" if has < 0.995 else ""))
            print(f"{n:>8}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    given = [*sys.argv[1:], "", "", ""]
    table(int(given[0] or 1000), int(given[1] or 0), given[2])
