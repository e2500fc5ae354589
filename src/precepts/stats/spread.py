"""How far groups lie apart, with sampling noise taken out: the standard deviation between their true values.

Largest less smallest grows with noise and with the number of groups, so equal groups look unequal. The variance of the
groups' values less their mean sampling variance does not: Lum, Zhang and Bower 2022 (FAccT), as recalled. Groups count
alike, whatever their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from precepts.stats.crossed import Sampled, nearest_correlation
from precepts.stats.distributions import FloatArray, chi_square_tail, critical_t, critical_z, root_between
from precepts.stats.group_auc import auc_of_counts
from precepts.stats.moments import SUM_KEYS, WeightedSums
from precepts.stats.rates import wilson_interval
from precepts.stats.ratios import Moments, mean_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.stats.trade_off import Statistic, Trading, ratings_of, trade_off, trading
from precepts.types import Metric

_LEVEL = 0.95  # of the group's own interval, whose width stands for its noise


class Estimate(NamedTuple):
    """One group's value, and its sampling variance twice: unbiased, and for limits."""

    value: float
    variance: float
    wide: float
    """The larger of that and what the group's own interval has, which is not 0 where all of a few rows are alike."""


def _estimate(value: float, variance: float, interval: Interval | None) -> Estimate | None:
    if interval is None or not math.isfinite(variance):
        return None
    # Wilson's interval is narrower than the unbiased variance at few rows of both kinds, and wider where all are of one.
    return Estimate(value, variance, max(variance, ((interval[1] - interval[0]) / 2 / critical_z(_LEVEL)) ** 2))


def of_rate(yes: float, n: float) -> Estimate | None:
    """A rate; None below two rows, which say nothing of their noise."""
    if n < 2:
        return None
    rate = yes / n
    return _estimate(rate, rate * (1 - rate) / (n - 1), wilson_interval(round(yes), round(n), level=_LEVEL))


def of_gap(moments: Moments) -> Estimate | None:
    """A calibration gap; None below two rows."""
    if moments.n < 2:
        return None
    return _estimate(moments.gap, moments.variance / (moments.n - 1), moments.gap_interval(level=_LEVEL))


def of_auc(ones: FloatArray, zeros: FloatArray) -> Estimate | None:
    """An AUC from how often each outcome has each score; None below two rows of an outcome."""
    area = auc_of_counts(ones, zeros)
    return None if area is None else _estimate(area.value, area.variance, area.score_interval(level=_LEVEL))


def of_mean(total: float, squares: float, n: float) -> Estimate | None:
    """A mean from sums; None below two values, or where they do not vary."""
    limits = mean_interval(total, squares, n, level=_LEVEL)
    return None if limits is None else _estimate(total / n, (squares / n - (total / n) ** 2) / (n - 1), limits)


def of_weighted_mean(sums: WeightedSums, n: float) -> Estimate | None:
    """A mean of weighted values; None below two, or where they do not vary."""
    if n < 2 or not min(sums.weight, sums.squares) > 0 or not (variance := sums.variance(n)) > 1e-300:
        return None
    half = critical_t(_LEVEL, df=max(1, int(sums.effective - 1 + 1e-9))) * math.sqrt(variance)
    return _estimate(sums.mean, variance, (sums.mean - half, sums.mean + half))


