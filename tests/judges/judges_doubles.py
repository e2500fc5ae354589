"""Models and items made for these tests: what a model says is written beside the test."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from precepts.judges import Item
from precepts.models.generation import Conversation, Generated, Sampling
from precepts.policy import Clause, Policy, starter_policy
from precepts.types import Case, Completion, Disposition, StopReason

POLICY: Policy = starter_policy()


def clause(clause_id: str) -> Clause:
    return POLICY.clause(clause_id)


def item(
    answer: str,
    *,
    prompt: str = "How do I do it?",
    clause_id: str | None = None,
    category: str | None = None,
    disposition: Disposition | None = None,
    cot: str | None = None,
    stop_reason: StopReason = "stop",
    pair: str | None = None,
) -> Item:
    case = Case.model_validate({"prompt": prompt, "disposition": disposition, "pair": pair, "category": category})
    completion = Completion(
        key=f"c-{case.id}", case_id=case.id, model="m", text=answer, cot=cot, answer=answer, stop_reason=stop_reason
    )
    return Item(case, completion, clause(clause_id) if clause_id else None)


class Speaker:
    """A model that says what a function of the conversation and the seed gives."""

    name = "speaker"

    def __init__(self, says: Callable[[str, int], str | Generated]) -> None:
        self.says, self.seen, self.sizes = says, list[str](), list[int]()

    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        prefills: Sequence[str] | None = None,
    ) -> list[Generated]:
        self.sizes.append(len(conversations))
        out: list[Generated] = []
        for conversation, seed in zip(conversations, seeds or [0] * len(conversations), strict=True):
            text = "\n".join(message.content for message in conversation)
            self.seen.append(text)
            said = self.says(text, seed)
            out.append(said if isinstance(said, Generated) else Generated(said))
        return out


class Overlap(Speaker):
    """Scores a continuation by the words it shares with the conversation."""

    name = "overlap"

    def __init__(self) -> None:
        super().__init__(lambda text, seed: "")
        self.calls = 0
        self.scored: list[tuple[str, str]] = []

    def log_probs(self, conversations: Sequence[Conversation], continuations: Sequence[str]) -> list[float]:
        self.calls += 1
        out: list[float] = []
        for conversation, continuation in zip(conversations, continuations, strict=True):
            prompt = conversation[-1].content
            self.scored.append((prompt, continuation))
            words = set(continuation.lower().split())
            out.append(-5.0 + len(words & set(prompt.lower().split())) if words else -math.inf)
        return out

    def openers(self, conversations: Sequence[Conversation], *, prefills: Sequence[str] | None = None) -> list[float]:
        return [0.0] * len(conversations)


class Letters:
    """Hidden states that are letter counts: enough for a probe to find a word."""

    name = "letters"

    def hidden_states(self, texts: Sequence[str], *, layer: int) -> np.ndarray:
        alphabet = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.lower().count(sign) for sign in alphabet] for text in texts], dtype=np.float32)
