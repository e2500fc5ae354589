"""The trade-off that raters make, by arm (group), as if each rating were a detection: d′, c, revealed costs, contrasts.

Builds on `detection`. What it adds: contrasts of one arm with the mean of others, and standard errors when items and
raters were sampled in clusters. At one arm and without clusters the errors are those of `detection`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from precepts.errors import InputError
from precepts.stats.crossed import CrossedCovariance, IntArray, Sampled, crossed_covariance
from precepts.stats.detection import detection
from precepts.stats.distributions import NORMAL, FloatArray, critical_t, critical_z
from precepts.stats.rates import wilson_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

Statistic = Literal["dprime", "criterion", "excess_criterion", "log_cost_ratio", "hit_rate", "correct_rejection_rate"]
STATISTICS: tuple[Statistic, ...] = (
    "dprime", "criterion", "excess_criterion", "log_cost_ratio", "hit_rate", "correct_rejection_rate"
)  # fmt: skip
LEAST_DPRIME = 0.3
"""Below this sensitivity an optimal criterion means nothing: hardly any evidence reaches the rater."""


class Ratings(NamedTuple):
    """Counted ratings: one entry a distinct (arm, truth, answer, item, rater), all of shape (n,)."""

    arm: IntArray
    truth: IntArray
    yes: IntArray
    times: FloatArray
    rater: IntArray
    item: IntArray


class TradeOff(NamedTuple):
    """One statistic, or a contrast of it, with its standard error and degrees of freedom."""

    value: float
    error: float
    df: float
    n: int
    design_effect: float
    """The variance over that of independent ratings; 1 where clusters add nothing."""
    gradient: FloatArray
    """Derivatives by z(hit rate) and z(false alarm rate) of each arm, shape (2 * arms,)."""

    def interval(self, *, level: float) -> Interval:
        """Student's interval; the normal one where the degrees of freedom are infinite."""
        critical = critical_z(level) if math.isinf(self.df) else critical_t(level, df=max(1, int(self.df)))
        return self.value - critical * self.error, self.value + critical * self.error


class Trading(NamedTuple):
    """Everything that estimates of the same ratings share."""

    hits: FloatArray
    """Yes to signal and to noise by arm, shape (arms, 2): column 0 signal, column 1 noise."""
    totals: FloatArray
    z: FloatArray
    """z of the corrected rates, shape (arms, 2)."""
    floor: FloatArray
    """Gourevitch and Galanter's variances of z, shape (arms, 2)."""
    clusters: FloatArray
    """How many raters and items there are of each, signal before noise, arm by arm, shape (2 * arms, 2)."""
    covariance: CrossedCovariance
    """Of z, arm by arm, signal before noise: shape (2 * arms, 2 * arms)."""


def trading(ratings: Ratings, num_arms: int) -> Trading:
    """Rates, z values and their covariance, clustered by rater and by item, for all arms at once."""
    side = ratings.arm * 2 + (1 - ratings.truth)
    totals = np.bincount(side, ratings.times, minlength=2 * num_arms).astype(np.float64)
    hits = np.bincount(side, ratings.times * ratings.yes, minlength=2 * num_arms).astype(np.float64)
    corrected = (hits + 0.5) / (totals + 1)
    z = np.array([NORMAL.inv_cdf(rate) for rate in corrected.tolist()], dtype=np.float64)
    density = np.array([NORMAL.pdf(one) for one in z.tolist()])
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = corrected * (1 - corrected) / (totals * density**2)
        raw = np.where(totals > 0, hits / totals, 0.0)
    single = (ratings.yes - raw[side]) / ((totals[side] + 1) * density[side])
    influence, squares = np.zeros((side.size, 2 * num_arms)), np.zeros((side.size, 2 * num_arms))
    places = np.arange(side.size)
    influence[places, side] = single * ratings.times
    squares[places, side] = single**2 * ratings.times
    covariance = crossed_covariance(influence, squares, ratings.rater, ratings.item)
    shape, kinds = (num_arms, 2), (ratings.rater, ratings.item)
    held = [np.bincount(np.unique(np.stack([side, one]), axis=1)[0], minlength=2 * num_arms) for one in kinds]
    clusters = np.stack(held, axis=1).astype(np.float64)
    return Trading(
        hits.reshape(shape), totals.reshape(shape), z.reshape(shape), floor.reshape(shape), clusters, covariance
    )


