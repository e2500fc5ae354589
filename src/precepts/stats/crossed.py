"""Variances of sums whose rows were sampled in clusters of one or two kinds, crossed or not."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from precepts.stats.distributions import FloatArray

IntArray = NDArray[np.int64]

Sampled = Literal["both", "a", "b", "rows"]
"""What stands for many: clusters of both kinds, of one kind, or each row alone."""


class CrossedCovariance(NamedTuple):
    """Covariance matrices, each of shape (k, k), of k sums over rows, under each idea of what was sampled."""

    row: FloatArray
    """Every row on its own."""
    a: FloatArray
    """Whole clusters of the first kind."""
    b: FloatArray
    """Whole clusters of the second kind."""
    pair: FloatArray
    """Whole pairs of clusters."""
    num_a: int
    num_b: int

    def both(self) -> FloatArray:
        """Both kinds at once: a + b - pair, the two-way cluster-robust covariance.

        Cameron, Gelbach and Miller 2011, Journal of Business and Economic Statistics 29:238-249.
        """
        return self.a + self.b - self.pair

    def variance(self, direction: FloatArray, *, sampled: Sampled = "both") -> tuple[float, float]:
        """Variance of the sum weighted by `direction`, shape (k,), and its degrees of freedom.

        For both kinds the two-way variance, or the larger one-way variance where that is above it (it can come out below,
        or negative, by chance). Degrees of freedom by Satterthwaite from those of the kinds.
        """
        of_a, of_b = float(direction @ self.a @ direction), float(direction @ self.b @ direction)
        if sampled == "rows":
            return float(direction @ self.row @ direction), math.inf
        kinds = [(of_a, self.num_a)] * (sampled != "b") + [(of_b, self.num_b)] * (sampled != "a")
        parts = [(variance, number - 1) for variance, number in kinds if variance > 0 and number > 1]
        total = max((variance for variance, _ in kinds), default=0.0)
        if sampled == "both":
            total = max(total, float(direction @ self.both() @ direction))
        spread = sum(variance**2 / df for variance, df in parts)
        return total, sum(variance for variance, _ in parts) ** 2 / spread if spread else math.inf

    def matrix(self, sampled: Sampled) -> FloatArray:
        """The covariance matrix under one idea of what was sampled; the two-way one may have negative eigenvalues."""
        return {"rows": self.row, "a": self.a, "b": self.b}.get(sampled, self.both())


def crossed_covariance(influence: FloatArray, squares: FloatArray, a: IntArray, b: IntArray) -> CrossedCovariance:
    """Covariances of the column sums of `influence`.

    Args:
        influence: Shape (n, k): what each row adds to each sum, centred. A row may stand for several observations, whose
            influences are then already summed.
        squares: Shape (n, k): the sum of the squares of those observations' influences.
        a: Cluster number of the first kind, shape (n,).
        b: Cluster number of the second kind, shape (n,).
    """
    num_a, num_b = int(a.max(initial=-1)) + 1, int(b.max(initial=-1)) + 1
    pair = np.unique(a * max(num_b, 1) + b, return_inverse=True)[1] if a.size else a

    def within(codes: IntArray, number: int) -> FloatArray:
        sums = np.stack([np.bincount(codes, column, minlength=number) for column in influence.T], axis=1)
        scale = number / (number - 1) if number > 1 else 1.0
        return np.asarray(scale * (sums.T @ sums), dtype=np.float64)

    return CrossedCovariance(
        row=np.diag(squares.sum(axis=0)),
        a=within(a, num_a),
        b=within(b, num_b),
        pair=within(pair, int(pair.max(initial=-1)) + 1),
        num_a=num_a,
        num_b=num_b,
    )


def nearest_correlation(covariance: FloatArray) -> FloatArray:
    """The correlation matrix of a symmetric (k, k) matrix whose negative eigenvalues, if any, are set to zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    fixed = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = np.sqrt(np.maximum(np.diag(fixed), 1e-300))
    correlation = np.asarray(fixed / np.outer(scale, scale), dtype=np.float64)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def max_t_critical(correlation: FloatArray, *, level: float = 0.95, seed: int = 0, draws: int = 20_000) -> float:
    """The c for which k intervals, value ± c standard errors, all hold at once with chance `level`.

    The quantile of the largest absolute value of k joint normals: the single-step max-T method, Hothorn, Bretz and
    Westfall 2008, Biometrical Journal 50:346-363, by simulation. Monte Carlo error is about 0.02.

    Args:
        correlation: Shape (k, k), of the k estimates.
        level: Chance that all intervals hold.
        seed: Of the draws.
        draws: How many.
    """
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(seed).standard_normal((draws, correlation.shape[0]))
    return float(np.quantile(np.abs(normal @ root.T).max(axis=1), level))
