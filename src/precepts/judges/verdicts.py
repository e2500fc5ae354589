"""Reading what a judge's text ends with. What cannot be read is an error and never a score."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, cast

_LINE = re.compile(
    r"verdict:\s*(keeps|breaks)\b(?:[\s,;()]*(?:score\s*[:=]?\s*)?([01](?:\.\d+)?|\.\d+))?\s*\)?\.?", re.IGNORECASE
)


class Ruling(NamedTuple):
    """The verdict that a judge's text ends with, or what is wrong with it."""

    score: float | None
    error: str | None = None


def read_verdict(text: str) -> Ruling:
    """The verdict on the last line: JSON `{"verdict": …, "score": …}` or `VERDICT: keeps 0.9`.

    Nothing above the last line is read, so that what a judge quotes never counts. Without a score keeps is 1 and breaks
    0; a score on the other side of one half contradicts its verdict and is an error.
    """
    lines = [line.strip().strip("*`").strip() for line in text.strip().splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    if last.startswith("{"):
        try:
            row = json.loads(last, object_pairs_hook=_once, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return Ruling(None, "the last line is no JSON verdict")
        word, given = row.get("verdict"), row.get("score")
        if given is not None and (isinstance(given, bool) or not isinstance(given, int | float)):
            return Ruling(None, "the score is no number")
    elif match := _LINE.fullmatch(last):
        word, given = match[1].lower(), float(match[2]) if match[2] else None
    else:
        return Ruling(None, "the last line is no verdict")
    if word not in ("keeps", "breaks"):
        return Ruling(None, "the verdict is neither keeps nor breaks")
    if given is None:
        return Ruling(1.0 if word == "keeps" else 0.0)
    if not 0 <= given <= 1:
        return Ruling(None, "the score is outside 0 to 1")
    if (word == "keeps" and given < 0.5) or (word == "breaks" and given > 0.5):
        return Ruling(None, f"the verdict {word} and the score {given} contradict each other")
    return Ruling(float(given))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object whose keys stand once."""
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a key stands twice")
    return row


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")