def trade_off(
    found: Trading,
    statistic: Statistic,
    weights: Mapping[int, float],
    *,
    prevalence: float | None = None,
    cost_ratio: float = 1.0,
    sampled: Sampled = "both",
) -> TradeOff | None:
    """A weighted sum over arms of one statistic; None where an arm lacks what it is of, or d′ is too small for it.

    Where all answers of an arm to signal, or to noise, are alike, clusters are taken to answer as one, as nothing tells.

    Args:
        found: From `trading`.
        statistic: `dprime`, `criterion`; `excess_criterion` is c minus the optimal c for the prevalence and costs;
            `log_cost_ratio` is the log of the revealed C_FP/C_FN over the decided one (0: as decided).
        weights: Weight by arm; {g: 1} for a level, {g: 1, others: -1/k} for a contrast with their mean.
        prevalence: Share of signal where decisions are made; None takes each arm's own share.
        cost_ratio: The decided C_FP / C_FN.
        sampled: What the interval generalises to: other raters (`a`), items (`b`), `both`; or every rating alone (`rows`).
    """
    gradient, value, n = np.zeros(found.z.size), 0.0, 0
    curved = np.zeros(found.z.size)
    needed = {"hit_rate": [0], "correct_rejection_rate": [1]}.get(statistic, [0, 1])
    for arm, weight in weights.items():
        if not found.totals[arm, needed].all():
            return None
        n += int(found.totals[arm].sum())
        one = _statistic(found, statistic, arm, prevalence=prevalence, cost_ratio=cost_ratio)
        if one is None:
            return None
        value += weight * one[0]
        gradient[2 * arm : 2 * arm + 2] = weight * np.array(one[1:])
        if statistic == "log_cost_ratio":
            # (z_FA² − z_H²) / 2 is flat where a rate is a half: there the next term is the variance.
            curved[2 * arm : 2 * arm + 2] = weight**2 * found.floor[arm] ** 2 / 2
    base = gradient**2 * np.where(gradient != 0, found.floor.ravel(), 0.0)
    alone = float(gradient @ found.covariance.row @ gradient)
    effect, df = 1.0, math.inf
    if sampled != "rows" and alone > 1e-300:
        variance, df = found.covariance.variance(gradient, sampled=sampled)
        effect = max(1.0, variance / alone)
    effects = np.where(_alike(found), _unknown_effect(found, sampled), effect)
    independent, whole = float(np.sum(base + curved)), float(np.sum(base * effects + curved * effects**2))
    return TradeOff(value, math.sqrt(whole), df, n, whole / independent, gradient)


def _alike(found: Trading) -> NDArray[np.bool_]:
    """Where all answers are the same, so that nothing tells how those of a rater or of an item go together; shape (2 * arms,)."""
    return ((found.hits == 0) | (found.hits == found.totals)).ravel()


def _unknown_effect(found: Trading, sampled: Sampled) -> FloatArray:
    """The design effect where nothing tells it, shape (2 * arms,): as if each rater, or item, had given one answer."""
    if sampled == "rows":
        return np.ones(found.totals.size)
    clusters = found.clusters.min(axis=1) if sampled == "both" else found.clusters[:, 0 if sampled == "a" else 1]
    return np.maximum(1.0, found.totals.ravel() / np.maximum(1.0, clusters))


def rate_interval(hits: float, total: float, effect: float, *, level: float) -> Interval:
    """Wilson's interval at the effective number of ratings, total / design effect (Kish)."""
    n = max(1, round(total / effect))
    low, _ = wilson_interval(math.floor(hits / total * n + 1e-9), n, level=level)
    _, high = wilson_interval(math.ceil(hits / total * n - 1e-9), n, level=level)
    return low, high


def _statistic(
    found: Trading, statistic: Statistic, arm: int, *, prevalence: float | None, cost_ratio: float
) -> tuple[float, float, float] | None:
    """The value at one arm and its derivatives by z(hit) and z(false alarm)."""
    (hits, false_alarms), (signal, noise) = found.hits[arm].tolist(), found.totals[arm].tolist()
    z_hit, z_false_alarm = found.z[arm].tolist()
    if statistic in ("hit_rate", "correct_rejection_rate"):
        return (z_hit, 1.0, 0.0) if statistic == "hit_rate" else (-z_false_alarm, 0.0, -1.0)
    at = detection(round(hits), round(signal), round(false_alarms), round(noise))
    share = signal / (signal + noise) if prevalence is None else prevalence
    if statistic == "dprime":
        return at.d_prime, 1.0, -1.0
    if statistic == "criterion":
        return at.criterion, -0.5, -0.5
    if statistic == "log_cost_ratio":
        return at.d_prime * at.criterion + math.log(share / (1 - share) / cost_ratio), -z_hit, z_false_alarm
    if at.d_prime < LEAST_DPRIME:
        return None
    ln_beta = math.log((1 - share) / share * cost_ratio)
    slope = ln_beta / at.d_prime**2
    return at.criterion - ln_beta / at.d_prime, -0.5 + slope, -0.5 - slope


