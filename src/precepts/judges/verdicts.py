"""Reading what a judge's text ends with. What cannot be read is an error and never a score."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, cast

from precepts.models.generation import Generated

_LINE = re.compile(
    r"verdict:\s*(keeps|breaks)\b(?:[\s,;()]*(?:score\s*[:=]?\s*)?([01](?:\.\d+)?|\.\d+))?\s*\)?\.?", re.IGNORECASE
)


class Ruling(NamedTuple):
    """The verdict that a judge's text ends with, or what is wrong with it."""

    score: float | None
    error: str | None = None
    agrees: bool | None = None
    """With what another annotator said, where the judge was told of it."""
    applies: bool | None = None
    """Whether the clause that was asked about governs the case, where that was asked."""


def read_verdict(text: str, *, advised: bool = False, applies: bool = False) -> Ruling:
    """The verdict on the last line: JSON `{"verdict": …, "score": …}` or `VERDICT: keeps 0.9`.

    Nothing above the last line is read, so that what a judge quotes never counts. Without a score keeps is 1 and breaks
    0; a score on the other side of one half contradicts its verdict and is an error.

    Args:
        text: What the judge wrote.
        advised: The JSON must also hold `annotator`, agree or disagree.
        applies: The JSON must also hold `applies`, true or false; where false there is no score and no error.
    """
    last = last_line(text)
    agrees: bool | None = None
    governs: bool | None = None
    if last.startswith("{"):
        row = read_object(text)
        if row is None:
            return Ruling(None, "the last line is no JSON verdict")
        if advised:
            agrees = {"agree": True, "disagree": False}.get(str(row.get("annotator")))
            if agrees is None:
                return Ruling(None, "it neither agrees nor disagrees with the other annotator")
        if applies:
            if not isinstance(row.get("applies"), bool):
                return Ruling(None, "it does not say whether the clause applies")
            governs = bool(row["applies"])
            if not governs:
                return Ruling(None, None, agrees, applies=False)
        word, given = row.get("verdict"), row.get("score")
        if given is not None and (isinstance(given, bool) or not isinstance(given, int | float)):
            return Ruling(None, "the score is no number")
    elif (match := _LINE.fullmatch(last)) and not (advised or applies):
        word, given = match[1].lower(), float(match[2]) if match[2] else None
    else:
        return Ruling(None, "the last line is no verdict")
    if word not in ("keeps", "breaks"):
        return Ruling(None, "the verdict is neither keeps nor breaks")
    if given is None:
        return Ruling(1.0 if word == "keeps" else 0.0, None, agrees, governs)
    if not 0 <= given <= 1:
        return Ruling(None, "the score is outside 0 to 1")
    if (word == "keeps" and given < 0.5) or (word == "breaks" and given > 0.5):
        return Ruling(None, f"the verdict {word} and the score {given} contradict each other")
    return Ruling(float(given), None, agrees, governs)


def last_line(text: str) -> str:
    """The last line that holds anything, without the marks of bold and code."""
    lines = [line.strip().strip("*`").strip() for line in text.strip().splitlines()]
    return next((line for line in reversed(lines) if line), "")


def read_object(text: str) -> dict[str, object] | None:
    """The JSON object on the last line, None if there is none: no key twice, no NaN."""
    try:
        row: object = json.loads(last_line(text), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", row) if isinstance(row, dict) else None


def read_score(text: str) -> Ruling:
    """The number from 0 to 1 under `score` of the JSON object on the last line."""
    row = read_object(text)
    given = row.get("score") if row else None
    if isinstance(given, bool) or not isinstance(given, int | float):
        return Ruling(None, "the last line holds no score")
    return Ruling(float(given)) if 0 <= given <= 1 else Ruling(None, "the score is outside 0 to 1")


def read_met(text: str) -> Ruling:
    """1 or 0 for `"met": true` or `false` in the JSON object on the last line."""
    row = read_object(text)
    given = row.get("met") if row else None
    return (
        Ruling(float(given))
        if isinstance(given, bool)
        else Ruling(None, "the last line does not say whether it is met")
    )


def no_text(run: Generated) -> str:
    """Why a run that did not end by itself has no verdict: a text that was cut may end on a quoted one."""
    if run.stop_reason == "length":
        return "its text was cut before the verdict"
    return f"no text ({run.error or 'no reason given'})"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object whose keys stand once."""
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key stands twice")
    return row


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")
