"""Bootstrapping: each model on a ladder labels fresh rows for the next one.

Burns et al. 2023, section 4.3.1. The student's rows are cut into as many slices as there are models to train, so that no model labels rows
that it was trained on. The last model is compared with one that takes the first supervisor's labels on the same last slice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats import FloatArray
from precepts.w2s.experiment import Labelled, student_rows
from precepts.w2s.heads import Arm, Heads, HeadSettings, train_heads
from precepts.w2s.methods import METHODS
from precepts.w2s.splits import Split
from precepts.w2s.supervisors import IntArray

BOOTSTRAPPED, DIRECT = "bootstrapped", "direct"
_FEWEST = 8


def slices_of(splits: Sequence[Split], num_models: int) -> list[IntArray]:
    """Which of the student's rows each model on the ladder trains on.

    Raises:
        InputError: If a slice has fewer than eight rows.
    """
    num_rows = min(len(part.student) for part in splits)
    if num_rows // num_models < _FEWEST:
        raise InputError(f"{num_rows} rows are too few for {num_models} models. Give more rows or fewer models.")
    return np.array_split(np.arange(num_rows), num_models)


def bootstrapped(
    features_by_rung: Sequence[FloatArray], splits: Sequence[Split], labelled: Sequence[Labelled], test: Sequence[int], *,
    settings: HeadSettings, antisymmetric: bool,
) -> dict[str, FloatArray]:  # fmt: skip
    """Class probabilities on the test rows, each (S, N, C), of the last model after the chain, and of it taught directly.

    Args:
        features_by_rung: Of every row of the pool by each model to train, the first supervisor's pupil first.
        splits: One a seed.
        labelled: The first supervisor's labels.
        test: Row numbers of the test part.
        settings: Of the heads.
        antisymmetric: For pairs.

    Raises:
        InputError: If a slice has fewer than eight rows.
    """
    picks = np.array(student_rows(splits))
    slices = slices_of(splits, len(features_by_rung))
    rows = np.array([np.array(part.student)[pick] for part, pick in zip(splits, picks, strict=True)])
    first = np.stack([found.student[pick] for found, pick in zip(labelled, picks, strict=True)])

    def heads(rung: int, targets_SNC: FloatArray) -> Heads:
        part = rows[:, slices[rung]]
        return train_heads(
            [features_by_rung[rung][row] for row in part], [Arm(METHODS["naive"], targets_SNC, np.ones(part.shape))],
            seeds=range(len(splits)), settings=settings, antisymmetric=antisymmetric,
        )  # fmt: skip

    labels, last = first[:, slices[0]], len(features_by_rung) - 1
    for rung in range(last):
        taught = heads(rung, labels)
        labels = np.stack([
            taught.probabilities(features_by_rung[rung][rows[seed, slices[rung + 1]]])[seed, 0]
            for seed in range(len(splits))
        ])  # fmt: skip
    tested = features_by_rung[last][list(test)]
    return {
        BOOTSTRAPPED: heads(last, labels).probabilities(tested)[:, 0],
        DIRECT: heads(last, first[:, slices[last]]).probabilities(tested)[:, 0],
    }
