"""The policy as a teacher or a judge reads it. A student never does: see `sentences`.

A brief shows the whole text of one category and one line of each other, as the specification in Guan et al. 2024 (arXiv
2412.16339) is cut to the category of a prompt so that it fits the context.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from precepts.policy.schema import Category, Clause, Policy
from precepts.types import DISPOSITIONS

_SHORTEST = 4  # words; a shorter sentence would be found in any prompt


def brief(policy: Policy, category_id: str | None = None) -> str:
    """The text put before a teacher or a judge: the same policy and category give the same bytes.

    Args:
        policy: The policy to tell of.
        category_id: The category told in full; None tells the summaries alone.

    Raises:
        InputError: If the policy has no such category.

    The policy's text is joined, never formatted: braces in it stay braces. Put the result into a prompt by joining too.
    """
    parts = [
        "# " + _line(policy.title) + " (policy " + policy.id + ", version " + _line(policy.version) + ")",
        "## Principles\n" + policy.principles,
        "## Categories\n" + "\n".join(_summary(category) for category in policy.categories),
    ]
    styles = ["- " + kind + ": " + _line(policy.styles[kind]) for kind in DISPOSITIONS if kind in policy.styles]
    if styles:
        parts.append("## How to answer\n" + "\n".join(styles))
    if policy.terms:
        parts.append("## Terms\n" + _terms(policy.terms))
    if category_id is not None:
        parts.append(_full(policy, policy.category(category_id)))
    return "\n\n".join(parts) + "\n"


def sentences(policy: Policy) -> tuple[str, ...]:
    """Every clause's text and reason, whole and by the sentence, each once: none may stand in a student's prompt.

    Sentences of fewer than four words are given only as part of their text. White space is one blank.
    """
    found: dict[str, None] = {}
    for clause in policy.clauses:
        for text in (_line(clause.text), _line(clause.reason)):
            if text:
                found[text] = None
            for sentence in re.split(r"(?<=[.!?;])\s+", text):
                if len(sentence.split()) >= _SHORTEST:
                    found[sentence] = None
    return tuple(found)


def _summary(category: Category) -> str:
    return "- " + category.id + ": " + _line(category.title) + ". " + _line(category.summary)


def _full(policy: Policy, category: Category) -> str:
    parts = ["## Category " + category.id + ": " + _line(category.title)]
    if category.terms:
        parts.append("Terms:\n" + _terms(category.terms))
    parts.extend(_clause(policy, clause) for clause in category.clauses)
    return "\n\n".join(parts)


def _clause(policy: Policy, clause: Clause) -> str:
    lines = [
        "### " + clause.id,
        "kind: " + clause.kind,
        "authority: " + clause.authority,
        "text: " + _line(clause.text),
        "reason: " + _line(clause.reason),
    ]
    lines += ["an answer that keeps it: " + _line(text) for text in clause.examples.keeps]
    lines += ["an answer that breaks it: " + _line(text) for text in clause.examples.breaks]
    if clause.exceptions:
        winners = ", ".join(other + " (" + policy.clause(other).kind + ")" for other in clause.exceptions)
        lines.append("exceptions, which win over it: " + winners)
    return "\n".join(lines)


def _terms(terms: Mapping[str, str]) -> str:
    # Sorted, for the order of terms is no part of the policy's digest.
    return "\n".join("- " + _line(word) + ": " + _line(terms[word]) for word in sorted(terms))


def _line(text: str) -> str:
    return " ".join(text.split())
