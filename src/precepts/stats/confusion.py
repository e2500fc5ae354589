"""Measures of yes-or-no decisions as ratios of confusion counts, and their bootstrap, drawn on the counts themselves.

Resampling n rows with replacement and counting them gives multinomial counts of the cells; so a measure that is a
function of cells needs no rows. Its bootstrap is exact, and costs the number of cells, whatever n is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray


class RatioMeasure(NamedTuple):
    """A measure as one linear form of the counts (TN, FP, FN, TP) over another."""

    numerator: tuple[float, float, float, float]
    denominator: tuple[float, float, float, float]


MEASURES: Mapping[str, RatioMeasure] = {
    "accuracy": RatioMeasure((1, 0, 0, 1), (1, 1, 1, 1)),
    "error_rate": RatioMeasure((0, 1, 1, 0), (1, 1, 1, 1)),
    "selection_rate": RatioMeasure((0, 1, 0, 1), (1, 1, 1, 1)),
    "base_rate": RatioMeasure((0, 0, 1, 1), (1, 1, 1, 1)),
    "true_positive_rate": RatioMeasure((0, 0, 0, 1), (0, 0, 1, 1)),
    "false_positive_rate": RatioMeasure((0, 1, 0, 0), (1, 1, 0, 0)),
    "false_negative_rate": RatioMeasure((0, 0, 1, 0), (0, 0, 1, 1)),
    "true_negative_rate": RatioMeasure((1, 0, 0, 0), (1, 1, 0, 0)),
    "precision": RatioMeasure((0, 0, 0, 1), (0, 1, 0, 1)),
    "negative_predictive_value": RatioMeasure((1, 0, 0, 0), (1, 0, 1, 0)),
    "false_omission_rate": RatioMeasure((0, 0, 1, 0), (1, 0, 1, 0)),
    "f1": RatioMeasure((0, 0, 0, 2), (0, 1, 1, 2)),
}
"""The measures that are functions of confusion counts, by name."""

Method = Literal["auto", "bca", "percentile"]
_FEW = 10  # events or non-events below which a bootstrap of a rate knows too few other samples


class Replicates(NamedTuple):
    """Bootstrap replicates of measures by group and over all rows."""

    groups: FloatArray
    """Shape (replicates, groups, measures); NaN where a replicate has no row for a measure."""
    overall: FloatArray
    """Shape (replicates, measures)."""


def measure_counts(counts: FloatArray, names: tuple[str, ...]) -> FloatArray:
    """The named measures of confusion counts, shape (..., measures); NaN where a denominator is 0.

    Args:
        counts: TN, FP, FN, TP along the last axis, shape (..., 4).
        names: Of `MEASURES`.

    Raises:
        InputError: If a name is unknown.
    """
    if unknown := [name for name in names if name not in MEASURES]:
        raise InputError(f"There is no measure {unknown[0]!r} of confusion counts; there are {', '.join(MEASURES)}.")
    numerators = np.array([MEASURES[name].numerator for name in names], dtype=np.float64).T
    denominators = np.array([MEASURES[name].denominator for name in names], dtype=np.float64).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((counts @ numerators) / (counts @ denominators), dtype=np.float64)


def confusion_replicates(
    counts: FloatArray, names: tuple[str, ...], *, replicates: int = 2000, seed: int = 0
) -> Replicates:
    """Exact row-bootstrap replicates of the measures: multinomial draws of all cells at once.

    Args:
        counts: Whole numbers, shape (groups, 4).
        names: Of `MEASURES`.
        replicates: How many.
        seed: Of the draws.
    """
    flat, rng = counts.ravel(), np.random.default_rng(seed)
    total = int(flat.sum())
    drawn_groups, drawn_all = [], []
    at_once = max(1, 20_000_000 // max(1, flat.size))
    shares = flat / total if total else flat
    for start in range(0, replicates, at_once):
        size = min(at_once, replicates - start)
        drawn = rng.multinomial(total, shares, size=size).reshape(size, *counts.shape).astype(np.float64)
        drawn_groups.append(measure_counts(drawn, names))
        drawn_all.append(measure_counts(drawn.sum(axis=1), names))
    return Replicates(np.concatenate(drawn_groups), np.concatenate(drawn_all))


def quantiles_of(
    replicates: FloatArray, levels: tuple[float, ...], *, counts: FloatArray, names: tuple[str, ...], method: Method
) -> FloatArray:
    """Bootstrap quantiles by group and measure, shape (levels, groups, measures); NaN where no replicate is defined.

    Args:
        replicates: Shape (replicates, groups, measures).
        levels: Shares below, such as 0.025 and 0.975.
        counts: Those the replicates were drawn from, shape (groups, 4).
        names: Of the measures.
        method: `percentile`, or `bca`: bias-corrected and accelerated (Efron 1987), whose jackknife needs one value a
            cell, as all rows of a cell are alike; `auto` is `bca`, and Wilson's limit where fewer than 10 of a rate's rows
            are events, or are none: there no bootstrap covers.
    """
    shares = np.broadcast_to(np.array(levels)[:, None, None], (len(levels), *replicates.shape[1:])).copy()
    if method != "percentile":
        value = measure_counts(counts, names)
        known = np.maximum(
            np.sum(~np.isnan(replicates), axis=0), 1
        )  # a replicate without a row of the measure says nothing
        below = (np.sum(replicates < value, axis=0) + np.sum(replicates == value, axis=0) / 2) / known
        bias = ndtri(np.clip(below, 1e-6, 1 - 1e-6))
        acceleration = _acceleration(counts, names)
        shifted = bias + ndtri(shares)
        shares = ndtr(bias + shifted / (1 - acceleration * shifted))
        shares = np.where(np.isfinite(shares), shares, np.array(levels)[:, None, None])
    ordered = np.sort(replicates, axis=0)  # NaN last
    defined = np.sum(~np.isnan(replicates), axis=0)
    place = np.clip(shares, 0, 1) * np.maximum(defined - 1, 0)
    low, high = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
    at_low, at_high = np.take_along_axis(ordered, low, axis=0), np.take_along_axis(ordered, high, axis=0)
    found = np.asarray(at_low + (place - low) * (at_high - at_low), dtype=np.float64)
    if method != "auto":
        return found
    events, n = _events(counts, names)
    few = (np.minimum(events, n - events) < _FEW) & (n > 0)
    return np.where(few, _wilson_limits(events, n, levels, names), found)


def _events(counts: FloatArray, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Each measure as a rate: events and rows by group, shape (groups, measures).

    f1 = 2 TP / (2 TP + FP + FN) is 2 p / (1 + p) of the rate p = TP / (TP + FP + FN), whose counts stand for it.
    """
    plain = [MEASURES[name] for name in names]
    top = np.array([np.minimum(one.numerator, 1) for one in plain], dtype=np.float64).T
    bottom = np.array([np.minimum(one.denominator, 1) for one in plain], dtype=np.float64).T
    return counts @ top, counts @ bottom


