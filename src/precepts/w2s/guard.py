"""Whether a method will help or hurt, told without any ground truth.

The confidence loss sharpens what the student already leans to. Where that is the concept, the student keeps agreeing with held-out weak
labels about as often as naive training does; where the student cannot read the concept, the guesses drift from the labels and that
agreement falls towards chance. So the sign to watch is how much of naive training's agreement beyond chance a method gives up on rows whose
weak labels it was not trained on; chance is what the shares of classes alone would give. If a student's errors are independent of the
supervisor's given the truth, agreement rises with accuracy exactly; where it imitates the supervisor's errors it is an upper bound, in favour
of naive training: the guard errs on that side.

A loss of agreement that is larger than chance explains (paired, one-sided, 5 %, rows as clusters) is enough to keep naive training, and so is
one of more than `TOLERANCE` however few rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from precepts.stats import FloatArray

TOLERANCE = 0.25
"""The share of naive training's agreement beyond chance that a method may never give up; chosen before the tasks were run."""

_ONE_SIDED = 1.645


class Verdict(NamedTuple):
    """What the guard says of a task's students: `score` is minus the share of agreement beyond chance given up, 0 for none; `z` is
    its change in standard errors.
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

    A naive student whose agreement with the held-out weak labels is not beyond chance (one-sided, 5 %, rows as clusters) learned nothing from
    them that generalizes: then the method is not used.

    Args:
        naive_NC: Probabilities of the naively trained student on rows it was not trained on, shape (N, C).
        method_NC: Those of the method's student.
        weak_NC: The weak labels of these rows.
        rows_N: Which row each is, where seeds hold out the same rows; without it all are different.
        tolerance: Share of agreement beyond chance that may be given up.
    """
    naive_N, method_N = _beyond_chance(naive_NC, weak_NC), _beyond_chance(method_NC, weak_NC)
    above, change_N = float(naive_N.mean()), method_N - naive_N
    score = float(change_N.mean()) / above if above > 0 else -1.0
    rows = range(len(weak_NC)) if rows_N is None else rows_N
    z = _in_errors(change_N, rows)
    use = _in_errors(naive_N, rows) > _ONE_SIDED and score >= -tolerance and z > -_ONE_SIDED
    return Verdict(agreement(naive_NC, weak_NC), agreement(method_NC, weak_NC), score, z, use)


def _beyond_chance(student_NC: FloatArray, weak_NC: FloatArray) -> FloatArray:
    """Each row's part in the agreement beyond chance, shape (N,): the mean is the numerator of Cohen's kappa.

    That is the agreement less what two labelers with these shares of classes would have by chance, so a student that always gives the
    commonest class has none, however often it agrees.
    """
    student, weak = (np.eye(weak_NC.shape[1])[probs.argmax(1)] for probs in (student_NC, weak_NC))
    return ((student - student.mean(0)) * (weak - weak.mean(0))).sum(1)


def _in_errors(values_N: FloatArray, rows_N: Sequence[int]) -> float:
    """The mean in standard errors clustered by row; 0 where all are 0, 99 or -99 where all are alike otherwise."""
    mean = float(values_N.mean())
    _, cluster = np.unique(np.asarray(rows_N), return_inverse=True)
    sums = np.bincount(cluster, weights=values_N - mean)
    error = float(np.sqrt((sums**2).sum())) / len(values_N)
    return mean / error if error > 1e-12 else 99.0 * float(np.sign(mean)) * (abs(mean) > 1e-12)


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
