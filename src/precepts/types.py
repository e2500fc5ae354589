"""The nouns that rooms hand to each other: Case, Completion, Judgment, Metric, Evidence.

All are frozen and refuse unknown keys, so a misspelt field is an error where it stands and not a silent default later.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Disposition = Literal["comply", "refuse", "safe_complete"]
"""What a clause asks for, and what an answer did."""

DISPOSITIONS: tuple[Disposition, ...] = ("refuse", "comply", "safe_complete")

StopReason = Literal["stop", "length", "error"]
"""Why a completion ended: the model ended it, the token limit cut it, or it could not be had."""


def content_key(*parts: object) -> str:
    """Sixteen hex digits that name the parts' content: equal parts, equal key, on any machine."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Frozen(BaseModel):
    """Base of all values: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Frozen):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str


class Case(Frozen):
    """A conversation to answer, with what is known about it.

    `disposition` is the case author's expectation and only scores; what is trained and filtered follows the policy's clause.
    """

    id: str
    messages: tuple[Message, ...]
    category: str | None = None
    clauses: tuple[str, ...] = ()
    disposition: Disposition | None = None
    pair: str | None = None
    topic: str | None = None
    form: str | None = None
    split: Literal["train", "dev", "test"] | None = None
    groups: dict[str, str] = Field(default_factory=dict)
    source: str | None = None
    license: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_prompt(cls, row: Any) -> Any:
        """A row needs only `prompt` or `messages`: a prompt is one user turn, and a missing id names the content."""
        if not isinstance(row, dict):
            return row
        row = dict(row)  # pyright: ignore[reportUnknownArgumentType]
        if "prompt" in row:
            if "messages" in row:
                raise ValueError("give `prompt` or `messages`, not both")
            prompt = row.pop("prompt")
            if not isinstance(prompt, str) or not prompt.strip():
                raise ValueError("`prompt` must be a text that is not empty")
            row["messages"] = [{"role": "user", "content": prompt}]
        if "messages" not in row:
            raise ValueError("give `prompt` or `messages`")
        if "id" not in row:
            row["id"] = content_key([dict(m) for m in row["messages"]])
        return row

    @model_validator(mode="after")
    def _ends_on_user(self) -> Case:
        if not self.messages or self.messages[-1].role != "user":
            raise ValueError("a conversation must end on a user turn")
        try:
            "".join(m.content for m in self.messages).encode()
        except UnicodeEncodeError:
            raise ValueError("a turn holds half a character (a lone surrogate)") from None
        return self

    @property
    def prompt(self) -> str:
        """The last user turn."""
        return self.messages[-1].content


class Completion(Frozen):
    """What a model wrote for a case: reasoning and answer apart.

    `decision` is the log-odds (nats) of refuse against comply right after the model's own `verdict:`, `opener` that of
    refusal openers against others at the first token of the answer; None where the arm writes no verdict or was not scored.
    """

    key: str
    case_id: str
    model: str
    text: str
    cot: str | None = None
    answer: str = ""
    clause: str | None = None
    verdict: Disposition | None = None
    valid_format: bool = False
    stop_reason: StopReason = "stop"
    num_tokens: int = 0
    decision: float | None = None
    opener: float | None = None
    batch: int | None = None
    seed: int = 0
    error: str | None = None


class Judgment(Frozen):
    """What a judge or a rater said of one completion. `score` is in [0, 1], 1 = kept; None = the judge failed (unscored)."""

    case_id: str
    completion: str
    judge: str
    view: Literal["answer", "full", "prompt"] = "answer"
    score: float | None
    verdict: Disposition | None = None
    reason: str = ""
    scores: dict[str, float | None] = Field(default_factory=dict)
    error: str | None = None


class Metric(Frozen):
    """A number that never travels alone: its interval, how many rows, how many could not be scored, and the method."""

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int
    n_unscored: int = 0
    estimator: str
    unit: str = "rate"


class Input(Frozen):
    """The rows a number was computed from: a JSONL file, its digest, and which rows of it."""

    path: str
    sha256: str
    where: dict[str, Any] = Field(default_factory=dict)


class Evidence(Frozen):
    """A Metric tied to a claim, a model, a policy version and a run. The number equals estimator(inputs, params, seed)."""

    v: Literal[1] = 1
    claim: str
    slice: dict[str, str] = Field(default_factory=dict)
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int
    n_unscored: int = 0
    unit: str = "rate"
    better: Literal["higher", "lower", "neither"] = "higher"
    estimator: str
    params: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    inputs: tuple[Input, ...]
    model: str
    policy: str | None = None
    judge: str | None = None
    run: str | None = None
    baseline: str | None = None
    exposure: Literal["unseen", "seen"] = "unseen"
