"""Sampling, results and batch plans: what every model, local or remote, agrees on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from precepts.types import Case, Message, StopReason

Conversation = Sequence[Message]


class Sampling(NamedTuple):
    """How tokens are chosen. Temperature 0 is greedy; otherwise each row has its own generator, seeded by its seed.

    `frequency_penalty` is taken from a token's logit (nats) once for every time that the answer holds it already, as in OpenAI's interface:
    small models written greedily go in circles without it.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    frequency_penalty: float = 0.0


class Generated(NamedTuple):
    """What a model wrote: text (prefill included), why it ended, how many new tokens; log-odds in nats where they were asked for.

    `ids` are the new tokens where they are known, with the one that ended the row: what a policy gradient is taken of.
    """

    text: str
    stop_reason: StopReason = "stop"
    num_tokens: int = 0
    decision: float | None = None
    error: str | None = None
    ids: tuple[int, ...] = ()


@runtime_checkable
class Model(Protocol):
    """Anything that answers conversations."""

    name: str

    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        prefills: Sequence[str] | None = None,
    ) -> list[Generated]:
        """One result a conversation, in order. A row that cannot be had is a `Generated` with stop reason `error`, never an exception."""
        ...


@runtime_checkable
class ScoringModel(Model, Protocol):
    """A model whose probabilities can be read, forward only."""

    def log_probs(self, conversations: Sequence[Conversation], continuations: Sequence[str]) -> list[float]:
        """Mean log-probability (nats a token) of each continuation after its conversation."""
        ...

    def openers(self, conversations: Sequence[Conversation], *, prefills: Sequence[str] | None = None) -> list[float]:
        """Log-odds that the answer opens with a refusal against any other opener, read at the answer's first tokens."""
        ...


MOST_CHARACTERS = 60_000
"""Of a batch of prompts, padding counted: 15,000 tokens or so. A case of that length alone is a batch."""


def plan_batches(cases: Sequence[Case], *, size: int, by_category: bool = False) -> list[list[str]]:
    """Case ids in batches of similar length, so that little padding is wasted; within a category, where its brief is shared.

    A batch holds at most `size` cases, fewer where they are long: rows × the longest stay below `MOST_CHARACTERS`, so that memory is bounded.

    The plan is made once from the whole job and kept: bf16 results depend on what shares a batch, so a resumed run replays whole
    batches of this plan.
    """
    assert size > 0, "a batch holds at least one case"

    def group(case: Case) -> str:
        return (case.category or "") if by_category else ""

    def length(case: Case) -> int:
        return sum(len(m.content) for m in case.messages)

    ordered = sorted(cases, key=lambda case: (group(case), length(case), case.id))
    batches: list[list[str]] = []
    category: str | None = None
    for case in ordered:
        full = bool(batches) and (len(batches[-1]) == size or (len(batches[-1]) + 1) * length(case) > MOST_CHARACTERS)
        if not batches or full or group(case) != category:
            batches.append([])
            category = group(case)
        batches[-1].append(case.id)
    return batches
