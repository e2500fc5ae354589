"""The card as Markdown for a model hub: evaluation metadata in its head, and the same numbers below."""

from __future__ import annotations

import re
from typing import Any

import yaml

from precepts.cards.arms import arm_of, set_of
from precepts.cards.claims import claim_of
from precepts.cards.context import Card
from precepts.cards.decision import SAID
from precepts.cards.figures import interval_text, is_difference, value_text
from precepts.cards.text import clip
from precepts.types import Evidence

_LONGEST = 2_000
_ACTS = re.compile(r"([\\`*_{}\[\]()#+!|<>~$&@-]|:(?=//)|(?<=www)\.)")


def markdown(card: Card) -> str:
    """The card's Markdown: nothing in it but our own words acts as markup.

    The head is the hub's `model-index`: a result for each overall number of the arm that the verdict speaks of. The hub
    has no field for an interval, so the metric's name carries it.
    """
    parts = [
        "---\n" + yaml.safe_dump(_head(card), allow_unicode=True, sort_keys=False, width=120) + "---\n",
        f"# {_plain(card.title)}\n",
    ]
    if card.decision and card.decision.verdict:
        parts.append(f"**{SAID[card.decision.verdict]}.** {_plain(card.decision.sentence)}\n")
    parts.append(" ".join(_plain(sentence) for sentence in card.verdict.sentences) + "\n")
    if card.decision and card.decision.gates:
        parts.append("## Gates\n")
        parts.append(
            _grid(
                ("gate", "verdict", "why"), [(one.gate, SAID[one.verdict], one.line) for one in card.decision.results]
            )
        )
    if card.decision and card.decision.scorecard:
        score = card.decision.scorecard
        rows = [(one.title, one.text("pre"), one.text("post")) for one in score.categories]
        parts.append("## Risk scorecard\n")
        parts.append(
            _grid(
                ("category", "before mitigation", "after mitigation"),
                [*rows, ("overall", score.overall["pre"], score.overall["post"])],
            )
        )
    parts.append("## Numbers\n")
    rows = [_row(row) for row in card.evidence if "category" not in row.slice]
    parts.append(_grid(("claim", "of", "set", "value", "interval", "n", "unscored", "judge"), rows))
    missing = [one.title for one in card.coverage if not (one.numbers or one.shipped)]
    if missing:
        parts.append(f"Not measured: {_plain(', '.join(missing))}.\n")
    parts.append("## Limits\n")
    limits = [
        *card.facts.limits,
        "A rate is of these cases. It bounds nothing about prompts that differ from them in kind.",
    ]
    parts.append("".join(f"- {_plain(limit)}\n" for limit in limits))
    parts.append(
        "Every number has its recipe in `card.html` and `card.json`; `precepts card verify` makes them again.\n"
    )
    return "\n".join(parts)


def _head(card: Card) -> dict[str, Any]:
    """The hub's metadata: plain values only."""
    own = [
        row
        for row in card.evidence
        if arm_of(row) == card.verdict.arm
        and not is_difference(row)
        and "category" not in row.slice
        and row.value is not None
    ]
    results: list[dict[str, Any]] = []
    for name in dict.fromkeys(set_of(row) for row in own):
        metrics = [
            {"type": row.claim, "name": clip(_name(row), 200), "value": row.value, "verified": False}
            for row in own
            if set_of(row) == name
        ]
        where = {"name": clip(name, 120), "type": clip(name, 120)}
        results.append({"task": {"type": "text-generation"}, "dataset": where, "metrics": metrics})
    head: dict[str, Any] = {"tags": ["precepts", "system-card"]}
    if results:
        head["model-index"] = [{"name": clip(card.facts.model or card.title, 120), "results": results}]
    return head


def _name(row: Evidence) -> str:
    return f"{claim_of(row.claim).label} {interval_text(row)}, n {row.n}, {row.estimator}"


def _row(row: Evidence) -> tuple[str, ...]:
    of = f"{arm_of(row)} − {row.baseline}" if row.baseline else arm_of(row)
    rest = ", ".join(f"{key} {value}" for key, value in sorted(row.slice.items()) if key not in ("arm", "set"))
    where = f"{set_of(row)}, {rest}" if rest else set_of(row)
    unscored = f"{row.n_unscored:,}"
    return (
        claim_of(row.claim).label,
        of,
        where,
        value_text(row),
        interval_text(row),
        f"{row.n:,}",
        unscored,
        row.judge or "by program",
    )


def _grid(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [
        "| " + " | ".join(cells) + " |" for cells in (head, *(tuple(_plain(cell) for cell in row) for row in rows))
    ]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def _plain(text: str) -> str:
    """Text in which no sign acts as Markdown or HTML; one line."""
    return _ACTS.sub(r"\\\1", clip(text, _LONGEST))
