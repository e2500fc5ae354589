"""A probit model of ratings with partial pooling over raters within groups: whose criterion differs, and where.

P(yes) = Φ(d (y - 1/2) - c), with c of a rater in a group = c of the group + the rater's own + the rater's in that group,
and likewise d′ (DeCarlo 1998, Psychological Methods 3:186-205, for signal detection as a generalised linear model). The
rater's deviations are normal with variances that the data give, so that a rater of few ratings is drawn to the others and
not called an outlier for chance.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import log_ndtr

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray, critical_z
from precepts.stats.registry import Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

MOST_EFFECTS = 1500
_CELL = tuple[int, int, int, float, float]
"""Group, rater, truth (1 or 0), ratings yes, ratings in all."""


class ProbitMixed(NamedTuple):
    """The fitted model: effects, their joint covariance, and where each stands."""

    effects: FloatArray
    """Shape (k,): d′ and c of the groups, then rater criterion, rater d′, rater × group criterion, rater × group d′."""
    covariance: FloatArray
    """Shape (k, k), given the standard deviations."""
    deviations: FloatArray
    """Standard deviations of the four kinds of deviation, in that order, shape (4,)."""
    num_groups: int
    num_raters: int

    def direction(self, statistic: str, group: int, rater: int | None = None) -> FloatArray:
        """The weights, shape (k,), that make one group's (or one rater's, in a group) `dprime` or `criterion` of the effects."""
        out, groups, raters = np.zeros(self.effects.size), self.num_groups, self.num_raters
        dprime = statistic == "dprime"
        out[group if dprime else groups + group] = 1.0
        if rater is not None:
            own, crossed = (
                2 * groups + (raters if dprime else 0),
                2 * groups + 2 * raters + (raters * groups if dprime else 0),
            )
            out[own + rater] = out[crossed + rater * groups + group] = 1.0
        return out


@functools.lru_cache(maxsize=8)
def probit_mixed(cells: tuple[_CELL, ...], num_groups: int, num_raters: int) -> ProbitMixed:
    """The model fitted by Laplace's approximation to the marginal likelihood.

    Args:
        cells: Counted ratings by group, rater and truth.
        num_groups: Groups are numbered from 0.
        num_raters: Raters are numbered from 0.

    Raises:
        InputError: If there would be more than 1500 effects.
    """
    size = 2 * num_groups + 2 * num_raters * (1 + num_groups)
    if size > MOST_EFFECTS:
        raise InputError(
            f"{num_raters} raters in {num_groups} groups are {size} effects; this model takes {MOST_EFFECTS}. Audit fewer groups at once."
        )
    group, rater, truth = (np.array([cell[k] for cell in cells], dtype=np.int64) for k in range(3))
    yes, n = (np.array([cell[k] for cell in cells], dtype=np.float64) for k in (3, 4))
    design, rows, side = np.zeros((len(cells), size)), np.arange(len(cells)), truth - 0.5
    own, crossed = 2 * num_groups, 2 * num_groups + 2 * num_raters
    design[rows, group], design[rows, num_groups + group] = side, -1.0
    design[rows, own + rater], design[rows, own + num_raters + rater] = -1.0, side
    cell = rater * num_groups + group
    design[rows, crossed + cell], design[rows, crossed + num_raters * num_groups + cell] = -1.0, side
    kinds = np.repeat([4, 0, 1, 2, 3], [own, num_raters, num_raters, num_raters * num_groups, num_raters * num_groups])
    start = np.zeros(size)
    start[:num_groups] = 1.0

    def fit(logs: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        # A normal prior of sd 10 on the groups' own effects keeps them finite where every rating is right.
        precision = np.append(np.exp(-2 * logs), 0.01)[kinds]
        return _mode(design, yes, n, precision, at)

    best = start

    def loss(logs: FloatArray) -> float:
        nonlocal best
        mode, information, value = fit(logs, best)
        best = mode
        _, logdet = np.linalg.slogdet(information)
        prior = float(np.sum(-logs[kinds[kinds < 4]]))
        # A weak half-normal-like prior on standard deviations (median about 0.4) keeps few raters from running off.
        return -(value + prior - 0.5 * float(logdet) + float(np.sum(logs - 0.5 * np.exp(2 * logs))))

    found = minimize(
        loss, np.log([0.3, 0.3, 0.3, 0.3]), method="Nelder-Mead", options={"xatol": 0.02, "fatol": 0.01, "maxiter": 160}
    )
    logs = np.asarray(found.x, dtype=np.float64)
    mode, information, _ = fit(logs, best)
    covariance = cho_solve(cho_factor(information), np.eye(size))
    return ProbitMixed(mode, np.asarray(covariance), np.exp(logs), num_groups, num_raters)


def _mode(
    design: FloatArray, yes: FloatArray, n: FloatArray, precision: FloatArray, at: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """The effects of highest penalised likelihood, the information there, and that likelihood: Newton with halved steps."""
    beta = at

    def value_of(effects: FloatArray) -> float:
        eta = design @ effects
        return float(yes @ log_ndtr(eta) + (n - yes) @ log_ndtr(-eta) - 0.5 * precision @ effects**2)

    value, information = value_of(beta), np.eye(beta.size)
    for _ in range(60):
        eta = design @ beta
        up, down = _mills(eta), _mills(-eta)
        gradient = yes * up - (n - yes) * down
        weight = yes * up * (up + eta) + (n - yes) * down * (down - eta)
        information = design.T @ (design * weight[:, None])
        information[np.diag_indices_from(information)] += precision
        step = cho_solve(cho_factor(information), design.T @ gradient - precision * beta)
        scale = 1.0
        while scale > 1e-4 and value_of(beta + scale * step) < value - 1e-10:
            scale /= 2
        beta = beta + scale * step
        value = value_of(beta)
        if float(np.abs(scale * step).max()) < 1e-7:
            break
    return beta, information, value


def _mills(eta: FloatArray) -> FloatArray:
    """φ(eta) / Φ(eta), without overflow."""
    return np.asarray(np.exp(-0.5 * eta**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(eta)), dtype=np.float64)


def cells_of(rows: Sequence[Row], params: Params) -> tuple[tuple[_CELL, ...], list[str], list[str], int, int]:
    """Counted cells of rows with `score`, `label`, `arm`, `cluster`, `count`; names of groups and raters; n and unscored."""
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    read = read_columns(filled, "label", "score", "count", positive=params.get("positive"), binary=["score"])
    groups = sorted({str(row.get("arm", "")) for row in read.rows})
    raters = sorted({str(row.get("cluster")) for row in read.rows})
    group_of, rater_of = ({name: k for k, name in enumerate(names)} for names in (groups, raters))
    sums: dict[tuple[int, int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row, (label, score, count) in zip(read.rows, read.values.tolist(), strict=True):
        cell = sums[group_of[str(row.get("arm", ""))], rater_of[str(row.get("cluster"))], int(label)]
        cell[0] += score * count
        cell[1] += count
    cells = tuple((*key, yes, n) for key, (yes, n) in sorted(sums.items()))
    total = int(read.column(2).sum())
    everything = sum(int(cast("float", row["count"])) for row in filled)
    return cells, groups, raters, total, everything - total


@estimator("probit_mixed", version=1, params=("of", "against", "rater", "statistic"))
def probit_mixed_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """`criterion` or `dprime` of the arm `of` for a typical rater, less the mean over the arms `against`; or of one `rater` in it.

    With `rater` the value is that rater's less the typical rater's in the arm, drawn towards 0 as the model finds it. Keys:
    `score`, `label`, `arm`, `cluster` (rater), `count`. Options also `statistic`: `criterion`, `dprime`. Normal interval
    given the standard deviations found; items are taken as independent. None where the arm lacks signal or noise.
    """
    name, statistic = "probit_mixed@1", choice_option(params, "statistic", ("criterion", "dprime"))
    cells, groups, raters, n, unscored = cells_of(rows, params)
    of, others = str(params.get("of", "")), [str(one) for one in cast("list[object]", params.get("against") or [])]
    truths: dict[str, set[int]] = defaultdict(set)
    for cell in cells:
        truths[groups[cell[0]]].add(cell[2])
    if any(len(truths[arm]) < 2 for arm in (of, *others)):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit="z")
    fitted = probit_mixed(cells, len(groups), len(raters))
    if params.get("rater") is not None:
        if str(params["rater"]) not in raters:
            raise InputError(f"{name}: no row has the rater {params['rater']!r}.")
        rater = raters.index(str(params["rater"]))
        direction = fitted.direction(statistic, groups.index(of), rater) - fitted.direction(statistic, groups.index(of))
    else:
        direction = fitted.direction(statistic, groups.index(of))
        for other in others:
            direction = direction - fitted.direction(statistic, groups.index(other)) / len(others)
    value = float(direction @ fitted.effects)
    half = critical_z(level) * float(np.sqrt(direction @ fitted.covariance @ direction))
    return as_metric(name, value, (value - half, value + half), level=level, n=n, num_unscored=unscored, unit="z")
