"""How well scores rank and decide: AUC with DeLong's variance, balanced accuracy, and both compared on the same cases.

AUC is the probability that a case of label 1 scores above a case of label 0, ties counting half: 0.5 says the score
orders nothing, 0 that it orders backwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from precepts.stats.bootstrap import mean_replicates, percentile_interval
from precepts.stats.distributions import NORMAL, FloatArray, critical_z, midranks, root_between
from precepts.stats.rates import newcombe_paired_interval, paired_counts, wilson_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


@dataclass(frozen=True)
class Auc:
    """An AUC with what its variance and its covariance with other AUCs of the same cases are made of."""

    value: float
    placements_1: FloatArray
    """Share of label-0 scores below each label-1 score, ties half; shape (number of label 1,)."""
    placements_0: FloatArray
    """Share of label-1 scores above each label-0 score, ties half; shape (number of label 0,)."""

    @property
    def variance(self) -> float:
        """DeLong's variance; NaN where a class has one case."""
        return auc_covariance(self, self)


def auc(labels: FloatArray, scores: FloatArray) -> Auc | None:
    """Area under the ROC curve; None unless both labels occur.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Shape (n,); only their order matters, so infinite ones are fine.

    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845; by midranks, Sun and Xu 2014, IEEE SPL 21:1389-1393.
    """
    ones, zeros = scores[labels == 1], scores[labels == 0]
    if not ones.size or not zeros.size:
        return None
    ranks = midranks(np.concatenate([ones, zeros]))
    placements_1 = (ranks[: ones.size] - midranks(ones)) / zeros.size
    placements_0 = 1 - (ranks[ones.size :] - midranks(zeros)) / ones.size
    return Auc(float(placements_1.mean()), placements_1, placements_0)


def auc_covariance(one: Auc, other: Auc) -> float:
    """DeLong's covariance of two AUCs of the same cases in the same order; NaN where a class has one case."""
    if min(one.placements_1.size, one.placements_0.size) < 2:
        return math.nan

    def covariance(x: FloatArray, y: FloatArray) -> float:
        return float(np.sum((x - x.mean()) * (y - y.mean()))) / (x.size - 1) / x.size

    return covariance(one.placements_1, other.placements_1) + covariance(one.placements_0, other.placements_0)


def auc_interval(area: Auc, *, level: float = 0.95) -> Interval:
    """Interval of an AUC, inside [0, 1] and never of width zero.

    DeLong's standard error on the logit scale (Pepe 2003, section 5.2.4, as recalled). Where that error is zero or
    undefined (perfect separation, all scores tied, one case in a class) the score-type interval of Newcombe 2006,
    Statistics in Medicine 25:559-573, method 5 (as recalled), which needs only the AUC and the class sizes.
    """
    z = critical_z(level)
    variance = area.variance
    if not variance > 1e-15 or not 0 < area.value < 1:
        return auc_score_interval(area.value, area.placements_1.size, area.placements_0.size, z)
    centre = math.log(area.value / (1 - area.value))
    half = z * math.sqrt(variance) / (area.value * (1 - area.value))
    return _logistic(centre - half), _logistic(centre + half)


