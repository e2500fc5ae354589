"""What `precepts align ablate` and `precepts align table` print: a table for people, or Markdown for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from precepts.cli.numbers import counted, grid, number, show
from precepts.pipelines.ablate import Ablation, shown
from precepts.pipelines.tables import Table as Made
from precepts.types import Evidence

_COLUMNS = 4
"""Claims side by side on a terminal."""


def ablation_json(found: Ablation) -> dict[str, Any]:
    """Evidence by seed and over seeds as one document."""
    return {"v": 1, "evidence": found.evidence, "pooled": found.pooled, "absent": found.absent, "path": str(found.path)}


def print_ablation(found: Ablation, *, markdown: bool = False) -> None:
    """An arm a row, a claim a column; then differences to the untrained arm and to the policy in the prompt."""
    rows = shown(found)
    over = "over seeds and cases" if found.pooled else "one seed: the intervals are silent about seeds"
    for baseline in dict.fromkeys(e.baseline for e in rows):
        chosen = [e for e in rows if e.baseline == baseline]
        title = f"95 % intervals, {over}" + (f", less {baseline}" if baseline else "")
        claims = list(dict.fromkeys(e.claim for e in chosen))
        width = len(claims) if markdown else _COLUMNS
        for part in (claims[n : n + width] for n in range(0, len(claims), width)):
            _print(title, [claim.removeprefix("align/") for claim in part], _arms(chosen, part), markdown=markdown)
    if found.absent:
        print(f"arms that these runs do not hold: {', '.join(found.absent)}")
    print(f"evidence: {found.path / 'evidence.jsonl'}")


def print_table(found: Made, *, markdown: bool = False) -> None:
    """A number a row."""
    lines: list[tuple[str, list[Evidence | None]]] = []
    for row in found.evidence:
        of = ", ".join(row.slice.values())
        less = f" − {row.baseline}" if row.baseline else ""
        lines.append((row.claim.partition("/")[2] + (f" ({of})" if of else "") + less, [row]))
    _print(f"{found.name}, {len(found.rows)} rows (95 % intervals)", ["value"], lines, markdown=markdown, with_n=True)
    print(f"rows and evidence: {found.path}")


def _arms(chosen: Sequence[Evidence], claims: Sequence[str]) -> list[tuple[str, list[Evidence | None]]]:
    lines: list[tuple[str, list[Evidence | None]]] = []
    for arm, seed in dict.fromkeys((e.slice["arm"], e.slice.get("seed")) for e in chosen):
        by_claim = {e.claim: e for e in chosen if (e.slice["arm"], e.slice.get("seed")) == (arm, seed)}
        lines.append((arm if seed is None else f"{arm} (seed {seed})", [by_claim.get(claim) for claim in claims]))
    return lines


def _print(
    title: str, names: Sequence[str], lines: Sequence[tuple[str, Sequence[Evidence | None]]], *, markdown: bool, with_n: bool = False
) -> None:  # fmt: skip
    columns = ["", *names, *(["n"] if with_n else [])]

    def texts(name: str, rows: Sequence[Evidence | None], between: str) -> list[str]:
        return [name, *(number(row, between) for row in rows), *([counted(rows[0])] if with_n else [])]

    if markdown:
        print(f"**{title}**\n")
        print("| " + " | ".join(columns) + " |")
        print("|---" * len(columns) + "|")
        for name, rows in lines:
            print("| " + " | ".join(texts(name, rows, " ")) + " |")
        print()
        return

    def build(between: str) -> Table:
        table = grid(title, columns)
        for name, rows in lines:
            table.add_row(*texts(name, rows, between))
        return table

    show(build)
