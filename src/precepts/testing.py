"""Public doubles and conformance checks, for tests of this package and of yours.

`ScriptedModel` answers from a script. `check_model` and `check_judge` assert what the protocols promise, of any model
or judge, and say which promise is broken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, get_args

from precepts.errors import InputError
from precepts.models.format import OPENING, parse
from precepts.models.generation import Conversation, Generated, Model, Sampling, ScoringModel
from precepts.models.openers import REFUSALS
from precepts.types import Message, StopReason

if TYPE_CHECKING:
    from precepts.judges.judge import Item, Judge

Answer = str | Exception | None
"""What a script says: a text, or what makes the row an error (None: nothing to say)."""

Script = Mapping[str | Callable[[str], bool], Answer] | Callable[[Conversation], Answer]
"""By a substring of, or a test on, the last user turn (the first that fits); or a function of the conversation."""

_SURE = 4.0
"""Log-odds, in nats, of a scripted model that knows what it will say."""


class Call(NamedTuple):
    """One call of `ScriptedModel.generate`."""

    conversations: list[list[Message]]
    sampling: Sampling
    seeds: list[int] | None
    prefills: list[str] | None


class ScriptedModel:
    """A model that answers from a script, the same every time, and records its calls. Satisfies `ScoringModel`.

    A word counts as a token. Seeds and temperature change nothing.
    """

    def __init__(self, name: str, script: Script, *, default: Answer = None) -> None:
        """`default` is said where no entry of a mapping fits; None makes such a row an error."""
        self.name = name
        self.calls: list[Call] = []
        self._script, self._default = script, default

    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        prefills: Sequence[str] | None = None,
    ) -> list[Generated]:
        """One result a conversation: its prefill, then the script's text, less the prefill if it begins so."""
        self.calls.append(
            Call(
                [list(c) for c in conversations],
                sampling,
                None if seeds is None else list(seeds),
                None if prefills is None else list(prefills),
            )
        )
        heads = [""] * len(conversations) if prefills is None else prefills
        return [self._one(c, head, sampling.max_tokens) for c, head in zip(conversations, heads, strict=True)]

    def log_probs(self, conversations: Sequence[Conversation], continuations: Sequence[str]) -> list[float]:
        """From −5 where a continuation shares no word with its conversation to −1 where all; empty gives −inf."""
        out: list[float] = []
        for conversation, continuation in zip(conversations, continuations, strict=True):
            asked, said = _words(" ".join(m.content for m in conversation)), _words(continuation)
            out.append(4 * len(said & asked) / len(said) - 5 if said else -math.inf)
        return out

    def openers(self, conversations: Sequence[Conversation], *, prefills: Sequence[str] | None = None) -> list[float]:
        """4 nats where what follows opens with a refusal of `openers.REFUSALS`, −4 where not, 0 without a text."""
        heads = [""] * len(conversations) if prefills is None else prefills
        out: list[float] = []
        for conversation, head in zip(conversations, heads, strict=True):
            said = self._say(conversation)
            if not isinstance(said, str):
                out.append(0.0)
                continue
            rest = said.removeprefix(head) if head else parse(said).answer
            out.append(_SURE if rest.lstrip().startswith(REFUSALS) else -_SURE)
        return out

    def _say(self, conversation: Conversation) -> Answer:
        if callable(self._script):
            return self._script(conversation)
        asked = next((m.content for m in reversed(conversation) if m.role == "user"), "")
        for sign, answer in self._script.items():
            if sign(asked) if callable(sign) else sign in asked:
                return answer
        return self._default

    def _one(self, conversation: Conversation, head: str, max_tokens: int) -> Generated:
        said = self._say(conversation)
        if not isinstance(said, str):
            error = "the script says nothing to this" if said is None else f"{type(said).__name__}: {said}"
            return Generated(text="", stop_reason="error", error=error)
        rest = said.removeprefix(head)
        words = list(re.finditer(r"\S+", rest))
        kept, reason = (rest, "stop") if len(words) <= max_tokens else (rest[: words[max_tokens].start()], "length")
        text = head + kept
        verdict = parse(text).verdict if text.startswith(OPENING) else None
        decision = None if verdict is None else {"refuse": _SURE, "comply": -_SURE, "safe_complete": 0.0}[verdict]
        return Generated(text, reason, min(len(words), max_tokens), decision)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


CONVERSATIONS: tuple[tuple[Message, ...], ...] = (
    (Message(role="user", content="Name a colour."),),
    (Message(role="system", content="Answer in one word."), Message(role="user", content="What melts in the sun?")),
    (
        Message(role="user", content="Good morning."),
        Message(role="assistant", content="Good morning! What can I do for you?"),
        Message(role="user", content="Write one sentence about a garden, and one about the sea, if you please."),
    ),
)
"""What `check_model` asks by default: one turn, a system turn, several turns."""


