"""What `precepts align ablate` and `precepts align table` print."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

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
        less = f", less {baseline}" if baseline else ""
        claims = list(dict.fromkeys(e.claim for e in chosen))
        width = len(claims) if markdown else _COLUMNS
        for shown_claims in (claims[n : n + width] for n in range(0, len(claims), width)):
            lines: list[list[str]] = []
            for arm in dict.fromkeys((e.slice["arm"], e.slice.get("seed")) for e in chosen):
                cells = [
                    next((e for e in chosen if (e.slice["arm"], e.slice.get("seed")) == arm and e.claim == c), None)
                    for c in shown_claims
                ]
                name = arm[0] if arm[1] is None else f"{arm[0]} (seed {arm[1]})"
                lines.append([name, *(_cell(one) for one in cells)])
            names = [claim.removeprefix("align/") for claim in shown_claims]
            _grid(f"95 % intervals, {over}{less}", names, lines, markdown=markdown)
    if found.absent:
        print(f"arms that these runs do not hold: {', '.join(found.absent)}")
    print(f"evidence: {found.path / 'evidence.jsonl'}")


def print_table(found: Made, *, markdown: bool = False) -> None:
    """A number a row."""
    lines: list[list[str]] = []
    for row in found.evidence:
        of = ", ".join(row.slice.values())
        less = f" − {row.baseline}" if row.baseline else ""
        name = row.claim.partition("/")[2] + (f" ({of})" if of else "") + less
        unscored = f" ({row.n_unscored} unscored)" if row.n_unscored else ""
        lines.append([name, _cell(row), f"{row.n}{unscored}"])
    _grid(f"{found.name}, {len(found.rows)} rows (95 % intervals)", ["value", "n"], lines, markdown=markdown)
    print(f"rows and evidence: {found.path}")


def _grid(title: str, names: list[str], lines: list[list[str]], *, markdown: bool) -> None:
    if markdown:
        print(f"**{title}**\n")
        print("| | " + " | ".join(names) + " |")
        print("|---" * (len(names) + 1) + "|")
        for line in lines:
            print("| " + " | ".join(line) + " |")
        print()
        return
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(*line)
    Console(highlight=False).print(table)


def _cell(row: Evidence | None) -> str:
    if row is None or row.value is None:
        return "–"
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else ""
    sign = "+" if row.baseline else ""
    return f"{row.value:{sign}.2f}{interval}"
