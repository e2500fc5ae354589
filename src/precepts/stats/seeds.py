"""Numbers over runs and rows that are crossed: every run (seed) scored the same rows. Both are resampled.

A seed's runs share their errors on all rows and a row is hard for all seeds, so neither may be held fixed: seeds and clusters of rows are
drawn with replacement, independently, in each resample (the pigeonhole bootstrap, Owen 2007, Annals of Applied Statistics 1(2); its
intervals are conservative). With one seed only rows are drawn, and the interval is silent about seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import percentile_interval
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, estimator, number_option
from precepts.stats.rows import Columns, Row, read_columns
from precepts.types import Metric

_MARGIN = 0.02


def crossed_means(columns: Columns, *, resamples: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """The mean of each column, shape (K,), and its values on the resamples, shape (resamples, K).

    Args:
        columns: Complete rows; each needs `cluster` (the row's own name, or what it was sampled with). Rows without `seed` are one run.
        resamples: How many.
        seed: Of the resampling.

    Raises:
        InputError: If a row lacks `cluster`.
    """
    for row in columns.rows:
        if row.get("cluster") is None:
            raise InputError(
                "Crossed estimators need `cluster` on every scored row, the row's own name if nothing else; one lacks it."
            )
    seeds = sorted({str(row.get("seed")) for row in columns.rows})
    clusters = sorted({str(row["cluster"]) for row in columns.rows})
    at_seed = {name: place for place, name in enumerate(seeds)}
    at_cluster = {name: place for place, name in enumerate(clusters)}
    num_columns = columns.values.shape[1]
    totals = np.zeros((num_columns + 1, len(seeds), len(clusters)))
    places = (
        np.array([at_seed[str(row.get("seed"))] for row in columns.rows]),
        np.array([at_cluster[str(row["cluster"])] for row in columns.rows]),
    )
    for k in range(num_columns):
        np.add.at(totals[k], places, columns.values[:, k])
    np.add.at(totals[num_columns], places, 1.0)
    rng = np.random.default_rng(seed)
    seed_draws = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=resamples).astype(float)
    cluster_draws = rng.multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), size=resamples).astype(
        float
    )
    drawn = np.stack([((seed_draws @ total) * cluster_draws).sum(1) for total in totals])
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = (drawn[:-1] / drawn[-1]).T
    return columns.values.mean(axis=0), replicates


@estimator("crossed_mean", version=1, params=("resamples",))
def crossed_mean(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of `score` over seeds and rows; option `resamples` (2000)."""
    return _estimate("crossed_mean@1", rows, ("score",), lambda m: m[:, 0], params=params, seed=seed, level=level)


@estimator("crossed_difference", version=1, params=("resamples",))
def crossed_difference(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of `score` − `score_b`, the same rows and seeds in both; option `resamples` (2000)."""
    return _estimate(
        "crossed_difference@1",
        rows,
        ("score", "score_b"),
        lambda m: m[:, 0] - m[:, 1],
        params=params,
        seed=seed,
        level=level,
        unit="difference",
    )


@estimator("crossed_pgr", version=1, params=("resamples", "margin", "min_gap_errors"))
def crossed_pgr(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """PGR of `score` between `score_b` (supervisor) and `score_c` (ceiling): mean gain over mean gap, never a mean of ratios.

    Undefined, with no value, where the gap is not above `margin` (0.02) or is below `min_gap_errors` (2) of its standard errors.
    Where it is defined its interval is finite: a resample's gap counts as at least `margin`.
    """
    return _ratio(
        "crossed_pgr@1",
        rows,
        ("score", "score_b", "score_c"),
        lambda m: m[:, 0] - m[:, 1],
        params=params,
        seed=seed,
        level=level,
    )


@estimator("crossed_pgr_gain", version=1, params=("resamples", "margin", "min_gap_errors"))
def crossed_pgr_gain(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """PGR of `score` less that of `score_d` (another student), of one supervisor `score_b` and one ceiling `score_c`.

    Options and undefined cases as `crossed_pgr`.
    """
    return _ratio(
        "crossed_pgr_gain@1", rows, ("score", "score_b", "score_c", "score_d"), lambda m: m[:, 0] - m[:, 3],
        params=params, seed=seed, level=level,
    )  # fmt: skip


def _ratio(
    name: str, rows: Sequence[Row], keys: tuple[str, ...], gain: Callable[[FloatArray], FloatArray], *, params: Params,
    seed: int, level: float,
) -> Metric:  # fmt: skip
    margin = number_option(params, "margin", _MARGIN)
    errors = number_option(params, "min_gap_errors", 2.0)
    if margin <= 0:
        raise InputError(f"The margin of a crossed PGR is above 0, so that its interval is finite; got {margin}.")

    def statistic(means: FloatArray) -> FloatArray:
        return gain(means) / np.maximum(means[:, 2] - means[:, 1], margin)

    def defined(means: FloatArray, replicates: FloatArray) -> bool:
        gap = float(means[2] - means[1])
        return gap > margin and gap >= errors * float(np.nanstd(replicates[:, 2] - replicates[:, 1], ddof=1))

    return _estimate(
        name, rows, keys, statistic, params=params, seed=seed, level=level, unit="ratio", defined=defined
    )  # fmt: skip


def _estimate(
    name: str, rows: Sequence[Row], keys: tuple[str, ...], statistic: Callable[[FloatArray], FloatArray], *, params: Params,
    seed: int, level: float, unit: str = "mean", defined: Callable[[FloatArray, FloatArray], bool] | None = None,
) -> Metric:  # fmt: skip
    read = read_columns(rows, *keys)
    value: float | None = None
    interval: Interval | None = None
    if read.n > 1:
        resamples = int(number_option(params, "resamples", 2000))
        means, replicates = crossed_means(read, resamples=resamples, seed=seed)
        if defined is None or defined(means, replicates):
            value = float(statistic(means[None])[0])
            interval = percentile_interval(statistic(replicates), level=level)
    return as_metric(name, value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit=unit)