def _logistic(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def auc_score_interval(value: float, num_1: int, num_0: int, z: float) -> Interval:
    """All areas that a z test with Hanley and McNeil's variance at that area would not reject; z is the critical value."""
    extra = (num_1 + num_0) / 2 - 1

    def excess(area: float) -> float:
        spread = 1 + extra * (1 - area) / (2 - area) + extra * area / (1 + area)
        return (area - value) ** 2 - z * z * area * (1 - area) * spread / (num_1 * num_0)

    low = 0.0 if value <= 0 else root_between(excess, 0.0, value) if value < 1 else root_between(excess, 0.0, 1 - 1e-12)
    high = 1.0 if value >= 1 else root_between(excess, value, 1.0) if value > 0 else root_between(excess, 1e-12, 1.0)
    return low, high


def auc_difference(
    labels: FloatArray, scores_a: FloatArray, scores_b: FloatArray, *, level: float = 0.95
) -> tuple[float, Interval | None, float | None] | None:
    """AUC of a minus AUC of b on the same cases, its interval in [-1, 1] and the two-sided p value; DeLong et al. 1988.

    None unless both labels occur. Interval and p value are None where the difference shows no variance, as with two
    scores of the same order.
    """
    a, b = auc(labels, scores_a), auc(labels, scores_b)
    if a is None or b is None:
        return None
    value = a.value - b.value
    variance = a.variance + b.variance - 2 * auc_covariance(a, b)
    if not variance > 1e-15:
        return value, None, None
    error = math.sqrt(variance)
    half = critical_z(level) * error
    p_value = 2 * NORMAL.cdf(-abs(value) / error)
    return value, (max(-1.0, value - half), min(1.0, value + half)), p_value


def balanced_accuracy_interval(
    hits: int, num_1: int, correct_rejections: int, num_0: int, *, level: float = 0.95
) -> Interval:
    """Interval of the mean of two rates: two Wilson intervals joined by the method of variance estimates recovery.

    Zou and Donner 2008, Statistics in Medicine 27:1693-1702 (MOVER), of which Newcombe's interval is the case of a
    difference.
    """
    rates = hits / num_1, correct_rejections / num_0
    limits = wilson_interval(hits, num_1, level=level), wilson_interval(correct_rejections, num_0, level=level)
    value = sum(rates) / 2
    low = value - math.hypot(rates[0] - limits[0][0], rates[1] - limits[1][0]) / 2
    high = value + math.hypot(limits[0][1] - rates[0], limits[1][1] - rates[1]) / 2
    return max(0.0, low), min(1.0, high)


@estimator("auc", version=1)
def auc_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """AUC of `score` for `label`, with DeLong's interval on the logit scale; None where one label is absent."""
    read = read_columns(rows, "label", "score", positive=params.get("positive"), infinite=True)
    area = auc(read.column(0), read.column(1))
    value, interval = (None, None) if area is None else (area.value, auc_interval(area, level=level))
    return as_metric("auc@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="auc")


@estimator("paired_auc", version=1)
def paired_auc(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """AUC of `score` minus AUC of `score_b` for `label` on the rows that have both; DeLong's interval."""
    read = read_columns(rows, "label", "score", "score_b", positive=params.get("positive"), infinite=True)
    found = auc_difference(read.column(0), read.column(1), read.column(2), level=level)
    value, interval = (None, None) if found is None else found[:2]
    return as_metric(
        "paired_auc@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="difference"
    )


@estimator("balanced_accuracy", version=1)
def balanced_accuracy(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean of the share of `score` 1 among `label` 1 and of `score` 0 among `label` 0; None where one label is absent.

    Label 1 is a case to refuse and score 1 a refusal: 1 refuses exactly what it should, 0.5 is what a constant gives.
    """
    read = read_columns(rows, "label", "score", positive=params.get("positive"), binary=["score"])
    ones, zeros = read.column(1)[read.column(0) == 1], read.column(1)[read.column(0) == 0]
    if not ones.size or not zeros.size:
        return as_metric("balanced_accuracy@1", None, None, level=level, n=read.n, num_unscored=read.num_unscored)
    hits, rejections = int(ones.sum()), int(zeros.size - zeros.sum())
    interval = balanced_accuracy_interval(hits, ones.size, rejections, zeros.size, level=level)
    value = (hits / ones.size + rejections / zeros.size) / 2
    return as_metric("balanced_accuracy@1", value, interval, level=level, n=read.n, num_unscored=read.num_unscored)


@estimator("paired_balanced_accuracy", version=1, params=("resamples", "method"))
def paired_balanced_accuracy(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Balanced accuracy of `score` minus that of `score_b` on the same rows; None where one `label` is absent.

    The option `method` is `bootstrap` (percentile, pairs resampled within each label, `resamples` 2000 times) or
    `mover` (two paired Newcombe intervals joined as in `balanced_accuracy_interval`). Where the arms differ equally
    on all cases of a label, a resample of it always shows the same and `mover` is used.
    """
    name = "paired_balanced_accuracy@1"
    read = read_columns(rows, "label", "score", "score_b", positive=params.get("positive"), binary=["score", "score_b"])
    method = choice_option(params, "method", ("bootstrap", "mover"))
    resamples = int(number_option(params, "resamples", 2000))
    strata = [read.values[read.column(0) == label] for label in (1, 0)]
    if not all(len(stratum) for stratum in strata):
        return as_metric(name, None, None, level=level, n=read.n, num_unscored=read.num_unscored, unit="difference")
    # A refusal of a case to comply with is wrong, so the differences of label 0 change sign.
    gains = [strata[0][:, 1] - strata[0][:, 2], strata[1][:, 2] - strata[1][:, 1]]
    value = float(gains[0].mean() + gains[1].mean()) / 2
    if method == "mover" or any(np.ptp(gain) == 0 for gain in gains):
        interval = _mover_of_pairs(gains, strata, level=level)
    else:
        rng = np.random.default_rng(seed)
        replicates = sum((mean_replicates(gain, resamples=resamples, rng=rng) for gain in gains), np.zeros(resamples))
        interval = percentile_interval(replicates / 2, level=level)
    return as_metric(name, value, interval, level=level, n=read.n, num_unscored=read.num_unscored, unit="difference")


def _mover_of_pairs(gains: Sequence[FloatArray], strata: Sequence[FloatArray], *, level: float) -> Interval:
    """Half the sum of two independent paired differences, from the paired Newcombe interval of each."""
    assert len(gains) == len(strata) == 2, "one stratum per label"
    correct = [(strata[0][:, 1], strata[0][:, 2]), (1 - strata[1][:, 1], 1 - strata[1][:, 2])]
    limits = [newcombe_paired_interval(*paired_counts(a, b), level=level) for a, b in correct]
    means = [float(gain.mean()) for gain in gains]
    value = sum(means) / 2
    low = value - math.hypot(means[0] - limits[0][0], means[1] - limits[1][0]) / 2
    high = value + math.hypot(limits[0][1] - means[0], limits[1][1] - means[1]) / 2
    return max(-1.0, low), min(1.0, high)
