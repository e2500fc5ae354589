"""A model behind any endpoint that speaks OpenAI's chat-completions protocol (vLLM, SGLang, llama.cpp, a gateway), named by its address.

The reference is `http://HOST:PORT/v1#NAME`. A key, where the endpoint asks for one, is read from PRECEPTS_API_KEY and stands nowhere else.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from precepts.errors import InputError
from precepts.models.generation import Conversation, Generated, Sampling
from precepts.types import StopReason

KEY = "PRECEPTS_API_KEY"
NUM_TRIES = 3
"""Of a request that a busy or restarting endpoint may answer the next time; then the row is an error."""

_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
_MOST_BYTES = 16 << 20
_STOPS: dict[str, StopReason] = {"stop": "stop", "length": "length", "eos": "stop"}
_ERROR_CHARS = 300


class EndpointModel:
    """A client of one model at one address. Satisfies `Model`."""

    def __init__(self, ref: str, *, connections: int = 10, timeout_s: float = 600.0, pause_s: float = 1.0) -> None:
        """Prepares a client; nothing is sent yet.

        Args:
            ref: `http://HOST:PORT/v1#NAME`.
            connections: Requests in flight at once.
            timeout_s: After which a request counts as failed.
            pause_s: Before the second try; each further one waits twice as long.

        Raises:
            InputError: If the reference names no address or no model.
        """
        assert connections > 0, "at least one request must be allowed"
        address, _, model = ref.partition("#")
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc or not model:
            raise InputError(f"{ref!r:.100}: an endpoint is http://HOST:PORT/v1#NAME, the model's name after the #.")
        if parts.username or parts.password:
            raise InputError(f"An endpoint's key does not stand in its address. Set {KEY} instead.")
        self.name = ref
        self._url, self._model = address.rstrip("/") + "/chat/completions", model
        self._connections, self._timeout_s, self._pause_s = connections, timeout_s, pause_s

    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        prefills: Sequence[str] | None = None,
    ) -> list[Generated]:
        """One result a conversation, in order. What the endpoint fails to give is a row with stop reason `error`.

        Raises:
            InputError: If prefills are given: the protocol has no way to go on with a begun answer.
        """
        if prefills is not None:
            raise InputError(
                f"{self.name} cannot go on with a begun answer, which this needs. Use a model that runs here."
            )
        if not conversations:
            return []
        row_seeds = list(range(len(conversations)) if seeds is None else seeds)
        bodies = [self._body(c, sampling, seed) for c, seed in zip(conversations, row_seeds, strict=True)]
        with ThreadPoolExecutor(min(self._connections, len(bodies))) as pool:
            return list(pool.map(self._one, bodies))

    def _body(self, conversation: Conversation, sampling: Sampling, seed: int) -> bytes:
        roles = {"developer": "system", "tool": "user"}
        row: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": roles.get(m.role, m.role), "content": m.content} for m in conversation],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
        }
        if sampling.frequency_penalty:
            row["frequency_penalty"] = sampling.frequency_penalty
        if sampling.temperature > 0:
            row |= {"top_p": sampling.top_p, "seed": seed}
        return json.dumps(row).encode()

    def _one(self, body: bytes) -> Generated:
        said = "no answer"
        for attempt in range(NUM_TRIES):
            if attempt:
                time.sleep(self._pause_s * 2 ** (attempt - 1))
            try:
                return _read(self._send(body))
            except urllib.error.HTTPError as error:
                with error:
                    said = f"HTTP {error.code} {error.reason}"
                if error.code not in _AGAIN:
                    break
            except (OSError, http.client.HTTPException) as error:  # timeouts and refused connections are OSError
                said = f"{type(error).__name__}: {error}"
        return Generated(text="", stop_reason="error", error=said[:_ERROR_CHARS])

    def _send(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "precepts"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=self._timeout_s) as response:
            return response.read(_MOST_BYTES)


def _read(data: bytes) -> Generated:
    """The first choice of an answer; whatever is no chat completion is an error of the row."""
    try:
        row = cast("dict[str, Any]", json.loads(data))
        choice = row["choices"][0]
        message = choice["message"]
        text, thought = message.get("content") or "", message.get("reasoning_content") or ""
        tokens = int((row.get("usage") or {}).get("completion_tokens") or 0)
        stop = _STOPS.get(str(choice.get("finish_reason")))
        if not isinstance(text, str) or not isinstance(thought, str):
            raise TypeError("its content is no text")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return Generated(
            text="",
            stop_reason="error",
            error=f"not a chat completion ({type(error).__name__}: {error})"[:_ERROR_CHARS],
        )
    if thought:
        # A closing tag inside the reasoning would end it early.
        text = f"<think>\n{thought.strip().replace('</think>', '</ think>')}\n</think>\n{text}"
    if stop is None:
        # What a filter wrote, or cut, is not what the model would have answered.
        return Generated(text, "error", tokens, error=f"the endpoint stopped it: {choice.get('finish_reason')}")
    if not text:
        return Generated("", "error", tokens, error="the endpoint gave an empty answer")
    return Generated(text, stop, tokens)
