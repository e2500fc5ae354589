"""Models of remote providers, reached through Inspect's clients.

All requests run on one background event loop, so that a provider's open connections outlive a call, and a caller that
has a loop of its own is served like one that has none.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine, Sequence
from functools import cache
from typing import Any, TypeVar

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentReasoning,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from tenacity import RetryError

from precepts.errors import InputError, MissingError
from precepts.models.generation import Conversation, Generated, Sampling
from precepts.types import Message, StopReason

NUM_RETRIES = 3
"""Of a request that the provider says may be tried again; then the row is an error."""

_ATTEMPT_TIMEOUT_S = 600
_CONTINUES = frozenset({"anthropic", "mockllm", "ollama", "sagemaker", "sglang", "vllm"})
_STOPS: dict[str, StopReason] = {
    "stop": "stop",
    "unknown": "stop",
    "tool_calls": "stop",
    "max_tokens": "length",
    "model_length": "length",
}
_ERROR_CHARS = 500

T = TypeVar("T")


class InspectModel:
    """A model of one of Inspect's providers. Satisfies `Model`."""

    def __init__(self, ref: str, *, connections: int = 10, prefills: bool | None = None) -> None:
        """Prepares a client; nothing is sent yet.

        Args:
            ref: Provider and name, such as `openai/gpt-4o`.
            connections: Requests in flight at once.
            prefills: Whether the provider goes on with a trailing assistant message; by default what is known of it.

        Raises:
            InputError: If no provider of that name is known.
            MissingError: If the provider's package or key is not here.
        """
        assert connections > 0, "at least one request must be allowed"
        self.name = ref
        self.continues = ref.partition("/")[0] in _CONTINUES if prefills is None else prefills
        self._connections = connections
        config = GenerateConfig(
            max_retries=NUM_RETRIES, attempt_timeout=_ATTEMPT_TIMEOUT_S, max_connections=connections
        )
        try:
            # Not memoized: a client shared with an evaluation would be used from two event loops.
            self._model = get_model(ref, config=config, memoize=False)
        except ValueError as error:
            raise InputError(f"{ref}: {error}") from None
        except Exception as error:
            # Providers say with errors of their own that a key or a package is missing.
            raise MissingError(f"{ref} cannot be used: {_said(error)}") from error

    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        prefills: Sequence[str] | None = None,
    ) -> list[Generated]:
        """One result a conversation, in order. What a provider fails to give is a row with stop reason `error`.

        Providers take temperature and seed as wishes: equal seeds need not give equal texts.

        Raises:
            InputError: If prefills are given and the provider cannot go on with a begun answer.
        """
        if prefills is not None and not self.continues:
            raise InputError(
                f"{self.name} cannot go on with a begun answer, which this needs. Use a model that runs here."
            )
        num_rows = len(conversations)
        heads = [""] * num_rows if prefills is None else prefills
        row_seeds = range(num_rows) if seeds is None else seeds
        assert len(heads) == len(row_seeds) == num_rows, "one prefill and one seed a conversation"
        return _on_loop(self._all(list(zip(conversations, heads, row_seeds, strict=True)), sampling))

    async def _all(self, rows: list[tuple[Conversation, str, int]], sampling: Sampling) -> list[Generated]:
        slots = asyncio.Semaphore(self._connections)

        async def one(conversation: Conversation, prefill: str, seed: int) -> Generated:
            async with slots:
                return await self._one(conversation, prefill, seed, sampling)

        return list(await asyncio.gather(*(one(*row) for row in rows)))

    async def _one(self, conversation: Conversation, prefill: str, seed: int, sampling: Sampling) -> Generated:
        turns = [_turn(message) for message in conversation]
        if head := prefill.rstrip():  # providers refuse a last turn that ends in white space
            turns.append(ChatMessageAssistant(content=head))
        config = GenerateConfig(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p if sampling.top_p < 1 else None,
            frequency_penalty=sampling.frequency_penalty or None,
            seed=seed if sampling.temperature > 0 else None,
        )
        try:
            output = await self._model.generate(turns, config=config)
        except Exception as error:  # noqa: BLE001 - providers raise types of their own; a failed row is data
            return Generated(text="", stop_reason="error", error=_said(error))
        return _generated(output, prefill)


def serves(prefix: str) -> bool:
    """Whether Inspect, or an installed extension of it, has a provider of that name."""
    from inspect_ai._util.registry import registry_find  # there is no public way to ask without making a client

    return bool(registry_find(lambda info: info.type == "modelapi" and info.name.rpartition("/")[2] == prefix))


def _generated(output: ModelOutput, prefill: str) -> Generated:
    if output.empty:
        return Generated(text="", stop_reason="error", error=output.error or "the provider gave no answer")
    text = _text(output)
    if prefill:
        text = prefill + (text.lstrip() if prefill[-1].isspace() else text)
    num_tokens = output.usage.output_tokens if output.usage else 0
    stop = _STOPS.get(output.stop_reason)
    if stop is None or output.error:
        # What a provider's filter wrote, or cut, is not what the model would have answered: counted as unscored.
        why = output.error or f"the provider stopped it: {output.stop_reason}"
        return Generated(text=text, stop_reason="error", num_tokens=num_tokens, error=why[:_ERROR_CHARS])
    return Generated(text=text, stop_reason=stop, num_tokens=num_tokens)


def _text(output: ModelOutput) -> str:
    """Reasoning, if any can be read, put back before the answer, so that `format.parse` splits them."""
    content = output.message.content
    if isinstance(content, str):
        return content
    thoughts = [
        (block.summary or "") if block.redacted else block.reasoning
        for block in content
        if isinstance(block, ContentReasoning)
    ]
    # A closing tag inside the reasoning would end it early.
    cot = "\n".join(t.strip() for t in thoughts if t.strip()).replace("</think>", "</ think>")
    answer = output.message.text
    return f"<think>\n{cot}\n</think>\n{answer}" if cot else answer


def _turn(message: Message) -> ChatMessage:
    match message.role:
        case "system" | "developer":
            return ChatMessageSystem(content=message.content)
        case "user":
            return ChatMessageUser(content=message.content)
        case "assistant":
            return ChatMessageAssistant(content=message.content)
        case "tool":
            # Without the call that it answers, providers refuse a tool's turn.
            return ChatMessageUser(content=f"Result of a tool:\n{message.content}")


def _said(error: Exception) -> str:
    """One line that says what failed, without the request that Inspect adds."""
    tries = ""
    if isinstance(error, RetryError):
        tries = f" (given up after {error.last_attempt.attempt_number} attempts)"
    cause = error.__cause__ or error
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {text[:_ERROR_CHARS]}{tries}"


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="precepts-remote", daemon=True).start()
    return loop


def _on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end on the background loop, in a context of its own: nothing of a caller's evaluation is touched."""
    future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
