"""What `precepts align ablate` and `precepts align table` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from precepts.cli.numbers import counted, grid, number, show
from precepts.pipelines.ablate import Ablation, shown
from precepts.pipelines.tables import Table as Made
from precepts.types import Evidence


def ablation_json(found: Ablation) -> dict[str, Any]:
    """Evidence by seed and over seeds as one document."""
    return {"v": 1, "evidence": found.evidence, "pooled": found.pooled, "absent": found.absent, "path": str(found.path)}


def print_ablation(found: Ablation) -> None:
    """An arm a row, a claim a column; then differences to the untrained arm and to the policy in the prompt."""
    rows = shown(found)
    for baseline in dict.fromkeys(e.baseline for e in rows):
        chosen = [e for e in rows if e.baseline == baseline]
        show(lambda between, chosen=chosen: _arms(chosen, pooled=bool(found.pooled), between=between))
    if found.absent:
        print(f"arms that these runs do not hold: {', '.join(found.absent)}")
    print(f"evidence: {found.path / 'evidence.jsonl'}")


def _arms(chosen: Sequence[Evidence], *, pooled: bool, between: str) -> Table:
    over = "over seeds and cases" if pooled else "one seed: the intervals are silent about seeds"
    less = f", less {chosen[0].baseline}" if chosen[0].baseline else ""
    claims = list(dict.fromkeys(e.claim for e in chosen))
    table = grid(f"95 % intervals, {over}{less}", ["", *(claim.removeprefix("align/") for claim in claims)])
    for arm, seed in dict.fromkeys((e.slice["arm"], e.slice.get("seed")) for e in chosen):
        rows = {e.claim: e for e in chosen if (e.slice["arm"], e.slice.get("seed")) == (arm, seed)}
        name = arm if seed is None else f"{arm} (seed {seed})"
        table.add_row(name, *(number(rows.get(claim), between) for claim in claims))
    return table


def print_table(found: Made) -> None:
    """A number a row."""
    show(lambda between: _table(found, between))
    print(f"rows and evidence: {found.path}")


def _table(found: Made, between: str) -> Table:
    table = grid(f"{found.name}, {len(found.rows)} rows (95 % intervals)", ("", "value", "n"))
    for row in found.evidence:
        of = ", ".join(row.slice.values())
        less = f" − {row.baseline}" if row.baseline else ""
        name = row.claim.partition("/")[2] + (f" ({of})" if of else "") + less
        table.add_row(name, number(row, between), counted(row))
    return table
