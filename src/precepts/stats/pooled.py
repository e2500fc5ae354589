"""Rates of many small groups, partially pooled: each drawn towards what its parts predict, the more the fewer rows it has.

An intersection such as `f × old × rural` shares its parts with others. Its logit is an intercept, an effect of each part, and
an own deviation, all of them random; how large parts and deviations are is learnt from all groups. Multilevel regression as
in Gelman and Hill 2007, chapter 14, with intersections as in Herlihy et al. 2024 (FAccT, arXiv 2401.14893), who penalise
interactions where this gives them a variance.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr, ndtri

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

MOST_GROUPS = 300
_INTERCEPT = 3.0  # standard deviation of the overall logit: rates from 0.003 to 0.997 are within two of them
_OF_PARTS = np.geomspace(0.05, 2.5, 7)
_OF_GROUPS = np.geomspace(0.02, 2.0, 9)
"""Standard deviations that are averaged over, each with a half-normal prior of scale 1, in logits."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(21)


class Pooled(NamedTuple):
    """The posterior of the logits of k groups: a mixture over how large parts and deviations are."""

    shares: FloatArray
    """Posterior weight of each component, shape (m,)."""
    means: FloatArray
    """Shape (m, k)."""
    covariances: FloatArray
    """Shape (m, k, k)."""
    spreads: FloatArray
    """Standard deviation of the groups' own deviations, shape (m,)."""

    def rate(self, group: int, *, level: float) -> tuple[float, Interval]:
        """Posterior mean of one group's rate, and the interval between its quantiles."""
        means, errors = self.means[:, group], np.sqrt(self.covariances[:, group, group])
        value = float(self.shares @ _mean_rate(means, errors))
        low, high = (_quantile(self.shares, means, errors, share) for share in ((1 - level) / 2, (1 + level) / 2))
        return value, (float(expit(low)), float(expit(high)))

    def gap(self, group: int, sizes: FloatArray, *, level: float) -> tuple[float, Interval]:
        """One group's rate less that of all others together, weighted by their sizes; the delta method within components."""
        contrast = -np.where(np.arange(sizes.size) == group, 0.0, sizes)
        contrast = contrast / -contrast.sum()
        contrast[group] = 1.0
        errors = np.sqrt(np.einsum("mkk->mk", self.covariances))
        means = _mean_rate(self.means, errors) @ contrast
        slopes = expit(self.means) * (1 - expit(self.means)) * contrast
        spread = np.sqrt(np.einsum("mk,mkl,ml->m", slopes, self.covariances, slopes))
        limits = [_quantile(self.shares, means, spread, share) for share in ((1 - level) / 2, (1 + level) / 2)]
        return float(self.shares @ means), (limits[0], limits[1])

    def interaction(self, *, level: float) -> tuple[float, Interval]:
        """Standard deviation, in logits, of what groups have beyond their parts: posterior mean and quantiles over its grid."""
        values = np.unique(self.spreads)
        steps = np.cumsum([self.shares[self.spreads == value].sum() for value in values])
        at = [
            float(values[min(int(np.searchsorted(steps, s)), values.size - 1)])
            for s in ((1 - level) / 2, (1 + level) / 2)
        ]
        return float(self.shares @ self.spreads), (at[0], at[1])


def _mean_rate(means: FloatArray, errors: FloatArray) -> FloatArray:
    """Mean of expit of normals, of the shape of its arguments, by Gauss-Hermite quadrature."""
    at = expit(means[..., None] + errors[..., None] * _NODES)
    return np.asarray(at @ _WEIGHTS / math.sqrt(2 * math.pi), dtype=np.float64)


def _quantile(shares: FloatArray, means: FloatArray, errors: FloatArray, share: float) -> float:
    """Quantile of a mixture of normals, by halving."""
    reach = 1 + 2 * abs(float(ndtri(share)))
    low, high = float((means - reach * errors).min()), float((means + reach * errors).max())
    for _ in range(60):
        middle = (low + high) / 2
        if float(shares @ ndtr((middle - means) / np.maximum(errors, 1e-12))) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def pooled_rates(yes: Sequence[float], n: Sequence[float], parts: Sequence[tuple[str, ...]]) -> Pooled:
    """The posterior of all groups' rates.

    Args:
        yes: Successes by group, shape (k,).
        n: Rows by group; a group may have none, and is then predicted from its parts.
        parts: What each group is an intersection of, in one order.

    Raises:
        InputError: If there are more than 300 groups, or groups have unlike numbers of parts.
    """
    if len(parts) > MOST_GROUPS:
        raise InputError(f"Partial pooling takes at most {MOST_GROUPS} groups; there are {len(parts)}.")
    if len({len(one) for one in parts}) > 1:
        raise InputError(
            "Groups that are pooled are intersections of the same columns; these have unlike numbers of parts."
        )
    return _fitted(tuple(map(float, yes)), tuple(map(float, n)), tuple(parts))