def between(values: FloatArray, variance: FloatArray, wide: FloatArray, *, level: float) -> tuple[float, Interval]:
    """The variance between true values, unbiased and so below 0 by chance where they are equal, and limits of their standard deviation.

    Args:
        values: One estimate a group, shape (k,), k at least 2.
        variance: Their sampling variances, shape (k,), or covariances, shape (k, k).
        wide: The same for the limits.
        level: Coverage that the limits aim at.

    The sum of squares T of the estimates about their mean, given true values with sum of squares δ, has mean m + δ and variance
    2 tr((CV)²) + 4 θ'CVCθ; it is taken for a scaled χ² with these (Satterthwaite 1946, Biometrics Bulletin 2:110-114), the
    direction of θ being that of the estimates, and the limits are the δ at which T lies at its tails. 0 where T is no larger
    than noise makes it. Where T is smaller than noise mostly makes it, the upper limit is that of the middle of its law at
    δ = 0, so that no interval is of width 0. Own construction; its coverage is simulated.
    """
    k = values.size
    centred = values - values.mean()
    total = float(centred @ centred)
    plain = (total - _noise(variance)[0]) / (k - 1)
    mean, squares, matrix = _noise(wide)
    at = centred @ matrix @ centred if matrix.ndim == 2 else float(matrix @ centred**2)
    along = max(float(at) / total if total > 0 else 0.0, mean / (k - 1))

    def tail(delta: float, at: float) -> float:
        spread, centre = squares + 4 * along * delta, mean + delta
        return chi_square_tail(at * 2 * centre / spread, df=2 * centre**2 / spread)

    if mean <= 0:
        return plain, (math.sqrt(max(plain, 0.0)), math.sqrt(max(plain, 0.0)))
    share, far = (1 - level) / 2, 4 * total + 100 * mean
    low = root_between(lambda d: tail(d, total) - share, 0.0, far) if tail(0.0, total) < share else 0.0
    df = 2 * mean**2 / squares
    floor = max(total, mean * (1 - 2 / (9 * df)) ** 3)  # Wilson and Hilferty's median
    while tail(far, floor) < 1 - share:
        far *= 4
    high = root_between(lambda d: tail(d, floor) - (1 - share), 0.0, far)
    return plain, (math.sqrt(low / (k - 1)), math.sqrt(high / (k - 1)))


def _noise(variance: FloatArray) -> tuple[float, float, FloatArray]:
    """Mean of the sum of squares about their mean that noise alone has, twice the trace of its square, and the (co)variances."""
    k = len(variance)
    if variance.ndim == 1:
        total = float(variance.sum())
        mean, square = total * (1 - 1 / k), float(variance @ variance) * (1 - 2 / k) + total**2 / k**2
    else:
        centred = variance - variance.mean(axis=0)
        mean, square = float(np.trace(centred)), float(np.sum(centred * centred.T))
    return mean, 2 * square, variance


def dispersion_metric(
    found: Sequence[Estimate | None], statistic: str, *, n: int, num_unscored: int, level: float, unit: str = "difference"
) -> Metric:  # fmt: skip
    """`dispersion@1` of groups; None with fewer than two that have a value."""
    known = [one for one in found if one is not None]
    made = None
    if len(known) > 1:
        values, variance, wide = (np.array(column) for column in zip(*known, strict=True))
        made = between(values, variance, wide, level=level)
    return _metric("dispersion@1", made, statistic, n=n, num_unscored=num_unscored, level=level, unit=unit)


def _metric(
    name: str, made: tuple[float, Interval] | None, statistic: str, *, n: int, num_unscored: int, level: float, unit: str
) -> Metric:  # fmt: skip
    """The standard deviation (`sd`), or the unbiased variance with the squares of its limits (`variance`)."""
    value, limits = (None, None) if made is None else made
    if value is not None and limits is not None:
        if unit == "difference":  # shares lie no further apart than 1, however few rows there are
            limits = (min(limits[0], 1.0), min(limits[1], max(1.0, math.sqrt(max(0.0, value)))))
        limits = limits if statistic == "sd" else (limits[0] ** 2, limits[1] ** 2)
        value = math.sqrt(max(0.0, value)) if statistic == "sd" else value
    unit = unit if statistic == "sd" else f"{unit}²"
    return as_metric(name, value, limits, level=level, n=n, num_unscored=num_unscored, unit=unit)


