"""Simulated supervisors of one accuracy that err in different ways: what their errors look like decides how much a student recovers.

Burns et al. 2023, section 5.1.3: at equal accuracy, errors that the student can imitate are followed and others averaged out.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast, get_args

import numpy as np

from precepts.errors import InputError
from precepts.stats import FloatArray

_PREFIX = "simulated:"

ErrorKind = Literal["independent", "imitable", "long"]
"""Errors drawn by chance; errors a linear head can imitate, as if a false score were added to each class; errors on the longest texts."""


class SimulatedRef(NamedTuple):
    """A reference such as `simulated:imitable@0.7` in its parts."""

    kind: ErrorKind
    accuracy: float


def simulated_ref(ref: str) -> SimulatedRef | None:
    """`simulated:KIND@ACCURACY` in its parts; None for a reference of another form.

    Raises:
        InputError: If there is no such kind, or the accuracy is not in [0, 1].
    """
    if not ref.startswith(_PREFIX):
        return None
    kind, _, number = ref.removeprefix(_PREFIX).partition("@")
    try:
        accuracy = float(number)
    except ValueError:
        accuracy = -1.0
    if kind not in get_args(ErrorKind) or not 0 <= accuracy <= 1:
        raise InputError(
            f"{ref!r:.80} is no simulated supervisor; give {_PREFIX}KIND@ACCURACY with a kind of {', '.join(get_args(ErrorKind))} "
            f"and an accuracy of 0 to 1."
        )
    return SimulatedRef(cast(ErrorKind, kind), accuracy)


def simulated_labels(
    labels_N: FloatArray, *, accuracy: float, kind: ErrorKind, num_classes: int, seed: int, features_ND: FloatArray | None = None,
    lengths_N: FloatArray | None = None, sure: float = 0.9,
) -> FloatArray:  # fmt: skip
    """Weak labels, shape (N, C), that name the true class on a share of `accuracy` of the rows of each class, with probability `sure`.

    Args:
        labels_N: True classes.
        accuracy: Share of rows labelled right, in each class alike (to the nearest row).
        kind: Which rows are labelled wrong.
        num_classes: Of the task.
        seed: Draws the errors, their wrong classes and the false scores.
        features_ND: The student's features; for `imitable`.
        lengths_N: Lengths of the texts; for `long`.
        sure: The probability given to the class that is named, above 1 / `num_classes`.

    Raises:
        InputError: If the accuracy is outside [0, 1], or what the kind reads is not given.
    """
    if kind not in get_args(ErrorKind) or not 0 <= accuracy <= 1:
        raise InputError(
            f"A simulated supervisor is {', '.join(get_args(ErrorKind))} with accuracy 0 to 1; got {kind}, {accuracy}."
        )
    rng = np.random.default_rng([seed, 97])
    labels = labels_N.astype(int)
    other = (labels + rng.integers(1, num_classes, size=len(labels))) % num_classes
    if kind == "independent":
        order = rng.random(len(labels))
    elif kind == "imitable":
        if features_ND is None:
            raise InputError("Errors that can be imitated need the student's features.")
        scale = np.maximum(features_ND.std(0), 1e-9)
        scores_NC = ((features_ND - features_ND.mean(0)) / scale) @ rng.normal(size=(features_ND.shape[1], num_classes))
        rows_N = np.arange(len(labels))
        own_N = scores_NC[rows_N, labels].copy()
        scores_NC[rows_N, labels] = -np.inf
        other, order = scores_NC.argmax(1), scores_NC.max(1) - own_N
    else:
        if lengths_N is None:
            raise InputError("Errors on the longest texts need the texts' lengths.")
        order = lengths_N + rng.random(len(labels)) * 1e-3
    named = labels.copy()
    for label in range(num_classes):
        rows = np.flatnonzero(labels == label)
        wrong = rows[np.argsort(-order[rows], kind="stable")][: round((1 - accuracy) * len(rows))]
        named[wrong] = other[wrong]
    out = np.full((len(labels), num_classes), (1 - sure) / (num_classes - 1))
    out[np.arange(len(labels)), named] = sure
    return out
