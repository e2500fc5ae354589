"""The few distributions and special functions the estimators need, with types: the only file here that names scipy."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

FloatArray = NDArray[np.float64]

NORMAL = NormalDist()
"""The standard normal: `cdf`, `inv_cdf` and `pdf` of one number."""


def critical_z(level: float) -> float:
    """The two-sided critical value of the standard normal: 1.96 for a level of 0.95."""
    return NORMAL.inv_cdf(0.5 + level / 2)


def critical_t(level: float, *, df: int) -> float:
    """The two-sided critical value of Student's t with `df` degrees of freedom."""
    return float(special.stdtrit(df, 0.5 + level / 2))


def binomial_cdf(successes: int, trials: int, *, rate: float = 0.5) -> float:
    """Probability of at most `successes` among `trials`."""
    return float(special.bdtr(successes, trials, rate)) if successes >= 0 else 0.0


def midranks(values: FloatArray) -> FloatArray:
    """Ranks from 1, shape of `values` (n,); tied values share the mean of their ranks."""
    _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[positions]


def root_between(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` crosses zero between `low` and `high`, at which its signs must differ (Brent's method)."""
    return float(optimize.brentq(function, low, high, xtol=1e-12, rtol=1e-12))  # type: ignore[arg-type]


def student_cdf(x: float, *, df: float) -> float:
    """Probability that Student's t with `df` degrees of freedom is at most `x`."""
    return float(special.stdtr(df, x))


def exact_rate_interval(yes: float, n: float, *, level: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a rate (Biometrika 1934, 26:404-413): it covers at least `level` at every rate and n > 0."""
    tail = (1 - level) / 2
    low = float(special.betaincinv(yes, n - yes + 1, tail)) if yes > 0 else 0.0
    return low, float(special.betaincinv(yes + 1, n - yes, 1 - tail)) if yes < n else 1.0


def chi_square_tail(x: float, *, df: float) -> float:
    """Probability that chi-square with `df` degrees of freedom exceeds `x`."""
    return float(special.chdtrc(df, x))
