"""What `precepts policy diff` prints."""

from __future__ import annotations

import difflib
from typing import Any

from rich.console import Console
from rich.markup import escape

from precepts.pipelines.policy_diff import Impact, Resting
from precepts.policy import ClauseChange

_SIGN = {"added": "+", "changed": "~", "removed": "-"}
_MOST_NUMBERS = 6


def impact_json(found: Impact) -> dict[str, Any]:
    """The changes and what rests on them as one document."""
    return {
        "v": 1,
        "old": {"id": found.old.id, "version": found.old.version, "digest": found.old.digest},
        "new": {"id": found.new.id, "version": found.new.version, "digest": found.new.digest},
        "clauses": [
            {
                "id": c.id, "what": c.what, "category": c.category, "fields": c.fields, "flipped": c.flipped,
                "old": c.old.model_dump(mode="json") if c.old else None, "new": c.new.model_dump(mode="json") if c.new else None,
                "cases": found.cases.get(c.id, {}),
            }
            for c in found.diff.clauses
        ],
        "parts": [part._asdict() for part in found.diff.parts],
        "briefs": found.diff.briefs,
        "runs": [row._asdict() for row in found.runs],
    }  # fmt: skip


def print_impact(found: Impact) -> None:
    """The same for people: a clause a paragraph, then parts, then what is not touched."""
    out = Console(highlight=False, soft_wrap=True)
    out.print(
        escape(
            f"{found.old.id} {found.old.version} ({found.old.digest}) to {found.new.id} {found.new.version} ({found.new.digest})"
        )
    )
    if found.diff.same:
        out.print("nothing changed that a model, a teacher or a judge reads")
        return
    for change in found.diff.clauses:
        out.print(escape(_headline(change)))
        for line in _fields(change):
            out.print("    " + escape(line))
        if counts := found.cases.get(change.id):
            out.print(f"    cases: {', '.join(f'{n} {split}' for split, n in sorted(counts.items()))}")
        for row in found.runs:
            if row.clause == change.id:
                out.print("    " + escape(_rests(row)))
    for part in found.diff.parts:
        out.print(escape(f"~ {part.part}: {_words(part.old, part.new)}"))
    out.print(f"briefs that change: {', '.join(found.diff.briefs) or 'none'}")


def _headline(change: ClauseChange) -> str:
    flipped = f": {change.flipped[0]} to {change.flipped[1]}" if change.flipped else ""
    clause = change.new or change.old
    assert clause is not None, "a change has a side"
    kind = "" if flipped else f" ({clause.kind})"
    return f"{_SIGN[change.what]} {change.id}{kind} in {change.category}{flipped}"


def _fields(change: ClauseChange) -> list[str]:
    if change.old is None or change.new is None:
        clause = change.new or change.old
        return [clause.text] if clause else []
    out: list[str] = []
    for field in change.fields:
        if field in ("text", "reason"):
            out.append(f"{field}: {_words(getattr(change.old, field), getattr(change.new, field))}")
        elif field not in ("kind", "category"):
            out.append(f"{field} changed")
    return out


def _words(old: str, new: str) -> str:
    """The new text with what was taken out in [-…-] and what was put in in {+…+}, as `git diff --word-diff` writes it."""
    a, b = old.split(), new.split()
    out: list[str] = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if what == "equal":
            out += a[i:j]
            continue
        if i < j:
            out.append(f"[-{' '.join(a[i:j])}-]")
        if k < m:
            out.append(f"{{+{' '.join(b[k:m])}+}}")
    return " ".join(out)


def _rests(row: Resting) -> str:
    more = len(row.evidence) - _MOST_NUMBERS
    numbers = "; ".join(row.evidence[:_MOST_NUMBERS]) + (f"; and {more} more" if more > 0 else "")
    said = f"{row.run}: {row.cases} cases, {row.answers} generated answers, {row.examples} training examples"
    return said + (f"; {len(row.evidence)} numbers: {numbers}" if row.evidence else "; no numbers")
