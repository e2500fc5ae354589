"""Performance gap recovered: how far from the weak supervisor towards the ceiling the student came.

PGR = (student - weak) / (ceiling - weak), each the mean score on the same test rows. 0 is no better than the
supervisor, 1 as good as training on ground truth; below 0 and above 1 happen. Burns et al. 2023, arXiv 2312.09390,
section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import Resampled, mean_replicates, percentile_interval
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Params, as_metric, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def performance_gap_recovered(
    student: FloatArray,
    weak: FloatArray,
    ceiling: FloatArray,
    *,
    margin: float = 0.0,
    min_gap_errors: float = 2.0,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Resampled | None:
    """PGR with a bootstrap interval over rows, all arms resampled together; None where there is no gap to recover.

    Resamples without a gap have no PGR; they count against both limits, and the interval is None if one falls among
    them.

    Args:
        student: Score of each test row, shape (n,).
        weak: The supervisor's scores of the same rows, in the same order.
        ceiling: The scores of the student's model trained on ground truth.
        margin: The gap, in units of the score, must be above this.
        min_gap_errors: The gap must also be at least this many of its standard errors; 0 asks for none.
        resamples: How many.
        seed: Of the resampling.
        level: Coverage aimed at.

    Raises:
        InputError: If the arms differ in length or the margin is negative.
    """
    if not student.shape == weak.shape == ceiling.shape or student.ndim != 1:
        raise InputError(f"PGR needs the same rows in all arms; got {student.size}, {weak.size} and {ceiling.size}.")
    if margin < 0:
        raise InputError(f"The margin of PGR is 0 or more; got {margin}.")
    n = student.size
    if n < 2:
        return None
    # Sorted, so that sums do not depend on the order of the rows in the last digit.
    pairs = np.stack([student - weak, ceiling - weak], axis=1)
    pairs = pairs[np.lexsort(pairs.T)]
    gain, gap = (float(mean) for mean in pairs.mean(axis=0))
    if gap <= margin or gap < min_gap_errors * float(pairs[:, 1].std(ddof=1)) / math.sqrt(n):
        return None
    drawn = mean_replicates(pairs, resamples=resamples, rng=np.random.default_rng(seed))
    has_gap = drawn[:, 1] > 1e-12
    replicates = np.full(resamples, math.nan)
    replicates[has_gap] = drawn[has_gap, 0] / drawn[has_gap, 1]
    return Resampled(gain / gap, percentile_interval(replicates, level=level), replicates)


@estimator("pgr", version=1, params=("margin", "min_gap_errors", "resamples"))
def pgr(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """PGR of `score` (student) between `score_b` (weak supervisor) and `score_c` (ceiling), on rows with all three.

    Options: `margin` (0), `min_gap_errors` (2) and `resamples` (2000) of `performance_gap_recovered`.
    """
    read = read_columns(rows, "score", "score_b", "score_c")
    found = performance_gap_recovered(
        read.column(0),
        read.column(1),
        read.column(2),
        margin=number_option(params, "margin", 0.0),
        min_gap_errors=number_option(params, "min_gap_errors", 2.0),
        resamples=int(number_option(params, "resamples", 2000)),
        seed=seed,
        level=level,
    )
    value, interval = (None, None) if found is None else (found.value, found.interval)
    return as_metric("pgr@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="ratio")
