"""Calibration of scores without bins to choose: cumulative differences (ECCE) and recalibration by logistic regression.

Both work on counted rows, so a table of distinct scores (or of narrow score bins) stands for any number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray, chi_square_tail
from precepts.stats.ratios import normal_interval
from precepts.stats.registry import Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


class Cumulative(NamedTuple):
    """The estimated cumulative calibration error, in the unit of the score, and how it compares with chance."""

    mad: float
    """Largest absolute cumulative difference (ECCE-MAD)."""
    range: float
    """Largest minus smallest (ECCE-R): the worst total miscalibration over any stretch of scores."""
    sigma: float
    """Standard deviation of the total, were the score calibrated: both are a small multiple of it by chance."""
    p: float
    """Chance of so large a range were the score calibrated, by the range of Brownian motion."""


def cumulative_error(
    scores: FloatArray, outcomes: FloatArray, counts: FloatArray, squares: FloatArray | None = None
) -> Cumulative:
    """ECCE of scores, tied scores taken together.

    Args:
        scores: Probabilities, shape (n,).
        outcomes: Share of 1 among the observations of a row, shape (n,).
        counts: How many observations a row stands for, or the sum of their weights, shape (n,).
        squares: The sum of their squared weights; without it none has a weight but 1.

    Raises:
        InputError: If there is no row, or a score is outside [0, 1].

    Arrieta-Ibarra, Gujral, Tannen, Tygert and Xu 2022, JMLR 23(351), "Metrics of calibration for probabilistic
    predictions"; the law of the range is Feller's 1951 (Annals of Mathematical Statistics 22:427-432).
    """
    if not scores.size:
        raise InputError("A calibration error needs at least one row.")
    if scores.min() < 0 or scores.max() > 1:
        raise InputError(f"Scores are probabilities in [0, 1]; got {scores.min():.4g} to {scores.max():.4g}.")
    distinct, place = np.unique(scores, return_inverse=True)
    total = counts.sum()
    steps = np.bincount(place, counts * (outcomes - scores), minlength=distinct.size) / total
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    sigma = math.sqrt(float(np.sum((counts if squares is None else squares) * scores * (1 - scores)))) / total
    span = float(walk.max() - walk.min())
    p = brownian_range_tail(span / sigma) if sigma > 0 else float(span <= 1e-12)
    return Cumulative(float(np.abs(walk).max()), span, sigma, p)


def brownian_range_tail(x: float) -> float:
    """Probability that the range of Brownian motion on [0, 1] exceeds x > 0.

    The series from Feller's density, integrated term by term: 8 Σ (-1)^(k-1) k (1 - Φ(k x)) for k = 1, 2, …
    """
    if x <= 0.3:
        return 1.0
    total = 0.0
    for k in range(1, 200):
        term = k * math.erfc(k * x / math.sqrt(2)) / 2
        total += -term if k % 2 == 0 else term
        if term < 1e-16:
            break
    return min(1.0, max(0.0, 8 * total))


class Recalibration(NamedTuple):
    """logit P(y = 1) = intercept + slope · logit(score): 0 and 1 are calibrated. Cox 1958, Biometrika 45:562-565."""

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float
    p: float
    """Likelihood ratio test of (0, 1), two degrees of freedom."""
    penalised: bool
    """Whether the fit needed Firth's penalty because outcomes and scores are separated or few."""


def effective(sizes: FloatArray, squares: FloatArray) -> FloatArray:
    """Weights that add up to the effective number of rows, (Σw)² / Σw², at least 1, from sums of weights and of their squares."""
    total, of_squares = float(sizes.sum()), float(squares.sum())
    return sizes * (max(total / of_squares, 1 / total) if total > 0 and of_squares > 0 else 0.0)


def recalibration(scores: FloatArray, outcomes: FloatArray, counts: FloatArray) -> Recalibration | None:
    """Calibration intercept and slope; None where the scores do not vary or there is no row.

    Scores of 0 and 1 are moved to 1e-6 and 1 - 1e-6. With fewer than ten events or non-events, or where plain maximum
    likelihood runs off, Firth's penalty keeps the estimate finite (Firth 1993, Biometrika 80:27-38). Arguments as in
    `cumulative_error`.
    """
    if not scores.size or float(np.ptp(scores)) < 1e-12 or not counts.sum() > 0:
        return None
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    x = np.log(clipped / (1 - clipped))
    design = np.stack([np.ones_like(x), x], axis=1)
    events = float(counts @ outcomes)
    few = min(events, float(counts.sum()) - events) < 10
    fitted = None if few else _fit(design, outcomes, counts, firth=False)
    penalised = fitted is None
    if fitted is None:
        fitted = _fit(design, outcomes, counts, firth=True)
    if fitted is None:
        return None
    beta, covariance, likelihood = fitted
    ratio = 2 * (likelihood - _objective(design, outcomes, counts, np.array([0.0, 1.0]), firth=penalised))
    errors = np.sqrt(np.diag(covariance))
    p = chi_square_tail(max(0.0, ratio), df=2)
    return Recalibration(float(beta[0]), float(beta[1]), float(errors[0]), float(errors[1]), p, penalised)


