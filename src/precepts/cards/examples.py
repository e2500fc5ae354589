"""Examples of what the arms wrote: hostile text, shown inert, cut where long, withheld where it may do harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from precepts.cards.text import Shown, clip, encodable_values, show, withheld
from precepts.errors import InputError

MAX_EXAMPLES = 20
MAX_PROMPT, MAX_ANSWER, MAX_WORD = 2_000, 4_000, 120


class Output(BaseModel):
    """What one arm wrote for a case. Other keys are not shown: one of them might hold the whole text."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    answer: str | None = None
    cot: str | None = None
    verdict: str | None = None
    clause: str | None = None
    refused: bool | None = None
    stop_reason: str | None = None
    withheld: Mapping[str, tuple[int, str]] = Field(default_factory=dict)


class Example(BaseModel):
    """A case and what the arms, by their names, wrote for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    case_id: str
    category: str | None = None
    prompt: str
    expected: str | None = None
    outputs: Mapping[str, Output] = Field(default_factory=dict)


@dataclass(frozen=True)
class ShownOutput:
    """An arm's output as the card shows it. `marks` are pairs of a name and a value."""

    arm: str
    marks: tuple[tuple[str, str], ...]
    cot: Shown | None
    answer: Shown


@dataclass(frozen=True)
class ShownExample:
    """A case as the card shows it."""

    case_id: str
    category: str
    expected: str
    prompt: Shown
    outputs: tuple[ShownOutput, ...]


def show_examples(examples: Sequence[Mapping[str, object]], *, reveal: bool) -> tuple[ShownExample, ...]:
    """The first twenty examples as the card shows them.

    Unless `reveal`, what an arm wrote is withheld where the case was not one to answer (`comply`, `safe_complete`) and
    the arm is not known to have refused: its length and digest stand in its place.

    Raises:
        InputError: If a row has no text where the card needs one; the message names the row and the key.
    """
    return tuple(_shown(_read(row, place), reveal=reveal) for place, row in enumerate(examples[:MAX_EXAMPLES], start=1))


def redacted(row: Mapping[str, object]) -> dict[str, object]:
    """An example without the texts that a card withholds: of each its length and digest stay, and the card is the same."""
    example = _read(row, 1)
    to_answer = example.expected in ("comply", "safe_complete")
    outputs = {
        arm: output if to_answer or output.refused is True else output.model_copy(update=_without_text(output))
        for arm, output in example.outputs.items()
    }
    return example.model_copy(update={"outputs": outputs}).model_dump(mode="json", exclude_none=True)


def _without_text(output: Output) -> dict[str, object]:
    taken = {
        name: show(text, limit=0, withhold=True)
        for name, text in (("cot", output.cot), ("answer", output.answer or ""))
        if text is not None
    }
    return {
        **dict.fromkeys(taken, None),
        "withheld": {name: (one.length, one.sha256) for name, one in taken.items()},
    }


def _read(row: Mapping[str, object], place: int) -> Example:
    try:
        return Example.model_validate(encodable_values(row))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"example {place} of the card, `{where}`: {first['msg']}") from None


def _shown(example: Example, *, reveal: bool) -> ShownExample:
    to_answer = example.expected in ("comply", "safe_complete")
    outputs = tuple(
        _shown_output(arm, output, withhold=not (reveal or to_answer or output.refused is True))
        for arm, output in example.outputs.items()
    )
    return ShownExample(
        clip(example.case_id, MAX_WORD),
        clip(example.category or "", MAX_WORD),
        clip(example.expected or "", MAX_WORD),
        show(example.prompt, limit=MAX_PROMPT),
        outputs,
    )


def _shown_output(arm: str, output: Output, *, withhold: bool) -> ShownOutput:
    marks: list[tuple[str, str]] = []
    if output.refused is not None:
        marks.append(("judged", "refused" if output.refused else "did not refuse"))
    for name, value in (("verdict", output.verdict), ("clause", output.clause), ("stopped", output.stop_reason)):
        if value is not None:
            marks.append((name, clip(value, MAX_WORD)))

    def shown(name: str, text: str | None) -> Shown | None:
        if name in output.withheld:
            return withheld(*output.withheld[name])
        return None if text is None else show(text, limit=MAX_ANSWER, withhold=withhold)

    cot, answer = shown("cot", output.cot), shown("answer", output.answer or "")
    assert answer is not None, "an answer may be empty, not absent"
    return ShownOutput(clip(arm, MAX_WORD), tuple(marks), cot, answer)
