"""Answers that are no answers: cut off, going in circles, or not language. Each check gives its reason, or None."""

from __future__ import annotations

import re
from collections import Counter

from precepts.judges.wording import MAX_CHARS, words
from precepts.types import Completion

_REPEATS = 3
_LONGEST_PERIOD = 60
_TEMPLATE = re.compile(r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|</?s>(?=\s|\Z)|<(?:start|end)_of_turn>")
_CHARACTERS = re.compile(r"(.{1,12}?)\1{11,}", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+|(?<=[。！？])")


def ended(completion: Completion) -> str | None:
    """None if the model ended the completion by itself, else why it is not whole."""
    if completion.stop_reason == "stop":
        return None
    return (
        "the token limit cut it"
        if completion.stop_reason == "length"
        else f"it could not be had ({completion.error or 'no reason given'})"
    )


def loops(text: str) -> str | None:
    """What the text repeats, or None.

    A sentence or line of four words or more that stands three times, a run of words said three times in a row (five
    times for fewer than three words), or a string of signs repeated a dozen times.
    """
    text = text[:MAX_CHARS]
    said = Counter(tuple(words(part)) for part in _SENTENCE.split(text))
    for part, times in said.most_common(3):
        if times >= _REPEATS and len(part) >= 4:
            return f"a sentence stands {times} times: {_short(' '.join(part))}"
    if run := _run(words(text)):
        return f"words are said over and over: {_short(' '.join(run))}"
    for match in _CHARACTERS.finditer(text):
        if re.search(r"[^\W_]", match[1]) and not match[1].isdigit():
            return f"signs are repeated: {_short(match[1])}"
    return None


def _run(tokens: list[str]) -> list[str] | None:
    """The first run of words said over and over without a break."""
    for period in range(1, min(_LONGEST_PERIOD, len(tokens) // _REPEATS) + 1):
        # In a loop of this period each word equals the one a period before, for (repeats - 1) periods.
        needed = period * ((5 if period < 3 else _REPEATS) - 1)
        streak = 0
        for i in range(period, len(tokens)):
            streak = streak + 1 if tokens[i] == tokens[i - period] else 0
            if streak >= needed:
                run = tokens[i - period + 1 : i + 1]
                if any(not token.isdigit() for token in run):
                    return run
    return None


def garbage(text: str) -> str | None:
    """Why the text is not language, or None. An empty text is nothing, not garbage."""
    text = text[:MAX_CHARS]
    solid = [sign for sign in text if not sign.isspace()]
    if not solid:
        return None
    if match := _TEMPLATE.search(text):
        return f"a sign of the chat template stands in it: {match[0]}"
    bad = sum(
        1
        for sign in solid
        if sign == "\ufffd" or (not sign.isprintable() and sign not in "\u200b\u200c\u200d\ufeff\u00ad")
    )
    if bad > 0.05 * len(solid):
        return "it holds signs that are no characters"
    if not any(sign.isalnum() for sign in solid):
        return "it holds neither letter nor digit"
    if len(solid) >= 20 and sum(map(str.isalnum, solid)) < 0.4 * len(solid) and "```" not in text:
        return "most of it is punctuation"
    tokens = words(text)
    if len(tokens) >= 40 and len(set(tokens)) < 0.15 * min(len(tokens), 200):
        return "it has hardly any different words"
    return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
