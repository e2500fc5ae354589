"""What is wrong with a reasoning that a program can see: it wavers, or it cites what the policy does not hold.

Reasoning that decides one way and then debates the other teaches a student to debate: in LRM-Safety-Study (arXiv 2505.15404) the share of
attacks that succeed fell by more than half once such reasoning was left out. Models also invent clauses to justify a decision (Schoen
et al. 2025, arXiv 2509.15541). Both rules read words and know no meaning; tests hold their measured precision on a labelled sample.
"""

from __future__ import annotations

import difflib
import itertools
import re

from precepts.data.overlap import words
from precepts.policy import Clause, Policy
from precepts.types import Disposition

_NEGATED = r"(?:no clause|nothing|do(?:es)? not|don't|doesn't|need not|no need to|not to|nothing to|never|without having to)\s+(?:\w+\s+)?"
_REFUSE = re.compile(
    r"\b(?:refus(?:e|ed|ing|al)|declin(?:e|ed)|forbid(?:s|den)?|prohibited|disallowed|not (?:allowed|permitted)|must not help|"
    r"can(?:'t|not| not) help|have to refuse)\b",
    re.IGNORECASE,
)
_COMPLY = re.compile(
    r"\b(?:compl(?:y|ied)|[A-Z]\d+ allows it|(?:is|are|it's) (?:also )?(?:allowed|permitted)|permitted|(?:can|may|could) be answered|"
    r"(?:fine|okay|ok) to (?:answer|write|help)|"
    r"(?:can|could|may|will|let's) (?:answer|help)|answering is (?:fine|permitted|allowed))\b",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\b(?:then again|on the other hand|after all|back and forth|torn|hard to say|cannot decide|can't decide|both are possible|hmm|"
    r"(?:wait|actually),? no|(?:or|but|yet|perhaps|maybe|still) (?:i )?(?:maybe|perhaps|rather|might|would|refused?|comply)\b|"
    r"(?:perhaps|maybe|but) i (?:can|could|might)|or not\b|maybe (?:i can )?(?:comply|answer|refuse)|whether to (?:refuse|comply|answer|write|help))",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:some would|the user (?:argues|insists|says|worries|thinks|claims)|would be|would not be)\b[^.!?]*",
    re.IGNORECASE,
)

_NAMED = re.compile(
    r"\b(?i:clause|rule|guideline|policy section|policy rule|section of the policy)s?\s+(?P<id>[A-Z]{1,3}[\w-]*\d[\w.-]*|\d+(?:\.\d+)*|[A-Z][A-Z]\w*)"
    r"|\b(?i:policy section)\s+(?P<section>[\w.-]+)"
)
_TITLED = re.compile(r"\b[Tt]he\s+(?P<title>(?:[A-Z][a-z]+\s+){1,4})(?:Clause|Rule|Guideline|Principle)\b")
_ACTS = re.compile(
    r"\b(?P<id>[A-Z]{1,3}-?\d{1,3})\b(?=[^.!?]{0,20}?\b(?:forbids?|says?|states?|covers?|governs?|requires?|asks?|applies|lets|allows?|permits?|protects?|and\s+[A-Z]\d))"
    r"|\bunder\s+(?P<under>[A-Z]{1,3}-?\d{1,3})\b"
)
_QUOTE = re.compile(
    r"\b(?P<id>[A-Z][\w.-]{0,15})\b[^.!?\"“]{0,20}?(?:says?|states?|covers|speaks of|reads?)[,:]?\s*[\"“](?P<text>[^\"”]{8,})[\"”]"
)
_LIKE = 0.7
"""Share of a quotation's words, in their order, that must stand in the clause."""


def wavers(why: str, verdict: Disposition) -> str | None:
    """Why a reasoning does not stand by its verdict, as a few words; None if it does.

    It wavers if it decides both ways and turns in between, or if all that it decides is against its verdict.
    """
    own = _OTHERS.sub(" ", why)
    sides = _sides(own)
    kinds = {side for _, side in sides}
    turns = bool(_TURN.search(own))
    if len(kinds) == 2 and turns:
        return "decides both ways"
    changes = sum(a[1] != b[1] for a, b in itertools.pairwise(sides))
    if changes >= 2 or (changes == 1 and verdict != "safe_complete" and sides[-1][1] != verdict):
        return "decides both ways"
    if changes == 1 and not _reasoned(own, sides):
        return "decides both ways"
    against = {"refuse": "comply", "comply": "refuse"}.get(verdict)
    if kinds and kinds == {against}:
        return "decides against its verdict"
    if turns and not kinds:
        return "does not decide"
    return None


def _sides(text: str) -> list[tuple[int, str]]:
    """Where the text says to refuse and where to comply, in order; what is negated is left out."""
    found: list[tuple[int, str]] = []
    for pattern, side in ((_REFUSE, "refuse"), (_COMPLY, "comply")):
        for match in pattern.finditer(text):
            before = text[: match.start()]
            if not re.search(_NEGATED + r"$", before, re.IGNORECASE):
                found.append((match.start(), side))
    return sorted(found)


def _reasoned(text: str, sides: list[tuple[int, str]]) -> bool:
    """Whether the one change of side is a step of the argument: a `but`, `so` or `not` leads to the second."""
    first = next(place for place, side in sides if side != sides[0][1])
    last = max(place for place, _ in sides if place < first)
    return bool(re.search(r"\b(?:but|so|therefore|hence|even so|does not|is not)\b", text[last:first], re.IGNORECASE))


def invented(why: str, policy: Policy) -> str | None:
    """What a reasoning cites that the policy does not hold, as it stands there; None if all of it does.

    A clause counts as cited where the text names it as one ("clause X", "rule 7.3", "the Helpfulness Clause") or lets it act
    ("X forbids", "under X"); B12 and AK47 do not. A quotation of a clause must stand in its text, reason or examples.
    """
    known = {clause.id.casefold(): clause for clause in policy.clauses}
    names = {part.casefold() for category in policy.categories for part in (category.id, category.title)}
    for match in (*_NAMED.finditer(why), *_ACTS.finditer(why)):
        cited = next(value for value in match.groupdict().values() if value).rstrip(".-")
        if cited.casefold() not in known and cited.casefold() not in names:
            return cited
    for match in _TITLED.finditer(why):
        if match["title"].strip().casefold() not in names:
            return match[0].removeprefix("the ").removeprefix("The ")
    for match in _QUOTE.finditer(why):
        clause = known.get(match["id"].casefold())
        if clause is not None and not says(clause, match["text"]):
            return f"{match['id']}: “{match['text'][:60]}”"
    return None


def says(clause: Clause, quotation: str) -> bool:
    """Whether a quotation stands in a clause, by at least seven in ten of its words in their order."""
    quoted = words(quotation)
    if not quoted:
        return True
    for text in (clause.text, clause.reason, *clause.examples.keeps, *clause.examples.breaks):
        same = difflib.SequenceMatcher(None, quoted, words(text), autojunk=False)
        if sum(block.size for block in same.get_matching_blocks()) >= _LIKE * len(quoted):
            return True
    return False
