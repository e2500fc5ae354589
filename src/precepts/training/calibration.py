"""The verdict's threshold, chosen on the dev split: small models rank requests better than they decide (docs/log.md).

The chosen biases are added to the verdict's first token at generation and stand in the model's `precepts.json`; nothing is chosen on test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.stats import maximin_threshold
from precepts.types import DISPOSITIONS, Disposition


class Calibration(NamedTuple):
    """Biases in nats (comply is the reference at 0), and each verdict's recall on dev before and after."""

    refuse: float
    safe_complete: float
    n: int
    recall_before: dict[str, float]
    recall_after: dict[str, float]


def calibrate(log_probs: Sequence[Sequence[float]], asked: Sequence[Disposition]) -> Calibration:
    """The biases under which the least recalled of refuse and comply is recalled most, then the least recalled of all three.

    Args:
        log_probs: Of refuse, comply, safe_complete right after the opening, shape (N, 3).
        asked: What each dev case asks for. With no case of a verdict, its bias stays 0.
    """
    scores_N3 = np.asarray(log_probs, dtype=float).reshape(-1, 3)
    labels_N = np.array([DISPOSITIONS.index(a) for a in asked], dtype=int)
    before = _recall(scores_N3, labels_N)
    present = set(labels_N.tolist())
    refuse = safe = 0.0
    if {0, 1} <= present:
        gap_N = scores_N3[:, 0] - scores_N3[:, 1]
        refuse = -maximin_threshold(gap_N[labels_N == 0], gap_N[labels_N == 1])
    if 2 in present and len(present) > 1:
        best = -1.0
        for candidate in np.arange(-6.0, 6.01, 0.25):
            found = _recall(scores_N3 + np.array([refuse, 0.0, candidate]), labels_N)
            value = min(found.values()) + 1e-3 * float(np.mean(list(found.values()))) - 1e-6 * abs(candidate)
            if value > best:
                best, safe = value, float(candidate)
    after = _recall(scores_N3 + np.array([refuse, 0.0, safe]), labels_N)
    return Calibration(round(refuse, 4), round(safe, 4), len(labels_N), before, after)


def _recall(scores_N3: np.ndarray, labels_N: np.ndarray) -> dict[str, float]:
    said_N = scores_N3.argmax(1)
    return {
        DISPOSITIONS[k]: round(float((said_N[labels_N == k] == k).mean()), 4) for k in sorted(set(labels_N.tolist()))
    }
