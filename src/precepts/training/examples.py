"""What a model is trained on: a prompt, then spans of text with a weight each.

Token shapes: N tokens of an example after the shared prefix, B examples of a batch.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from precepts.types import Frozen, Message

_END_FACTOR = 4.0
"""The end of turn is one token, and a model that misses it rambles: it counts as four of the answer's."""

_NEAR = 8
"""Tokens by which the examples of a pair may differ in length and still share a step."""


class Example(Frozen):
    """One training example. `messages` is the bare conversation: no policy text stands in it.

    Attributes:
        spans: (text, weight) in order; their texts joined are the completion. Weight 0 is read but not learned.
        decision: Index of the span whose first token decides.
        ends: Whether the completion ends here, so that the end of turn is learned too.
        pair: Examples of one pair go into one step where their lengths allow, so that what they share cancels out in its gradient.
    """

    case_id: str
    messages: tuple[Message, ...]
    spans: tuple[tuple[str, float], ...]
    decision: int = 1
    ends: bool = True
    pair: str | None = None


class Tokens(NamedTuple):
    """An example as token ids. `weights[i]` weighs the prediction of `ids[i]`; prompt tokens weigh 0."""

    ids: list[int]
    weights: list[float]
    pair: str | None = None


def tokenize(
    example: Example, *, render: Callable[[Sequence[Message]], str], ids_of: Callable[[str], list[int]], end: int
) -> Tokens:
    """Token ids and weights of an example.

    The completion is tokenised as one text, so that training sees the tokens that generation writes; a token belongs to the span in which
    its text begins.
    """
    prompt = ids_of(render(example.messages))
    bounds: list[tuple[int, float]] = []
    text = ""
    for piece, weight in example.spans:
        text += piece
        bounds.append((len(ids_of(text)), weight))
    body = ids_of(text)
    weights = [0.0] * len(prompt)
    for position in range(len(body)):
        weights.append(next(weight for stop, weight in bounds if position < stop))
    ids = prompt + body
    if example.ends:
        ids.append(end)
        weights.append(min(1.0, _END_FACTOR * bounds[-1][1]))
    return Tokens(ids, weights, example.pair)


def shared_prefix(tokens: Sequence[Tokens]) -> list[int]:
    """The ids that every example begins with and none learns: run once a batch instead of once a row."""
    first = tokens[0]
    limit = min(len(t.ids) for t in tokens) - 1
    length = 0
    while length < limit and all(t.ids[length] == first.ids[length] and t.weights[length] == 0 for t in tokens):
        length += 1
    return first.ids[: max(0, length - 1)]


def plan_steps(
    lengths: Sequence[int], *, batch_size: int, epochs: int, seed: int, pairs: Sequence[str | None] | None = None
) -> list[list[int]]:
    """The whole training run: example indices of every step, of similar length within a step, shuffled by the seed.

    Examples of one pair that are almost of one length stand side by side.
    """
    shuffle = random.Random(seed)
    together = _together(lengths, pairs or [None] * len(lengths))
    steps: list[list[int]] = []
    for _ in range(epochs):
        jitter = [8 * shuffle.random() for _ in lengths]
        order = sorted(range(len(lengths)), key=lambda i: (lengths[together[i]] + jitter[together[i]], i))
        epoch = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        shuffle.shuffle(epoch)
        steps += epoch
    return steps


def _together(lengths: Sequence[int], pairs: Sequence[str | None]) -> list[int]:
    """For each example the one it stands beside: the first of its pair whose length is near its own, else itself."""
    seen: dict[str, list[int]] = {}
    out: list[int] = []
    for i, pair in enumerate(pairs):
        known = seen.setdefault(pair, []) if pair is not None else []
        near = [j for j in known if abs(lengths[i] - lengths[j]) <= _NEAR]
        known.append(i)
        out.append(out[near[0]] if near else i)
    return out


def examples_digest(examples: Sequence[Example]) -> str:
    """Names the training set in a plan."""
    joined: Any = "\n".join(e.model_dump_json() for e in examples)
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