def check_model(model: Model, *, conversations: Sequence[Conversation] = CONVERSATIONS, max_tokens: int = 8) -> None:
    """Asserts what `Model` promises and, of a model whose probabilities can be read, what `ScoringModel` promises.

    One result a conversation, in order; errors as rows; the token limit kept; the same greedy call twice gives the same
    (of models that score); nothing asked, nothing given.

    Raises:
        AssertionError: With the promise that is broken.
    """
    assert isinstance(model, Model), f"{model!r} has not the members of a Model"
    name = model.name
    assert name.strip(), "a model has a name"
    greedy = Sampling(max_tokens=max_tokens)
    assert model.generate([], sampling=greedy) == [], f"{name}: no conversations give no results"
    made = model.generate(conversations, sampling=greedy)
    _check_results(name, made, len(conversations), max_tokens)
    drawn = model.generate(
        conversations, sampling=Sampling(max_tokens, temperature=1.0), seeds=list(range(len(conversations)))
    )
    _check_results(name, drawn, len(conversations), max_tokens)
    heads = [f"Part {number}:" for number in range(len(conversations))]
    try:
        begun = model.generate(conversations, sampling=greedy, prefills=heads)
    except InputError:
        begun = None  # said plainly that it cannot
    if begun is not None:
        _check_results(name, begun, len(conversations), max_tokens)
        for head, result in zip(heads, begun, strict=True):
            assert result.stop_reason == "error" or result.text.startswith(head), (
                f"{name}: a text begins with its row's prefill ({head!r}), got {result.text[:40]!r}"
            )
    if isinstance(model, ScoringModel):
        assert model.generate(conversations, sampling=greedy) == made, f"{name}: the same greedy call gives the same"
        _check_scores(model, conversations)


def _check_results(name: str, made: list[Generated], num_rows: int, max_tokens: int) -> None:
    assert len(made) == num_rows, f"{name}: {num_rows} conversations give as many results, got {len(made)}"
    for row, result in enumerate(made):
        assert result.stop_reason in get_args(StopReason), f"{name} row {row}: stop reason {result.stop_reason!r}"
        failed = result.stop_reason == "error"
        assert failed == bool(result.error), f"{name} row {row}: stop reason `error` and an error go together"
        assert failed or 0 <= result.num_tokens <= max_tokens, (
            f"{name} row {row}: {result.num_tokens} new tokens, at most {max_tokens} were asked for"
        )


def _check_scores(model: ScoringModel, conversations: Sequence[Conversation]) -> None:
    name = model.name
    texts = [f"Number {row}." for row in range(len(conversations))]
    assert model.log_probs([], []) == [], f"{name}: no continuations give no log-probabilities"
    assert model.openers([]) == [], f"{name}: no conversations give no log-odds"
    scores = model.log_probs(conversations, texts)
    assert len(scores) == len(texts), f"{name}: one log-probability a continuation"
    assert all(math.isfinite(s) and s <= 0 for s in scores), (
        f"{name}: log-probabilities are finite and at most 0: {scores}"
    )
    back = model.log_probs(list(reversed(conversations)), list(reversed(texts)))
    assert all(abs(a - b) < 0.1 for a, b in zip(scores, reversed(back), strict=True)), (
        f"{name}: log-probabilities follow their rows, got {scores} and, of the rows reversed, {back}"
    )
    odds = model.openers(conversations)
    assert len(odds) == len(conversations), f"{name}: one log-odds a conversation"
    assert all(math.isfinite(o) for o in odds), f"{name}: log-odds of openers are finite: {odds}"


def check_judge(judge: Judge, items: Sequence[Item], *, repeatable: bool = True) -> None:
    """Asserts what `Judge` promises: one judgment an item, in order; None with an error where it failed, never 0.

    A completion that could not be had (stop reason `error`, no text) is added to the items; it must come back unscored,
    unless the judge reads the prompt alone.

    Args:
        judge: Any judge.
        items: At least two, of different cases or completions.
        repeatable: Whether the same items judged twice must score the same.

    Raises:
        AssertionError: With the promise that is broken.
    """
    name = judge.name
    assert name.strip(), "a judge has a name"
    assert judge.view in ("answer", "full", "prompt"), f"{name}: view {judge.view!r}"
    assert len({(i.case.id, i.completion.key) for i in items}) > 1, "give at least two items that differ"
    assert judge.judge([]) == [], f"{name}: no items give no judgments"
    lost = items[0].completion.model_copy(
        update={
            "key": "not-had", "text": "", "cot": None, "answer": "", "clause": None, "verdict": None,
            "valid_format": False, "stop_reason": "error", "error": "the model could not be reached",
        }
    )  # fmt: skip
    asked = [*items, items[0]._replace(completion=lost)]
    said = judge.judge(asked)
    assert len(said) == len(asked), f"{name}: {len(asked)} items give as many judgments, got {len(said)}"
    for row, (item, judgment) in enumerate(zip(asked, said, strict=True)):
        where = f"{name} row {row}"
        assert judgment.case_id == item.case.id, f"{where}: judgments follow their items (case)"
        assert judgment.completion == item.completion.key, f"{where}: judgments follow their items (key)"
        assert (judgment.judge, judgment.view) == (name, judge.view), f"{where}: a judgment names its judge and view"
        assert (judgment.score is None) == bool(judgment.error), f"{where}: no score and an error go together"
        for what, score in {"score": judgment.score, **judgment.scores}.items():
            assert score is None or math.isfinite(score), f"{where}: {what} is {score}"
        assert 0 <= (judgment.score or 0) <= 1, f"{where}: score {judgment.score} is outside 0 to 1"
    assert judge.view == "prompt" or said[-1].score is None, (
        f"{name}: a completion that could not be had is unscored, got {said[-1].score}"
    )
    if repeatable:
        again = [judgment.score for judgment in judge.judge(asked)]
        assert again == [judgment.score for judgment in said], f"{name}: the same items score the same"
