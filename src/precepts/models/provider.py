"""The Inspect provider for models that run here: `inspect eval task --model precepts/run:PATH`.

Inspect asks for one answer at a time, many at once. What is asked within a moment is answered as one batch by one
engine held in memory, in a thread of its own. bf16 answers depend on what shares a batch, so numbers that must be
recomputed exactly come from planned batches (`Run.batches`), not from here.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Iterable
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.model import StopReason as InspectStopReason
from inspect_ai.tool import ToolChoice, ToolInfo

from precepts.errors import InputError
from precepts.models.asks import Ask, alike, answer
from precepts.models.format import parse
from precepts.models.generation import Generated, Model, Sampling
from precepts.models.references import model_path, open_model
from precepts.types import Message

BATCH_SIZE = 32
_COLLECT_S = 0.05
_MAX_TOKENS = 512
_NOT_HONOURED = ("top_k", "frequency_penalty", "presence_penalty", "logit_bias", "num_choices", "response_schema")
_STOPS: dict[str, InspectStopReason] = {"stop": "stop", "length": "max_tokens"}

logger = logging.getLogger(__name__)


class PreceptsAPI(ModelAPI):
    """Serves the embedded model, one that a run trained, or an endpoint that speaks OpenAI's protocol."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's signature
        **model_args: Any,
    ) -> None:
        """Checks that the model is here; it is loaded with the first batch.

        Raises:
            InputError: If the reference has no known form, or model arguments are given.
            MissingError: If the model is not here yet.
        """
        super().__init__(model_name, base_url, api_key, [], config)
        if model_args:
            raise InputError(f"precepts/{model_name} takes no model arguments, got {', '.join(sorted(model_args))}.")
        self.ref = f"precepts/{model_name}"
        self.reads_forward = model_path(self.ref) is not None
        """Whether the probabilities of a text can be read; an endpoint is asked in words."""
        self._asks: queue.SimpleQueue[Ask | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._warned: set[str] = set()

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """One answer, its reasoning apart. A trailing assistant turn is gone on with.

        Raises:
            InputError: If tools are offered, or a turn holds more than text.
            RuntimeError: If the model gave no answer, so that Inspect counts the sample as failed and not as wrong.
        """
        if tools and tool_choice != "none":
            raise InputError(f"{self.ref} calls no tools; this task offers {', '.join(tool.name for tool in tools)}.")
        self._warn(config)
        turns = [_message(turn) for turn in input]
        prefill = turns.pop().content if turns and turns[-1].role == "assistant" else ""
        ask = Ask(turns, _sampling(config), random.getrandbits(31) if config.seed is None else config.seed, prefill)
        self._asks.put(ask)
        self._work()
        try:
            await ask.done.wait()
        finally:
            ask.dropped = True
        if ask.error is not None:
            raise ask.error
        assert ask.result is not None, "a finished ask has a result or an error"
        return _output(ask, ask.result, name=self.model_name, stops=config.stop_seqs or ())

    async def choose(self, input: list[ChatMessage], choices: Iterable[str]) -> list[float]:
        """Mean log-probability (nats a token) of each choice as the answer, read forward: nothing is generated."""
        ask = Ask([_message(turn) for turn in input], Sampling(), 0, "", choices=tuple(choices))
        self._asks.put(ask)
        self._work()
        try:
            await ask.done.wait()
        finally:
            ask.dropped = True
        if ask.error is not None:
            raise ask.error
        assert ask.scores is not None, "a finished ask has its scores or an error"
        return ask.scores

    async def count_text_tokens(self, text: str) -> int:
        """An estimate without a tokenizer: three characters a token, which is rather too many tokens than too few."""
        return -(-len(text) // 3)

    def max_tokens(self) -> int | None:
        """Enough for the reasoning and a short answer."""
        return _MAX_TOKENS

    def max_connections(self) -> int:
        """As many as fill a batch."""
        return BATCH_SIZE

    def connection_key(self) -> str:
        """Every model has an engine, and so a queue, of its own."""
        return self.ref

    def close(self) -> None:
        """Lets the engine go once the batch in hand is done; a later answer loads it anew."""
        with self._lock:
            if self._worker is not None:
                self._asks.put(None)
                self._worker = None

    def _warn(self, config: GenerateConfig) -> None:
        unknown = {name for name in _NOT_HONOURED if getattr(config, name) is not None} - self._warned
        if unknown:
            self._warned |= unknown
            logger.warning("%s does not honour %s", self.ref, ", ".join(sorted(unknown)))

    def _work(self) -> None:
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._serve, name=f"precepts {self.ref}", daemon=True)
                self._worker.start()

    def _serve(self) -> None:
        model: Model | None = None
        while (batch := _collect(self._asks)) is not None:
            asks = sorted((ask for ask in batch if not ask.dropped), key=lambda ask: ask.order)
            for group in alike(asks):
                try:
                    model = model or open_model(self.ref)
                    answer(model, group)
                except Exception as error:  # noqa: BLE001 - told to everyone who waits, by raising it there
                    for ask in group:
                        ask.error = error
                for ask in group:
                    ask.finish()


def _collect(asks: queue.SimpleQueue[Ask | None]) -> list[Ask] | None:
    """What is asked within a moment of the first, at most a batch; None when the queue was closed."""
    first = asks.get()
    if first is None:
        return None
    batch, until = [first], time.monotonic() + _COLLECT_S
    while len(batch) < BATCH_SIZE:
        try:
            ask = asks.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        if ask is None:
            asks.put(None)  # closed: answer what is in hand, then stop
            break
        batch.append(ask)
    return batch


def _sampling(config: GenerateConfig) -> Sampling:
    return Sampling(
        max_tokens=config.max_tokens or _MAX_TOKENS,
        temperature=0.0 if config.temperature is None else config.temperature,
        top_p=1.0 if config.top_p is None else config.top_p,
        frequency_penalty=config.frequency_penalty or 0.0,
    )


def _message(turn: ChatMessage) -> Message:
    """A turn's text. Reasoning of earlier turns is left out: a model is not shown its own thoughts again."""
    if not isinstance(turn.content, str):
        other = {block.type for block in turn.content} - {"text", "reasoning"}
        if other:
            raise InputError(f"A model that runs here reads text only, and this turn holds {', '.join(sorted(other))}.")
    return Message(role=turn.role, content=turn.text)


def _output(ask: Ask, result: Generated, *, name: str, stops: Iterable[str]) -> ModelOutput:
    if result.stop_reason == "error":
        raise RuntimeError(result.error or "the model gave no answer and no reason")
    text, reason = result.text.removeprefix(ask.prefill), _STOPS[result.stop_reason]
    parsed = parse(text)
    answer = text if parsed.cot is None else parsed.answer
    for stop in stops:
        if stop in answer:
            answer, reason = answer.partition(stop)[0], "stop"
    reasoning = [ContentReasoning(reasoning=parsed.cot)] if parsed.cot is not None else []
    message = ChatMessageAssistant(content=[*reasoning, ContentText(text=answer)], model=name, source="generate")
    return ModelOutput(
        model=name,
        choices=[ChatCompletionChoice(message=message, stop_reason=reason)],
        usage=ModelUsage(
            input_tokens=ask.num_prompt_tokens,
            output_tokens=result.num_tokens,
            total_tokens=ask.num_prompt_tokens + result.num_tokens,
        ),
        metadata=None if result.decision is None else {"decision": result.decision},
    )
