"""The sections of a system card, as the o1 card has them: which claims stand in which, and what is said of an empty one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from precepts.types import Evidence

CORE = "disallowed"
OTHER = "other"
JUDGE = "judge"


@dataclass(frozen=True)
class Section:
    """A section: claims whose id begins with one of `prefixes` or holds one of `words` stand in it."""

    id: str
    title: str
    asks: str
    prefixes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


SECTIONS: tuple[Section, ...] = (
    Section("reasoning", "Reasoning", "Does the reasoning cite the right clause, and can it be read for what the model will do?",
            ("reasoning/", "monitor/"), ("clause_retrieval", "category_retrieval", "format_valid", "faithful", "monitorab", "clause_flip")),
    Section("jailbreaks", "Jailbreaks", "Does the model keep the policy when it is attacked?",
            ("attack/", "jailbreak/"), ("attack_success", "goodness", "strongreject", "jailbreak")),
    Section("hallucination", "Hallucination", "How often is an answer wrong, and how often does the model say that it does not know?",
            ("hallucination/",), ("hallucination", "simpleqa", "truthfulqa", "abstention", "person_qa")),
    Section("bias", "Fairness and bias", "Do answers change with the people they are about?",
            ("bias/",), ("bbq", "stereotyp", "discrim", "winobias", "crows")),
    Section("hierarchy", "Instruction hierarchy", "Whose instructions win when they conflict?",
            ("hierarchy/",), ("hierarchy", "tutor", "phrase_protection", "password_protection")),
    Section("redteam", "Red teaming by people and programs", "What did people or adaptive programs find that fixed sets do not hold?",
            ("redteam/", "arena/"), ("pairwise_preference",)),
    Section("preparedness", "Preparedness evaluations", "How capable is the model at what could do grave harm?",
            ("risk/", "preparedness/", "persuasion/", "scheming/")),
    Section("fairness", "Fairness audits", "Are decisions of the model, and of the people who label, alike across groups?",
            ("fairness/", "audit/", "labeler/")),
    Section("w2s", "Weak-to-strong supervision", "How much of a stronger model's ability does a weaker supervisor bring out?",
            ("w2s/", "weak_to_strong/"), ("pgr",)),
    Section(JUDGE, "Judges", "How often is a judge right?", ("judge/",)),
    Section(CORE, "Disallowed content", "Is refused what the policy refuses, and answered what it answers?", ("align/", "evals/")),
    Section(OTHER, "Other evidence", ""),
)  # fmt: skip
"""In the order in which claims are matched; `ORDER` is that of the page."""

ORDER: tuple[str, ...] = (
    CORE, "jailbreaks", "hallucination", "bias", "hierarchy", "reasoning", "redteam", "preparedness", "fairness", "w2s", JUDGE, OTHER,
)  # fmt: skip
_BY_ID = {section.id: section for section in SECTIONS}


@dataclass(frozen=True)
class Coverage:
    """A section of the card, how many numbers stand in it, and how many that came with its judges are shown there."""

    section: str
    title: str
    asks: str
    numbers: int
    shipped: int = 0


def section_of(claim: str) -> str:
    """The section in which a claim stands."""
    for section in SECTIONS:
        if claim.startswith(section.prefixes) or any(word in claim for word in section.words):
            return section.id
    return OTHER


def is_core(row: Evidence) -> bool:
    """Whether a row stands in the card's main tables: disallowed content, and the reasoning of the same answers."""
    return section_of(row.claim) == CORE or row.claim.startswith("align/")


def coverage(evidence: Sequence[Evidence], *, shipped: int = 0) -> tuple[Coverage, ...]:
    """Every section in the page's order, empty ones too; `other` only if something stands there.

    Args:
        evidence: Every number of the card.
        shipped: How many measurements of the judges came with them, and are no evidence of these runs.
    """
    counts: dict[str, int] = dict.fromkeys(ORDER, 0)
    for row in evidence:
        counts[section_of(row.claim)] += 1
    return tuple(
        Coverage(name, _BY_ID[name].title, _BY_ID[name].asks, counts[name], shipped if name == JUDGE else 0)
        for name in ORDER
        if name != OTHER or counts[name]
    )
