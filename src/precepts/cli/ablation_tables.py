"""What `precepts align ablate` and `precepts align table` print."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from precepts.pipelines.ablate import Ablation, shown
from precepts.pipelines.tables import Table as Made
from precepts.types import Evidence


def ablation_json(found: Ablation) -> dict[str, Any]:
    """Evidence by seed and over seeds as one document."""
    return {"v": 1, "evidence": found.evidence, "pooled": found.pooled, "absent": found.absent, "path": str(found.path)}


def print_ablation(found: Ablation) -> None:
    """An arm a row, a claim a column; then differences to the untrained arm and to the policy in the prompt."""
    rows = shown(found)
    out = Console(highlight=False)
    over = "over seeds and cases" if found.pooled else "one seed: the intervals are silent about seeds"
    for baseline in dict.fromkeys(e.baseline for e in rows):
        chosen = [e for e in rows if e.baseline == baseline]
        less = f", less {baseline}" if baseline else ""
        table = Table(title=f"95 % intervals, {over}{less}", title_justify="left")
        claims = list(dict.fromkeys(e.claim for e in chosen))
        table.add_column("")
        for claim in claims:
            table.add_column(claim.removeprefix("align/"), justify="right")
        for arm in dict.fromkeys((e.slice["arm"], e.slice.get("seed")) for e in chosen):
            cells = [
                next((e for e in chosen if (e.slice["arm"], e.slice.get("seed")) == arm and e.claim == c), None)
                for c in claims
            ]
            name = arm[0] if arm[1] is None else f"{arm[0]} (seed {arm[1]})"
            table.add_row(name, *(_cell(one) for one in cells))
        out.print(table)
    if found.absent:
        print(f"arms that these runs do not hold: {', '.join(found.absent)}")
    print(f"evidence: {found.path / 'evidence.jsonl'}")


def print_table(found: Made) -> None:
    """A number a row."""
    table = Table(title=f"{found.name}, {len(found.rows)} rows (95 % intervals)", title_justify="left")
    for name in ("", "value", "n"):
        table.add_column(name, justify="left" if not name else "right")
    for row in found.evidence:
        of = ", ".join(row.slice.values())
        less = f" − {row.baseline}" if row.baseline else ""
        name = row.claim.partition("/")[2] + (f" ({of})" if of else "") + less
        unscored = f" ({row.n_unscored} unscored)" if row.n_unscored else ""
        table.add_row(name, _cell(row), f"{row.n}{unscored}")
    Console(highlight=False).print(table)
    print(f"rows and evidence: {found.path}")


def _cell(row: Evidence | None) -> str:
    if row is None or row.value is None:
        return "–"
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else ""
    sign = "+" if row.baseline else ""
    return f"{row.value:{sign}.2f}{interval}"