def _wilson_limits(events: FloatArray, n: FloatArray, levels: tuple[float, ...], names: tuple[str, ...]) -> FloatArray:
    """Wilson's limits with `levels` below, shape (levels, groups, measures)."""
    size, z = np.maximum(n, 1), ndtri(np.array(levels))[:, None, None]
    rate = events / size
    centre = rate + z**2 / (2 * size)
    half = z * np.sqrt(rate * (1 - rate) / size + z**2 / (4 * size**2))
    found = np.clip((centre + half) / (1 + z**2 / size), 0, 1)
    is_f1 = np.array([name == "f1" for name in names])
    return np.where(is_f1, 2 * found / (1 + found), found)


def _acceleration(counts: FloatArray, names: tuple[str, ...]) -> FloatArray:
    """BCa's acceleration by group and measure, shape (groups, measures): one jackknife value a cell, weighted by its count."""
    less = counts[:, None, :] - np.eye(4)[None]  # drop one row of each cell: (groups, 4 cells, 4)
    values = measure_counts(less, names)
    usable = np.isfinite(values) & (counts[:, :, None] > 0)
    weights, values = np.where(usable, counts[:, :, None], 0.0), np.where(usable, values, 0.0)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    centred = (weights * values).sum(axis=1)[:, None] / total[:, None] - values
    squares = (weights * centred**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (weights * centred**3).sum(axis=1) / (6 * squares**1.5)
    return np.asarray(np.nan_to_num(found), dtype=np.float64)


def range_of_rates(
    counts: FloatArray, name: str, *, level: float, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """The range (largest less smallest) of a measure over groups, with an interval that holds 0 at its level where groups are equal.

    The range is a seminorm, so |range(estimate) - range(truth)| is at most range(estimate - truth). Of x events in n rows the
    truth is drawn between the x-th and the next of n ordered uniforms, whose quantiles are Clopper and Pearson's limits
    (1934, Biometrika 26:404-413), the end that lies further off on either side. A bootstrap, which gives a group of one row its
    own value every time, would call the noise of small groups a difference. Own construction; its coverage is simulated.

    Args:
        counts: TN, FP, FN, TP by group, shape (groups, 4); a group without a row of the measure takes no part.
        name: Of `MEASURES`.
        level: Chance that the interval holds.
        draws: How many.
        seed: Of the draws.
    """
    events, n = (one[:, 0] for one in _events(counts, (name,)))
    kept = n > 0
    if kept.sum() < 2:
        return float("nan"), float("nan"), float("nan")
    events, n, rng, shape = events[kept], n[kept], np.random.default_rng(seed), (draws, int(kept.sum()))
    below, between, above = (
        rng.gamma(events, size=shape),
        rng.exponential(size=shape),
        rng.gamma(n - events, size=shape),
    )
    total = below + between + above
    estimate, low, high = events / n, below / total, (below + between) / total
    if name == "f1":
        estimate, low, high = (2 * one / (1 + one) for one in (estimate, low, high))
    value = float(np.ptp(estimate))
    reach = float(np.quantile((estimate - low).max(axis=1) - (estimate - high).min(axis=1), level))
    return value, max(0.0, value - reach), min(1.0, value + reach)


def range_interval(values: FloatArray, replicates: FloatArray, *, level: float) -> tuple[float, float, float]:
    """The range (largest less smallest) of group values with an interval that holds 0 at its level where groups are equal.

    The range is a seminorm, so |range(estimate) - range(truth)| is at most range(estimate - truth), whose law is that of
    the replicates about the estimate. Quantiles of replicated ranges, as often given, never reach 0. Of groups of a few rows a
    bootstrap knows too little for this to hold; for measures of counts there is `range_of_rates`.

    Args:
        values: Shape (groups,); NaN groups take no part.
        replicates: Shape (replicates, groups).
        level: Chance that the interval holds.
    """
    kept = ~np.isnan(values)
    if kept.sum() < 2:
        return float("nan"), float("nan"), float("nan")
    value = float(np.ptp(values[kept]))
    away = replicates[:, kept] - values[kept]
    away = away[~np.isnan(away).all(axis=1)]
    if not len(away):
        return value, float("nan"), float("nan")
    spread = np.nanmax(away, axis=1) - np.nanmin(away, axis=1)
    reach = float(np.nanquantile(spread, level))
    return value, max(0.0, value - reach), value + reach
