"""The methods by name: a loss, and which rows it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from torch import Tensor

from precepts.data.entry import suggestion
from precepts.errors import InputError
from precepts.stats import FloatArray
from precepts.w2s import losses

Loss = Callable[..., Tensor]
Keep = Callable[[FloatArray], FloatArray]


class Method(NamedTuple):
    """How a student is trained. `keep` gives each row's weight, shape (N,), from the weak labels, shape (N, C)."""

    name: str
    title: str
    loss: Loss
    keep: Keep | None = None
    binary_only: bool = False


def confident_half(weak_NC: FloatArray) -> FloatArray:
    """1 for the half of each likeliest class's rows of which the supervisor is surest, else 0, shape (N,)."""
    likeliest, sure = weak_NC.argmax(1), weak_NC.max(1)
    keep = np.zeros(len(weak_NC))
    for label in range(weak_NC.shape[1]):
        rows = np.flatnonzero(likeliest == label)
        keep[rows[np.argsort(-sure[rows], kind="stable")][: (len(rows) + 1) // 2]] = 1.0
    return keep


_METHODS = (
    Method("naive", "cross-entropy to the weak labels", losses.naive),
    Method("hard", "cross-entropy to the supervisor's likeliest class", losses.hard),
    Method("logconf", "auxiliary confidence loss, α 0.5", partial(losses.confidence, weight=0.5)),
    Method("logconf-0.75", "auxiliary confidence loss, α 0.75", partial(losses.confidence, weight=0.75)),
    Method("logconf-reference", "the released confidence loss with its warm-up fault", losses.confidence_reference, binary_only=True),
    Method("product", "product of the student's and the weak probabilities", losses.product),
    Method("entropy", "cross-entropy and the student's own entropy", losses.entropy),
    Method("window", "rows of which the student is not yet sure", losses.confidence_window),
    Method("confident", "the surest half of the weak labels, hard", losses.hard, confident_half),
)  # fmt: skip

METHODS: Mapping[str, Method] = {method.name: method for method in _METHODS}
"""The registered methods by name."""


def methods_named(names: list[str], *, num_classes: int) -> list[Method]:
    """The methods with these names, `naive` always first, since all are compared with it.

    Raises:
        InputError: If there is no such method, or it knows two classes only and the task has more.
    """
    for name in names:
        if name not in METHODS:
            near = suggestion(name, METHODS) or f"; methods are: {', '.join(METHODS)}."
            raise InputError(f"There is no method {name!r:.80}{near}")
        if METHODS[name].binary_only and num_classes > 2:
            raise InputError(f"{name} knows two classes, the task has {num_classes}. Leave it out, or use logconf.")
    return [METHODS[name] for name in dict.fromkeys(["naive", *names])]


def kept_rows(method: Method, weak_NC: FloatArray) -> FloatArray:
    """Each row's weight under the method, shape (N,): 1 or 0."""
    return np.ones(len(weak_NC)) if method.keep is None else method.keep(weak_NC)


def batch_loss(method: Method, logits_BC: Tensor, weak_BC: Tensor, *, progress: float) -> Tensor:
    """The method's loss of each batch, shape (...)."""
    found = method.loss(logits_BC, weak_BC, progress=progress)
    assert found.shape == logits_BC.shape[:-2], f"{method.name}: one loss a batch"
    return found