def ratings_of(rows: Sequence[Row], params: Params) -> tuple[Ratings, list[str]]:
    """Counted ratings of rows with `score`, `label`, and as they are there `arm`, `cluster`, `cluster_b`, `count`.

    Also the names of the arms.
    """
    counted = [{**row, "count": row.get("count", 1)} for row in rows]
    read = read_columns(counted, "label", "score", "count", positive=params.get("positive"), binary=["score"])
    names = sorted({str(row.get("arm", "")) for row in rows})
    codes = {name: code for code, name in enumerate(names)}
    arm = np.array([codes[str(row.get("arm", ""))] for row in read.rows], dtype=np.int64)

    def clusters(key: str) -> IntArray:
        # A row without a cluster is one of its own.
        found = [repr(position if row.get(key) is None else (row[key],)) for position, row in enumerate(read.rows)]
        return np.unique(np.array(found), return_inverse=True)[1].astype(np.int64)

    truth, yes, count = read.column(0).astype(np.int64), read.column(1).astype(np.int64), read.column(2)
    return Ratings(arm, truth, yes, count, clusters("cluster"), clusters("cluster_b")), names


def num_unscored_in(rows: Sequence[Row]) -> int:
    """How many ratings lack an answer or a truth."""
    return sum(_weight(row) for row in rows if row.get("score") is None or row.get("label") is None)


def _weight(row: Row) -> int:
    found = row.get("count", 1)
    return int(found) if isinstance(found, int | float) else 1


@estimator("trade_off", version=2, params=("statistic", "of", "against", "prevalence", "cost_ratio", "sampled"))
def trade_off_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """A statistic of the ratings of arm `of`, less the mean over the arms `against` if any are named.

    Keys: `score` (1 yes), `label` (1 signal); `arm` (group), `cluster` (rater), `cluster_b` (item), `count`. Options:
    `statistic`, as in `trade_off` or `hit_rate`, `correct_rejection_rate`; `prevalence`; `cost_ratio` (1); `sampled`
    (`both`, `a` raters, `b` items, `rows`). Rates take no `against`.
    """
    statistic = cast("Statistic", choice_option(params, "statistic", STATISTICS))
    of, others = str(params.get("of", "")), [str(one) for one in cast("list[object]", params.get("against") or [])]
    ratings, names = ratings_of(rows, params)
    num_unscored = num_unscored_in([row for row in rows if str(row.get("arm", "")) in (of, *others)])
    if not names:
        return as_metric("trade_off@2", None, None, level=level, n=0, num_unscored=num_unscored)
    if missing := [name for name in (of, *others) if name not in names]:
        raise InputError(f"trade_off@2: no row has the arm {missing[0]!r}; there are {', '.join(names)}.")
    weights = {names.index(of): 1.0} | {names.index(name): -1 / len(others) for name in others}
    share = None if params.get("prevalence") is None else number_option(params, "prevalence", 0.5)
    sampled = cast("Sampled", choice_option(params, "sampled", ("both", "a", "b", "rows")))
    found = trading(ratings, len(names))
    value = trade_off(
        found,
        statistic,
        weights,
        prevalence=share,
        cost_ratio=number_option(params, "cost_ratio", 1.0),
        sampled=sampled,
    )
    return metric_of(found, statistic, value, names.index(of), level=level, num_unscored=num_unscored)


def metric_of(
    found: Trading, statistic: Statistic, value: TradeOff | None, arm: int, *, level: float, num_unscored: int
) -> Metric:
    """The Metric of an estimate: a rate with Wilson's interval, anything else with Student's."""
    name = "trade_off@2"
    if statistic in ("hit_rate", "correct_rejection_rate"):
        side = 0 if statistic == "hit_rate" else 1
        total, yes = float(found.totals[arm, side]), float(found.hits[arm, side])
        good = yes if side == 0 else total - yes
        if not total:
            return as_metric(name, None, None, level=level, n=0, num_unscored=num_unscored)
        limits = rate_interval(good, total, value.design_effect if value else 1.0, level=level)
        return as_metric(name, good / total, limits, level=level, n=int(total), num_unscored=num_unscored)
    unit = "log ratio" if statistic == "log_cost_ratio" else "z"
    if value is None:
        return as_metric(
            name, None, None, level=level, n=int(found.totals[arm].sum()), num_unscored=num_unscored, unit=unit
        )
    return as_metric(
        name, value.value, value.interval(level=level), level=level, n=value.n, num_unscored=num_unscored, unit=unit
    )
