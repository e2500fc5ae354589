"""The sign-flipping permutation test of paired differences. Fisher 1935, chapter 3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError

_EXACT = 16
"""Up to so many units every pattern of signs is counted; above, a sample."""


def permutation_test(
    differences: Sequence[float], *, clusters: Sequence[object] | None = None, resamples: int = 9999, seed: int = 0
) -> float:
    """Two-sided p value that paired differences are as likely to be of either sign; 1 where none differs from 0.

    Exact up to 16 units whose sum differs from 0; above, of so many drawn sign patterns and the one seen, so never below 1 / (resamples + 1).

    Args:
        differences: Score minus score_b of each pair, shape (n,).
        clusters: The unit of each pair: its pairs change sign together.
        resamples: Sign patterns drawn.
        seed: Of the draws.

    Raises:
        InputError: If clusters are of another length.
    """
    values = np.asarray(differences, dtype=np.float64)
    if clusters is not None:
        if len(clusters) != values.size:
            raise InputError(f"clusters must name one for each of {values.size} differences; got {len(clusters)}.")
        totals: dict[str, list[float]] = {}
        for value, cluster in zip(values.tolist(), clusters, strict=True):
            totals.setdefault(f"{type(cluster).__name__}:{cluster}", []).append(value)
        values = np.array([float(np.sum(np.sort(found))) for found in totals.values()])
    size, seen = np.sort(np.abs(values[values != 0])), abs(float(np.sort(values).sum()))
    if size.size == 0:
        return 1.0
    slack = 1e-12 * max(1.0, float(size.sum()))
    if size.size <= _EXACT:
        signs = 1 - 2 * ((np.arange(2**size.size)[:, None] >> np.arange(size.size)) & 1)
        return float((np.abs(signs @ size) >= seen - slack).mean())
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, resamples, 1000):
        drawn = rng.integers(0, 2, size=(min(1000, resamples - start), size.size)) * 2 - 1
        hits += int((np.abs(drawn @ size) >= seen - slack).sum())
    return (hits + 1) / (resamples + 1)
