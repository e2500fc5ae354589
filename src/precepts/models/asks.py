"""What is asked of a model that runs here while others wait: which of it one call can answer, and the call.

One prompt of a hundred turns would lengthen every row that is padded beside it, so calls are bounded by characters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.from_thread
import anyio.lowlevel

from precepts.errors import InputError
from precepts.models.generation import MOST_CHARACTERS, Generated, Model, Sampling, ScoringModel
from precepts.types import Message

if TYPE_CHECKING:
    from precepts.models.loaded import Loaded

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Ask:
    """One answer asked for, and how to tell the task that waits for it."""

    conversation: list[Message]
    sampling: Sampling
    seed: int
    prefill: str
    choices: tuple[str, ...] = ()
    scores: list[float] | None = None
    done: anyio.Event = field(default_factory=anyio.Event)
    token: anyio.lowlevel.EventLoopToken = field(default_factory=anyio.lowlevel.current_token)
    dropped: bool = False
    result: Generated | None = None
    num_prompt_tokens: int = 0
    error: Exception | None = None

    @property
    def text(self) -> str:
        """All turns, one after the other."""
        return "\n".join(m.content for m in self.conversation)

    @property
    def order(self) -> tuple[int, str]:
        """Orders a batch by length, then by content: the same asks make the same batch, however they came in."""
        return len(self.text), self.text

    def finish(self) -> None:
        """Tells the task that waits."""
        try:
            anyio.from_thread.run_sync(self.done.set, token=self.token)
        except RuntimeError:  # the evaluation was stopped meanwhile: nobody waits
            logger.debug("an answer came after the evaluation had ended")


def alike(asks: Iterable[Ask]) -> list[list[Ask]]:
    """Groups that one call of the engine can answer: equal sampling, all begun or none, and padded at most `MOST_CHARACTERS`.

    Args:
        asks: Shortest first. Choices are batched where they are read, not here.
    """
    out: list[list[Ask]] = []
    last: dict[tuple[Sampling, bool, bool], list[Ask]] = {}
    for ask in asks:
        key = (ask.sampling, bool(ask.prefill), bool(ask.choices))
        group = last.get(key)
        if group is None or (not ask.choices and (len(group) + 1) * len(ask.text) > MOST_CHARACTERS):
            group = last[key] = []
            out.append(group)
        group.append(ask)
    return out


def answer(model: Model, asks: list[Ask]) -> None:
    """Gives every ask of a group its result, or its choices' scores."""
    if asks[0].choices:
        _choose(model, asks)
        return
    results = model.generate(
        [ask.conversation for ask in asks],
        sampling=asks[0].sampling,
        seeds=[ask.seed for ask in asks],
        prefills=[ask.prefill for ask in asks] if asks[0].prefill else None,
    )
    tokenizer: Any = getattr(model, "tokenizer", None)
    for ask, result in zip(asks, results, strict=True):
        ask.result = result
        if tokenizer is not None:
            turns = [{"role": m.role, "content": m.content} for m in ask.conversation]
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + ask.prefill
            ask.num_prompt_tokens = len(tokenizer(text, add_special_tokens=False)["input_ids"])


def _choose(model: Model, asks: list[Ask]) -> None:
    """Every ask's choices by likelihood; of a model in memory the question is run once."""
    conversations = [ask.conversation for ask in asks]
    if hasattr(model, "prompt_text"):
        from precepts.models.choices import choice_log_probs

        found = choice_log_probs(cast("Loaded", model), conversations, [ask.choices for ask in asks])
    elif isinstance(model, ScoringModel):
        pairs = [(ask.conversation, choice) for ask in asks for choice in ask.choices]
        flat = iter(model.log_probs([c for c, _ in pairs], [choice for _, choice in pairs]))
        found = [[next(flat) for _ in ask.choices] for ask in asks]
    else:
        raise InputError(f"{model.name}: its probabilities cannot be read.")
    for ask, scores in zip(asks, found, strict=True):
        ask.scores = scores
