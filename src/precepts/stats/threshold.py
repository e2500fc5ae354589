"""Where to cut a score in two, so that neither class is favoured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def maximin_threshold(
    positive: Sequence[float] | NDArray[np.float64], negative: Sequence[float] | NDArray[np.float64]
) -> float:
    """The threshold at which the smaller of both recalls is largest; the middle of the best stretch.

    Args:
        positive: Scores that should lie above; at least one.
        negative: Scores that should lie at or below; at least one.
    """
    positive_N, negative_N = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    assert len(positive_N), "no positive score"
    assert len(negative_N), "no negative score"
    values = np.unique(np.concatenate([positive_N, negative_N]))
    middles = np.concatenate([[values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1]])
    worst = np.minimum((positive_N[None] > middles[:, None]).mean(1), (negative_N[None] <= middles[:, None]).mean(1))
    best = middles[worst >= worst.max() - 1e-12]
    return float((best[0] + best[-1]) / 2)
