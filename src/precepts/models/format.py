"""The completion format: three lines of reasoning between think tags, then the answer. Plain text, no added tokens.

    <think>
    verdict: refuse | comply | safe_complete
    clause: ID
    why: one sentence
    </think>
    the answer

The verdict stands first, so that one position decides and can be read, calibrated and compared (docs/adr/0002-verdict-first.md).
"""

from __future__ import annotations

import re
from typing import NamedTuple, cast

from precepts.types import DISPOSITIONS, Disposition

OPENING = "<think>\nverdict:"
"""How every completion in the format begins; the token after it decides."""

_FORMAT = re.compile(
    r"\A\s*<think>\s*\n"
    r"verdict:[ ]*(?P<verdict>refuse|comply|safe_complete)[ ]*\n"
    r"clause:[ ]*(?P<clause>[A-Za-z][\w.\-]{0,15})[ ]*\n"
    r"why:[ ]*(?P<why>[^\n]+)\n"
    r"</think>\n?(?P<answer>.*)\Z",
    re.DOTALL,
)


class Parsed(NamedTuple):
    """A completion taken apart. `cot` is None where the text holds no think block at all."""

    cot: str | None
    answer: str
    verdict: Disposition | None
    clause: str | None
    why: str | None
    valid: bool


def render(*, verdict: Disposition, clause: str, why: str, answer: str) -> str:
    """The text of a completion; `parse` undoes it."""
    return f"{reasoning(verdict=verdict, clause=clause, why=why)}{answer}"


def reasoning(*, verdict: Disposition, clause: str, why: str) -> str:
    """The think block alone, up to where the answer begins."""
    return f"{OPENING} {verdict}\nclause: {clause}\nwhy: {' '.join(why.split())}\n</think>\n"


def parse(text: str) -> Parsed:
    """Takes a completion apart; `valid` is False where it does not keep the format.

    A model that thinks in its own way (`<think>` … `</think>` around free text) still has its reasoning split from its answer; an
    unclosed block is reasoning without an answer.
    """
    if (match := _FORMAT.match(text)) and (answer := match["answer"].strip()):
        verdict = cast(Disposition, match["verdict"])
        cot = text[text.index("<think>") + len("<think>") : text.index("</think>")].strip()
        return Parsed(cot, answer, verdict, match["clause"], match["why"].strip(), valid=True)
    if "<think>" not in text and "</think>" not in text:
        return Parsed(None, text.strip(), None, None, None, valid=False)
    before, closed, after = text.partition("</think>")
    cot = before.replace("<think>", "", 1).strip()
    found = re.search(r"verdict:[ ]*(\w+)", cot)
    verdict = cast(Disposition, found[1]) if found and found[1] in DISPOSITIONS else None
    return Parsed(cot, after.strip() if closed else "", verdict, None, None, valid=False)