@functools.lru_cache(maxsize=64)
def _fitted(yes: tuple[float, ...], n: tuple[float, ...], parts: tuple[tuple[str, ...], ...]) -> Pooled:
    successes, sizes, k = np.array(yes), np.array(n), len(parts)
    shared = np.zeros((k, k))
    for column in zip(*parts, strict=True):
        codes = np.unique(np.array(column), return_inverse=True)[1]
        shared += codes[:, None] == codes[None, :]
    alone = len(parts[0]) < 2
    found: list[tuple[float, float, FloatArray, FloatArray]] = []
    start = np.full(k, _logit((successes.sum() + 0.5) / (sizes.sum() + 1)))
    for of_parts in (0.0,) if alone else _OF_PARTS:
        at = start
        for of_groups in _OF_GROUPS:
            kernel = _INTERCEPT**2 + of_parts**2 * shared + of_groups**2 * np.eye(k)
            at, covariance, log_evidence = _laplace(successes, sizes, kernel, at)
            # Grid points are even in logarithms: the half-normal density times the standard deviation.
            prior = math.log(of_groups) - of_groups**2 / 2
            prior += 0.0 if alone else math.log(of_parts) - of_parts**2 / 2
            found.append((log_evidence + prior, of_groups, at, covariance))
    top = max(one[0] for one in found)
    kept = [one for one in found if one[0] > top - 9]  # the rest weigh less than 1 in 8,000
    shares = np.exp([one[0] - top for one in kept])
    return Pooled(
        shares / shares.sum(),
        np.stack([one[2] for one in kept]),
        np.stack([one[3] for one in kept]),
        np.array([one[1] for one in kept]),
    )


def _logit(rate: float) -> float:
    return math.log(rate / (1 - rate))


def _laplace(
    yes: FloatArray, n: FloatArray, kernel: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Mode, covariance and log evidence of logits with normal prior (0, kernel) and binomial counts.

    Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, algorithm 3.1, with counts for single outcomes.
    """
    identity = np.eye(yes.size)

    def objective(weights: FloatArray, at: FloatArray) -> float:
        return float(-weights @ at / 2 + yes @ at - n @ np.logaddexp(0, at))

    weights = np.asarray(np.linalg.solve(kernel + 1e-9 * identity, start), dtype=np.float64)
    at, value = start, objective(weights, start)
    for _ in range(100):
        rate = expit(at)
        curvature = n * rate * (1 - rate)
        root = np.sqrt(curvature)
        target = curvature * at + yes - n * rate
        inner = identity + root[:, None] * kernel * root
        proposed = target - root * np.linalg.solve(inner, root * (kernel @ target))
        step, scale = proposed - weights, 1.0
        while scale > 1e-4:
            trial = weights + scale * step
            trial_at = kernel @ trial
            if (trial_value := objective(trial, trial_at)) >= value - 1e-12:
                break
            scale /= 2
        else:
            break
        moved = float(np.abs(trial_at - at).max())
        weights, at, value = trial, trial_at, trial_value
        if moved < 1e-9:
            break
    rate = expit(at)
    root = np.sqrt(n * rate * (1 - rate))
    inner = identity + root[:, None] * kernel * root
    scaled = root[:, None] * kernel
    covariance = kernel - scaled.T @ np.linalg.solve(inner, scaled)
    return at, covariance, value - float(np.linalg.slogdet(inner)[1]) / 2


@estimator("pooled_rate", version=1, params=("of", "against", "separator", "statistic"))
def pooled_rate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of `score` 1 in the arm `of`, partially pooled over all arms; with `against: others` less that of all others.

    Keys `score` (0 or 1), `arm` (the group; its parts joined by `separator`, " × "), `count`. The interval is the posterior's:
    it covers in the share `level` of groups on average, and less often a group that is unlike what its parts predict. With
    `statistic: interaction` the standard deviation of what groups have beyond their parts, in logits. `n` is that of `of`.
    """
    statistic = choice_option(params, "statistic", ("rate", "interaction"))
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    read = read_columns(filled, "score", "count", binary=["score"])
    names = sorted({str(row.get("arm")) for row in filled})
    of = str(params.get("of", names[0] if names else ""))
    total = sum(int(r["count"]) for r in filled if _in(r, of, statistic) and isinstance(r["count"], int | float))
    codes = np.array([names.index(str(row.get("arm"))) for row in read.rows], dtype=np.int64)
    n = np.bincount(codes, read.column(1), minlength=len(names)).astype(np.float64)
    yes = np.bincount(codes, read.column(0) * read.column(1), minlength=len(names)).astype(np.float64)
    against = choice_option(params, "against", ("nobody", "others")) == "others"
    if of not in names:
        return no_rate(level=level, against=against)
    separator = str(params.get("separator", " × "))
    found = pooled_rates(yes.tolist(), n.tolist(), [tuple(name.split(separator)) for name in names])
    used = n.sum() if statistic == "interaction" else n[names.index(of)]
    return pooled_metric(
        found, n, names.index(of), against=against, statistic=statistic, num_unscored=total - int(used), level=level
    )


def _in(row: Row, of: str, statistic: str) -> bool:
    return statistic == "interaction" or str(row.get("arm")) == of


def no_rate(*, level: float, against: bool) -> Metric:
    """`pooled_rate@1` of a group that no row is of."""
    unit = "difference" if against else "rate"
    return as_metric("pooled_rate@1", None, None, level=level, n=0, num_unscored=0, unit=unit)


def pooled_metric(
    found: Pooled, n: FloatArray, group: int, *, against: bool, statistic: str, num_unscored: int, level: float
) -> Metric:
    """`pooled_rate@1` of a posterior: a rate, a gap against all others, or the standard deviation beyond the parts."""
    name, mine = "pooled_rate@1", int(n[group])
    if statistic == "interaction":
        made = found.interaction(level=level)
        return as_metric(name, *made, level=level, n=int(n.sum()), num_unscored=num_unscored, unit="logit")
    if not n.sum() or (against and n.sum() == n[group]):
        unit = "difference" if against else "rate"
        return as_metric(name, None, None, level=level, n=mine, num_unscored=num_unscored, unit=unit)
    made = found.gap(group, n, level=level) if against else found.rate(group, level=level)
    return as_metric(
        name, *made, level=level, n=mine, num_unscored=num_unscored, unit="difference" if against else "rate"
    )
