"""Hostile text made readable: what a terminal or a browser would act on is shown instead."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

# Everything that changes how its neighbours are shown, or that nobody sees: C0 but tab and line feed, DEL and C1, the
# soft hyphen, bidi marks, zero-width marks, line separators, tags, surrogates, noncharacters. The joiners U+200C and
# U+200D stay: emoji and many scripts are spelt with them.
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters as pictures (␛) and other characters that act unseen as ⟦U+202E⟧.

    The result can be encoded as UTF-8, and `visible(visible(text)) == visible(text)`.
    """
    return _ACTS.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟦U+{code:04X}⟧"


def visible_values(value: object) -> object:
    """The same value with every text in it visible, and numbers that JSON lacks (NaN, infinity) as text."""
    return _each_text(value, visible)


def encodable_values(value: object) -> object:
    """The same value with the surrogates in its texts spelt out: the least that lets them be written as UTF-8."""
    return _each_text(value, lambda text: _SURROGATE.sub(_picture, text))


def _each_text(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {change(str(key)): _each_text(item, change) for key, item in items}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_each_text(item, change) for item in cast("Sequence[object]", value)]
    return value


def clip(text: str, limit: int) -> str:
    """The text on one line, visible, at most `limit` characters of it, the cut marked by an ellipsis."""
    line = visible(text[:limit]).replace("\n", "␊").replace("\t", "␉")
    return line + "…" if len(text) > limit else line


@dataclass(frozen=True)
class Shown:
    """A text as the card shows it: visible, cut at a limit or withheld, with what identifies the whole of it."""

    text: str
    length: int
    sha256: str
    note: str = ""
    withheld: bool = False


def show(text: str, *, limit: int, withhold: bool = False) -> Shown:
    """How the card shows a text: at most `limit` characters, or none with a note where it is withheld."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if withhold:
        return withheld(len(text), digest)
    note = ""
    if len(text) > limit:
        note = f"Cut: the first {limit:,} of {len(text):,} characters. The whole text is in the files of the run."
    return Shown(visible(text[:limit]), len(text), digest, note)


def withheld(length: int, sha256: str) -> Shown:
    """What stands for a text of which only length and digest are told."""
    note = f"Withheld: {length:,} characters. The whole text is in the files of the run."
    return Shown("", length, sha256, note, withheld=True)