def _objective(design: FloatArray, outcomes: FloatArray, counts: FloatArray, beta: FloatArray, *, firth: bool) -> float:
    eta = design @ beta
    value = float(np.sum(counts * (outcomes * eta - np.logaddexp(0, eta))))
    if firth:
        p = expit(eta)
        sign, logdet = np.linalg.slogdet(design.T @ (design * (counts * p * (1 - p))[:, None]))
        value += 0.5 * float(logdet) if sign > 0 else -1e9
    return value


def _fit(
    design: FloatArray, outcomes: FloatArray, counts: FloatArray, *, firth: bool
) -> tuple[FloatArray, FloatArray, float] | None:
    """Newton's method with halved steps; None if it does not settle at moderate values."""
    beta = np.array([0.0, 1.0])
    value = _objective(design, outcomes, counts, beta, firth=firth)
    inverse = np.eye(2)
    for _ in range(100):
        p = expit(design @ beta)
        weights = counts * p * (1 - p)
        information = design.T @ (design * weights[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        inverse = np.asarray(np.linalg.inv(information), dtype=np.float64)
        residual = counts * (outcomes - p)
        if firth:
            leverage = weights * np.einsum("ni,ij,nj->n", design, inverse, design)
            residual = residual + leverage * (0.5 - p)
        step = inverse @ (design.T @ residual)
        scale = 1.0
        while scale > 1e-6:
            trial = _objective(design, outcomes, counts, beta + scale * step, firth=firth)
            if trial >= value - 1e-12:
                break
            scale /= 2
        beta = beta + scale * step
        value = _objective(design, outcomes, counts, beta, firth=firth)
        if float(np.abs(scale * step).max()) < 1e-10:
            return (beta, inverse, value) if float(np.abs(beta).max()) < 50 else None
        if float(np.abs(beta).max()) > 1e3:
            return None
    return beta, inverse, value


class _Read(NamedTuple):
    """What the two estimators read of their rows."""

    scores: FloatArray
    outcomes: FloatArray
    sizes: FloatArray
    """Of each row the number of its observations, or the sum of their weights."""
    squares: FloatArray
    """The sum of their squared weights."""
    n: int
    num_unscored: int


def _rows(rows: Sequence[Row], params: Params) -> _Read:
    weighted = choice_option(params, "weights", ("none", "given")) == "given"
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    keys = ("score", "label", "count", *(("score_b", "score_c") if weighted else ()))
    read = read_columns(filled, *keys, positive=params.get("positive"))
    total = sum(int(row["count"]) for row in filled if isinstance(row["count"], int | float))
    n = int(read.column(2).sum())
    sizes, squares = (read.column(3), read.column(4)) if weighted else (read.column(2), read.column(2))
    return _Read(read.column(0), read.column(1), sizes, squares, n, total - n)


@estimator("ecce", version=1, params=("statistic", "weights"))
def ecce(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """ECCE of `score` (a probability) for `label`; keys also `count`. `statistic`: `range` (default), `mad`, `range_in_sigma`.

    It has no interval, being a distance that is never 0: compare `range_in_sigma` with its mean under calibration, 1.6. With
    `weights: given` also `score_b` and `score_c`, the sums of the weights and of their squares over the observations of a row:
    each counts by its weight, and sigma² is Σ w² s (1 - s) / (Σw)².
    """
    read = _rows(rows, params)
    statistic = choice_option(params, "statistic", ("range", "mad", "range_in_sigma"))
    found = cumulative_error(*read[:4]) if read.sizes.sum() else None
    return ecce_metric(found, statistic, n=read.n, num_unscored=read.num_unscored, level=level)


def ecce_metric(found: Cumulative | None, statistic: str, *, n: int, num_unscored: int, level: float) -> Metric:
    """`ecce@1`: `range`, `mad` or `range_in_sigma`."""
    unit = "sigma" if statistic == "range_in_sigma" else "rate"
    value = None
    if found is not None and statistic == "range_in_sigma":
        value = found.range / found.sigma if found.sigma > 0 else None
    elif found is not None:
        value = found.range if statistic == "range" else found.mad
    return as_metric("ecce@1", value, None, level=level, n=n, num_unscored=num_unscored, unit=unit)


@estimator("recalibration", version=1, params=("statistic", "weights"))
def recalibration_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Calibration `slope` (default) or `intercept` of `score` for `label`, with Wald's interval; keys also `count`.

    With `weights: given` also `score_b` and `score_c` as in `ecce@1`; the interval is that of the effective number of rows.
    """
    read = _rows(rows, params)
    statistic = choice_option(params, "statistic", ("slope", "intercept"))
    found = recalibration(read.scores, read.outcomes, effective(read.sizes, read.squares))
    return recalibration_metric(found, statistic, n=read.n, num_unscored=read.num_unscored, level=level)


def recalibration_metric(
    found: Recalibration | None, statistic: str, *, n: int, num_unscored: int, level: float
) -> Metric:
    """`recalibration@1`: `slope` or `intercept`."""
    value, interval = None, None
    if found is not None:
        slope = statistic == "slope"
        value, error = (found.slope, found.slope_error) if slope else (found.intercept, found.intercept_error)
        interval = normal_interval(value, error, level=level)
    return as_metric("recalibration@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit="logit")