@estimator("dispersion", version=1, params=("measure", "statistic", "weights"))
def dispersion_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Standard deviation (`sd`, default) or unbiased `variance` between arms of a `rate`, calibration `gap`, `auc` or `mean`.

    Keys as `group_rate@1`, `calibration_gap@1`, `group_auc@2` and `moment_mean@1` read them; with `weights: given` as
    `weighted_group@1` does, each arm at its effective number of rows, and of a mean as `weighted_mean@1`
    does. Limits: see `between`. An arm whose noise cannot be told
    (one row, or of an AUC one row of an outcome) takes no part.
    """
    measure = choice_option(params, "measure", ("rate", "gap", "auc", "mean"))
    weighted = choice_option(params, "weights", ("none", "given")) == "given"
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    sums_given = weighted and measure == "mean"
    keys = {"rate": ("score",), "mean": SUM_KEYS if weighted else ("score", "score_b")}.get(measure, ("score", "label"))
    further = ("score_b", "score_c") if weighted and not sums_given else ()
    read = read_columns(filled, *keys, "count", *further, positive=params.get("positive"))
    count = read.column(len(keys))
    weight, squares = (read.column(len(keys) + 1), read.column(len(keys) + 2)) if further else (count, count)
    names = sorted({str(row.get("arm")) for row in read.rows})
    arm = np.array([str(row.get("arm")) for row in read.rows])
    place = np.unique(read.column(0), return_inverse=True)[1] if read.n else np.zeros(0, dtype=np.int64)
    bins = int(place.max(initial=0)) + 1
    found: list[Estimate | None] = []
    for name in names:
        mine = arm == name
        total = float(weight[mine].sum())
        factor = max(total / float(squares[mine].sum()), 1 / total) if total > 0 else 0.0
        size, score = weight[mine] * factor, read.column(0)[mine]
        label = read.column(1)[mine] if measure in ("gap", "auc") else np.zeros(size.size)
        if sums_given:
            sums = WeightedSums(*(float(read.column(k)[mine].sum()) for k in range(5)))
            found.append(of_weighted_mean(sums, float(count[mine].sum())))
        elif measure == "mean":
            found.append(of_mean(float(score.sum()), float(read.column(1)[mine].sum()), float(size.sum())))
        elif measure == "auc":
            sides = [
                np.bincount(place[mine], size * one, minlength=bins).astype(np.float64) for one in (label, 1 - label)
            ]
            found.append(of_auc(*sides))
        else:
            sums = [float(size @ one) for one in (np.ones_like(size), score, label, score**2, score * label)]
            found.append(of_rate(sums[1], sums[0]) if measure == "rate" else of_gap(Moments(*sums)))
    lacking = sum(int(cast("float", row["count"])) for row in filled) - int(count.sum())
    statistic = choice_option(params, "statistic", ("sd", "variance"))
    unit = "value" if measure == "mean" else "difference"
    return dispersion_metric(found, statistic, n=int(count.sum()), num_unscored=lacking, level=level, unit=unit)


def detection_spread(
    found: Trading, statistic: Statistic, arms: Sequence[int], *, sampled: Sampled, level: float
) -> tuple[float, Interval] | None:
    """`between` of d′ or c over arms; their covariance is that of shared raters and items, scaled to the arms' standard errors."""
    one = [trade_off(found, statistic, {arm: 1.0}, sampled=sampled) for arm in arms]
    known = [each for each in one if each is not None]
    if len(known) < 2:
        return None
    jacobian = np.stack([each.gradient for each in known])
    shared = jacobian @ found.covariance.matrix(sampled) @ jacobian.T
    alone = np.diag(jacobian @ found.covariance.row @ jacobian.T)
    # A two-way variance can come out near 0 or below; an arm's is at least that of independent ratings, as in `trade_off`.
    scale = np.sqrt(np.maximum(np.diag(shared), np.maximum(alone, 1e-300)))
    correlation = shared / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    correlation = nearest_correlation(correlation)
    error = np.array([each.error for each in known])
    covariance = correlation * error * error[:, None]
    return between(np.array([each.value for each in known]), covariance, covariance, level=level)


@estimator("detection_dispersion", version=1, params=("of", "dispersion", "statistic", "sampled"))
def detection_dispersion(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Standard deviation (`dispersion: sd`) or unbiased `variance` between arms of `dprime` (default) or `criterion`.

    Keys and `sampled` as `trade_off@2`. Arms without signal or without noise take no part.
    """
    statistic = cast("Statistic", choice_option(params, "statistic", ("dprime", "criterion")))
    sampled = cast("Sampled", choice_option(params, "sampled", ("both", "a", "b", "rows")))
    ratings, names = ratings_of(rows, params)
    n = int(ratings.times.sum())
    total = sum(int(cast("float", row.get("count", 1))) for row in rows)
    made = None
    if n:
        found = trading(ratings, len(names))
        made = detection_spread(found, statistic, range(len(names)), sampled=sampled, level=level)
    what = choice_option(params, "dispersion", ("sd", "variance"))
    return detection_spread_metric(made, what, n=n, num_unscored=total - n, level=level)


def detection_spread_metric(
    made: tuple[float, Interval] | None, what: str, *, n: int, num_unscored: int, level: float
) -> Metric:
    """`detection_dispersion@1`."""
    return _metric("detection_dispersion@1", made, what, n=n, num_unscored=num_unscored, level=level, unit="z")
