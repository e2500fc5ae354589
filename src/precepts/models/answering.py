"""An answer that is one: while a trained model decodes, it may not end before it has answered, nor begin its reasoning again.

A small model does both now and then (docs/log.md). The rule is part of the distribution that is sampled from, so that
reinforcement, which takes log-probabilities of what was sampled, asks `forbidden_in` for the same.

The end of the reasoning is found in the text and not among token ids: many tokenizers join the last sign of `</think>` with the line's end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

NEVER = -1e4
"""Added to the logit of a token that may not come next, in nats; finite, so that entropies are."""

_CLOSE = "</think>"


class Answering(NamedTuple):
    """The rule for one tokenizer.

    Attributes:
        opens: Token ids of `<think>`.
        ends: Tokens that end a turn.
        text_of: The text of one token.
    """

    opens: tuple[int, ...]
    ends: tuple[int, ...]
    text_of: Callable[[int], str]

    def forbidden_in(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Every pair of a position in a finished completion and a token that could not have stood there."""
        row, out = Row(self), list[tuple[int, int]]()
        for position, token in enumerate(ids):
            out += [(position, never) for never in row.forbidden()]
            row.wrote(token)
        return out


class Row:
    """One completion while it is written: in its reasoning, before its answer, or in it."""

    def __init__(self, rule: Answering) -> None:
        """Begins in the reasoning."""
        self._rule = rule
        self._text = ""
        self._last: int | None = None
        self._closed = self._answers = False

    def forbidden(self) -> Sequence[int]:
        """Tokens that may not come next."""
        ends = () if self._answers else self._rule.ends
        if not self._closed:
            return ends
        first, *rest = self._rule.opens
        again = (first,) if not rest else tuple(rest[:1]) if self._last == first else ()
        return (*ends, *again)

    def wrote(self, token: int) -> None:
        """Takes the next token."""
        if not self._answers:
            self._text += self._rule.text_of(token)
            _, closed, answer = self._text.partition(_CLOSE)
            self._closed, self._answers = bool(closed), bool(answer.strip())
        self._last = token
