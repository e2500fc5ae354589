"""An answer that is one: while a trained model decodes, it may not end before it has answered, nor begin its reasoning again.

A small model does both now and then (docs/log.md). The rule is part of the distribution that is sampled from, so that
reinforcement, which takes log-probabilities of what was sampled, asks `forbidden_in` for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

NEVER = -1e4
"""Added to the logit of a token that may not come next, in nats; finite, so that entropies are."""


class Answering(NamedTuple):
    """The rule for one tokenizer.

    Attributes:
        opens: Token ids of `<think>`.
        closes: Token ids of `</think>`.
        ends: Tokens that end a turn.
        is_blank: Whether a token is white space alone.
    """

    opens: tuple[int, ...]
    closes: tuple[int, ...]
    ends: tuple[int, ...]
    is_blank: Callable[[int], bool]

    def row(self) -> Row:
        """A completion that begins."""
        return Row(self)

    def forbidden_in(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Every pair of a position in a finished completion and a token that could not have stood there."""
        row, out = self.row(), list[tuple[int, int]]()
        for position, token in enumerate(ids):
            out += [(position, never) for never in row.forbidden()]
            row.wrote(token)
        return out


class Row:
    """One completion while it is written: in its reasoning, before its answer, or in it."""

    def __init__(self, rule: Answering) -> None:
        """Begins in the reasoning."""
        self._rule = rule
        self._tail: tuple[int, ...] = ()
        self._closed = self._begun = False

    def forbidden(self) -> Sequence[int]:
        """Tokens that may not come next."""
        rule = self._rule
        if not self._closed:
            return rule.ends
        again = (
            rule.opens[-1:] if len(rule.opens) == 1 else rule.opens[1:2] if self._tail[-1:] == rule.opens[:1] else ()
        )
        return again if self._begun else (*rule.ends, *again)

    def wrote(self, token: int) -> None:
        """Takes the next token."""
        if self._closed:
            self._begun = self._begun or not self._rule.is_blank(token)
        self._tail = (*self._tail, token)[-max(len(self._rule.closes), 1) :]
        self._closed = self._closed or self._tail == self._rule.closes
