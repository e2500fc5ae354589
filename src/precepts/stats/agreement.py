"""Agreement beyond chance: Cohen's kappa of two raters, Krippendorff's alpha of any number with gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import percentile_interval
from precepts.stats.distributions import FloatArray, critical_z
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def cohens_kappa(one: FloatArray, other: FloatArray, *, level: float = 0.95) -> tuple[float, Interval | None] | None:
    """Kappa in [-1, 1] of two raters' categories, shapes (n,) each: 0 is chance, 1 full agreement. Cohen 1960.

    The interval is the large-sample one of Fleiss, Cohen and Everitt 1969 (Psychological Bulletin 72:323-327); None where
    it has no width, as with full agreement. No value (None) where both raters use one and the same category throughout.
    """
    assert one.shape == other.shape, "two ratings to each item"
    categories = np.unique(np.concatenate([one, other]))
    if one.size == 0 or categories.size < 2:
        return None
    table = np.array([[np.mean((one == a) & (other == b)) for b in categories] for a in categories])
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    agreed, chance = float(np.trace(table)), float(rows @ columns)
    if chance >= 1:
        return None
    kappa = (agreed - chance) / (1 - chance)
    diagonal = np.diag(table)
    first = float(np.sum(diagonal * (1 - (rows + columns) * (1 - kappa)) ** 2))
    off = table * (columns[:, None] + rows[None, :]) ** 2
    second = (1 - kappa) ** 2 * float(off.sum() - np.trace(off))
    variance = (first + second - (kappa - chance * (1 - kappa)) ** 2) / ((1 - chance) ** 2 * one.size)
    if not variance > 1e-15:
        return kappa, None
    half = critical_z(level) * math.sqrt(variance)
    return kappa, (max(-1.0, kappa - half), min(1.0, kappa + half))


def krippendorffs_alpha(units: Sequence[Sequence[float]], *, difference: str = "nominal") -> float:
    """Alpha of the ratings of each unit, at most 1; 0 is chance, below 0 worse. NaN where no two ratings can differ.

    Units with fewer than two ratings tell nothing and are left out. Krippendorff 2011, Computing Krippendorff's
    Alpha-Reliability, section for any number of observers and missing values.

    Args:
        units: The ratings that each unit was given, in any order.
        difference: `nominal` (equal or not) or `interval` (squared distance).
    """
    found = [_unit(np.asarray(unit, dtype=np.float64), difference) for unit in units if len(unit) > 1]
    ratings = [np.asarray(unit, dtype=np.float64) for unit in units if len(unit) > 1]
    if not found:
        return math.nan
    values = np.concatenate(ratings)
    return _alpha(sum(found), values, difference)


def _alpha(within: float, values: FloatArray, difference: str) -> float:
    n = values.size
    observed = within / n
    expected = _pairs(values, difference) / (n * (n - 1))
    return 1 - observed / expected if expected > 0 else math.nan


def _unit(values: FloatArray, difference: str) -> float:
    return _pairs(values, difference) / (values.size - 1)


def _pairs(values: FloatArray, difference: str) -> float:
    """Sum of the differences of all ordered pairs."""
    n = values.size
    if difference == "interval":
        return 2 * (n * float(np.sum(values**2)) - float(np.sum(values)) ** 2)
    counts = np.unique(values, return_counts=True)[1]
    return float(n * n - np.sum(counts.astype(np.float64) ** 2))


@estimator("cohens_kappa", version=1)
def cohens_kappa_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Cohen's kappa of `score` and `label` as two raters' categories 0 and 1."""
    read = read_columns(rows, "label", "score", positive=params.get("positive"), binary=["score"])
    found = cohens_kappa(read.column(0), read.column(1), level=level)
    value, interval = (None, None) if found is None else found
    return as_metric(
        "cohens_kappa@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="kappa"
    )


@estimator("krippendorff", version=1, params=("difference", "resamples"))
def krippendorff(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Krippendorff's alpha: `score` is one rating of the unit `cluster`; option `difference` (nominal, interval).

    The interval resamples whole units (`resamples`, 1000); None where that shows no variation. `n` counts ratings.
    """
    read = read_columns(rows, "score")
    difference = choice_option(params, "difference", ("nominal", "interval"))
    resamples = int(number_option(params, "resamples", 1000))
    units: dict[str, list[float]] = {}
    for row, value in zip(read.rows, read.column(0).tolist(), strict=True):
        if (unit := row.get("cluster")) is None:
            raise InputError("krippendorff@1 needs the unit that was rated, as `cluster`, on every scored row.")
        units.setdefault(f"{type(unit).__name__}:{unit}", []).append(value)
    kept = sorted(sorted(unit) for unit in units.values() if len(unit) > 1)
    value = krippendorffs_alpha(kept, difference=difference)
    interval = _resampled(kept, difference=difference, resamples=resamples, seed=seed, level=level)
    return as_metric(
        "krippendorff@1", None if math.isnan(value) else value, None if math.isnan(value) else interval,
        level=level, n=read.n, num_unscored=read.num_unscored, unit="alpha",
    )  # fmt: skip


def _resampled(
    units: Sequence[Sequence[float]], *, difference: str, resamples: int, seed: int, level: float
) -> Interval | None:
    if len(units) < 2:
        return None
    arrays = [np.asarray(unit, dtype=np.float64) for unit in units]
    # What alpha needs of a unit can be added up, so that a resample is one sum over its units.
    categories = np.unique(np.concatenate(arrays))
    parts = np.array(
        [
            [
                _unit(unit, difference),
                unit.size,
                unit.sum(),
                np.sum(unit**2),
                *np.sum(unit[:, None] == categories, axis=0),
            ]
            for unit in arrays
        ]
    )
    rng = np.random.default_rng(seed)
    replicates = np.empty(resamples)
    for replicate in range(resamples):
        within, n, total, squares, *counts = parts[rng.integers(0, len(parts), size=len(parts))].sum(axis=0)
        pairs = 2 * (n * squares - total**2) if difference == "interval" else n * n - np.sum(np.square(counts))
        replicates[replicate] = 1 - (within / n) / (pairs / (n * (n - 1))) if pairs > 0 else math.nan
    interval = percentile_interval(replicates, level=level)
    return None if interval is None else (interval[0], min(1.0, interval[1]))
