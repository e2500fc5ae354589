"""Whether a method will help or hurt, told without any ground truth.

The confidence loss sharpens what the student already leans to. Where that is the concept, the student keeps agreeing with held-out weak
labels about as often as naive training does; where the student cannot read the concept, the guesses drift from the labels and that
agreement falls towards chance. So the sign to watch is how much of naive training's agreement above chance a method gives up on rows whose
weak labels it was not trained on. If a student's errors are independent of the supervisor's given the truth, agreement rises with accuracy
exactly; where it imitates the supervisor's errors it is an upper bound, in favour of naive training: the guard errs on that side.

A loss of agreement that is larger than chance explains (paired, one-sided, 5 %, rows as clusters) is enough to keep naive training, and so is
one of more than `TOLERANCE` however few rows there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from precepts.stats import FloatArray

TOLERANCE = 0.25
"""The share of naive training's agreement above chance that a method may never give up; chosen before the tasks were run."""

_ONE_SIDED = 1.645


class Verdict(NamedTuple):
    """What the guard says of a task's students: `score` is minus the share of agreement given up, 0 for none; `z` is the change of
    agreement in its standard errors.
    """

    naive_agreement: float
    method_agreement: float
    score: float
    z: float
    use_method: bool


def verdict(
    naive_NC: FloatArray, method_NC: FloatArray, weak_NC: FloatArray, *, rows_N: Sequence[int] | None = None,
    tolerance: float = TOLERANCE,
) -> Verdict:  # fmt: skip
    """Whether to use the method rather than naive training, from held-out rows without ground truth.

    A naive student whose agreement with the held-out weak labels is not above chance (one-sided, 5 %) learned nothing from them that
    generalizes: then the method is not used.

    Args:
        naive_NC: Probabilities of the naively trained student on rows it was not trained on, shape (N, C).
        method_NC: Those of the method's student.
        weak_NC: The weak labels of these rows.
        rows_N: Which row each is, where seeds hold out the same rows; without it all are different.
        tolerance: Share of agreement above chance that may be given up.
    """
    chance = 1 / weak_NC.shape[1]
    naive, method = agreement(naive_NC, weak_NC), agreement(method_NC, weak_NC)
    above = naive - chance
    score = (method - naive) / above if above > 0 else -1.0
    learned = above > _ONE_SIDED * math.sqrt(chance * (1 - chance) / len(weak_NC))
    z = _change(naive_NC, method_NC, weak_NC, range(len(weak_NC)) if rows_N is None else rows_N)
    return Verdict(naive, method, score, z, learned and score >= -tolerance and z > -_ONE_SIDED)


def _change(naive_NC: FloatArray, method_NC: FloatArray, weak_NC: FloatArray, rows_N: Sequence[int]) -> float:
    """The method's agreement less naive training's, in standard errors clustered by row.

    0 where both always agree alike; 99 or -99 where every row changes one way.
    """
    weak = weak_NC.argmax(1)
    change = (method_NC.argmax(1) == weak).astype(float) - (naive_NC.argmax(1) == weak)
    _, cluster = np.unique(np.asarray(rows_N), return_inverse=True)
    sums = np.bincount(cluster, weights=change - change.mean())
    error = float(np.sqrt((sums**2).sum())) / len(change)
    return float(change.mean()) / error if error > 0 else 99.0 * float(np.sign(change.mean()))


def agreement(student_NC: FloatArray, weak_NC: FloatArray) -> float:
    """The share of rows on which both have one likeliest class."""
    return float(np.mean(student_NC.argmax(1) == weak_NC.argmax(1)))


def rank_correlation(predicted: list[float], actual: list[float]) -> float | None:
    """Spearman's correlation of the guard's score with the actual gain over naive training; None below three pairs or without variation."""
    from scipy.stats import spearmanr

    if len(predicted) < 3 or len(set(predicted)) < 2 or len(set(actual)) < 2:
        return None
    found: Any = spearmanr(predicted, actual)
    return float(found.statistic)
