"""The size of a model trained on truth that would be as good as a student: models, runs and rows crossed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import percentile_interval
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.stats.seeds import crossed_means
from precepts.types import Metric


def isotonic(values_RK: FloatArray) -> FloatArray:
    """Each row made non-decreasing with the least squares, shape (R, K).

    By the min-max formula: the value at k is the largest, over starts up to k, of the smallest, over ends from k on, of the means between.
    Barlow et al. 1972, Statistical Inference under Order Restrictions, section 1.2.
    """
    num = values_RK.shape[1]
    sums = np.concatenate([np.zeros((len(values_RK), 1)), np.cumsum(values_RK, axis=1)], axis=1)
    out = np.empty_like(values_RK)
    for k in range(num):
        starts = [
            np.min([(sums[:, end + 1] - sums[:, start]) / (end + 1 - start) for end in range(k, num)], axis=0)
            for start in range(k + 1)
        ]
        out[:, k] = np.max(starts, axis=0)
    return out


def matched_size(student_R: FloatArray, truth_RK: FloatArray, sizes_K: FloatArray) -> FloatArray:
    """The smallest size whose accuracy on truth reaches the student's, shape (R,), linear in the logarithm of size between models.

    Accuracy on truth is first made not to fall with size. A student below the smallest model gives its size, one above the largest that
    one's: read there as "at most" and "at least".

    Args:
        student_R: The student's accuracy, of each resample.
        truth_RK: That of the models trained on truth.
        sizes_K: Their sizes, ascending.
    """
    curve, logs = isotonic(truth_RK), np.log(sizes_K)
    reached = curve >= student_R[:, None] - 1e-12
    first = np.where(reached.any(1), reached.argmax(1), len(logs) - 1)
    below = np.maximum(first - 1, 0)
    rows = np.arange(len(student_R))
    low, high = curve[rows, below], curve[rows, first]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (student_R - low) / (high - low), 1.0)
    share = np.where(first == 0, 1.0, np.clip(share, 0.0, 1.0))
    return np.clip(np.exp(logs[below] + share * (logs[first] - logs[below])), sizes_K[0], sizes_K[-1])


@estimator("crossed_matched_size", version=1, params=("sizes", "resamples"))
def crossed_matched_size(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """The size of a model trained on truth that the student matches, over seeds and rows; options `sizes` and `resamples` (2000).

    Rows have `score`, `seed`, `cluster` and `arm`: a model trained on truth, named in `sizes` with its size, or the student, any one other
    arm. At an end of the sizes the value says "at most" or "at least". No value where an arm has no scored row.

    Burns et al. 2023, section 4: a student is worth the model that would be as good with ground truth; the interpolation is ours.
    """
    sizes = _sizes(params)
    read = read_columns(rows, "score")
    by_arm: dict[str, list[Row]] = {}
    for row in read.rows:
        by_arm.setdefault(str(row.get("arm")), []).append(row)
    others = sorted(by_arm.keys() - sizes.keys())
    if len(others) > 1:
        raise InputError(
            f"A matched size is of one student; rows have {', '.join(others)}. Select one, or give their `sizes`."
        )
    value: float | None = None
    interval: Interval | None = None
    if others and not sizes.keys() - by_arm.keys():
        places = {arm: {(str(r.get("seed")), str(r.get("cluster"))) for r in found} for arm, found in by_arm.items()}
        if differing := [arm for arm in sizes if places[arm] != places[others[0]]]:
            raise InputError(
                f"A matched size needs the same seeds and rows of every model; those of {differing[0]} differ."
            )
        resamples = int(number_option(params, "resamples", 2000))
        found = [
            crossed_means(read_columns(by_arm[arm], "score"), resamples=resamples, seed=seed)
            for arm in (others[0], *sizes)
        ]
        lengths = np.array(list(sizes.values()))
        means = np.array([float(mean[0]) for mean, _ in found])
        drawn = np.stack([replicates[:, 0] for _, replicates in found], axis=1)
        value = float(matched_size(means[:1], means[None, 1:], lengths)[0])
        whole = drawn[~np.isnan(drawn).any(1)]
        if len(whole):
            interval = percentile_interval(matched_size(whole[:, 0], whole[:, 1:], lengths), level=level)
    return as_metric(
        "crossed_matched_size@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="parameters"
    )  # fmt: skip


def _sizes(params: Params) -> dict[str, float]:
    """The option, smallest first."""
    given = params.get("sizes")
    fit = isinstance(given, Mapping) and len(cast("Mapping[str, object]", given)) > 1
    sizes = cast("Mapping[str, object]", given) if fit else {}
    numbers = {
        str(k): float(v) for k, v in sizes.items() if isinstance(v, int | float) and not isinstance(v, bool) and v > 0
    }
    if not numbers or len(numbers) < len(sizes) or len(set(numbers.values())) < len(numbers):
        raise InputError(f"The option `sizes` names at least two models with different sizes above 0; got {given!r}.")
    return dict(sorted(numbers.items(), key=lambda item: item[1]))
