"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from precepts.pipelines.align import all_evidence
from precepts.pipelines.measure import Measured
from precepts.runs import Run, to_json
from precepts.types import Evidence

CLAIMS = (
    "refusal_rate",
    "not_overrefuse",
    "not_unsafe",
    "safe_completion",
    "balanced_accuracy",
    "decision_auc",
    "opener_auc",
)
_BY_CATEGORY = ("refusal_rate", "not_overrefuse", "safe_completion")
_FIELDS = ("value", "low", "high", "n", "n_unscored", "estimator")


def metrics_json(evidence: Sequence[Evidence]) -> dict[str, Any]:
    """`{"v": 1, "metrics": …, "paired": …}` of the overall rows of one arm. A claim that was not measured is null."""
    found: dict[str, Any] = dict.fromkeys(CLAIMS)
    paired: dict[str, Any] = {}
    for row in evidence:
        if "category" in row.slice:
            continue
        name = row.claim.removeprefix("align/")
        target = paired.setdefault(row.baseline, {}) if row.baseline else found
        target[name] = {field: getattr(row, field) for field in _FIELDS}
    return {"v": 1, "metrics": found, "paired": paired}


def print_measured(found: Measured, *, as_json: bool) -> None:
    """The metrics of `align eval --cases`; as JSON `paired` holds the differences to the one baseline, by claim."""
    arm = [e for e in found.evidence if e.slice.get("arm") == found.arm]
    if as_json:
        document = metrics_json(arm)
        print(to_json({**document, "paired": next(iter(document["paired"].values()), {})}, indent=1))
        print(f"evidence: {found.path}", file=sys.stderr)
        return
    _print_tables(f"{found.set}, {found.num_cases} cases", found.evidence)
    parts = [e for e in arm if "category" in e.slice and e.claim.removeprefix("align/") in _BY_CATEGORY]
    if parts:
        Console().print(_by_category(f"{found.set}, {found.arm}, by category (95 % intervals)", parts))
    for row in Run(found.path.parent.parent / "corrected").rows("why"):
        if row["set"] == found.set:
            print(f"{row['claim']} of {row['arm']} (card of {row['card']}): {row['why']}")
    print(f"evidence: {found.path}")


def print_run(run: Run, *, as_json: bool) -> None:
    """A run's arms and rates, where the card is, and how to talk to the model."""
    evidence = all_evidence(run)
    card = run.path / "card.html"
    if as_json:
        arms = sorted({(e.slice["set"], e.slice["arm"]) for e in evidence})
        results = {
            f"{s}/{a}": metrics_json([e for e in evidence if (e.slice["set"], e.slice["arm"]) == (s, a)])
            for s, a in arms
        }
        print(
            to_json(
                {"v": 1, "run": str(run.path), "arms": results, "card": str(card) if card.exists() else None}, indent=1
            )
        )
        return
    for name in dict.fromkeys(e.slice["set"] for e in evidence):
        _print_tables(name, [e for e in evidence if e.slice["set"] == name])
    if card.exists():
        print(f"card:  {card}")
    print(f"chat:  precepts chat {run.path}")
    print(f"eval:  precepts align eval {run.path} --cases xstest --baseline precepts/smollm2-135m")


def _print_tables(name: str, evidence: Sequence[Evidence]) -> None:
    """The arms, then their differences: six columns side by side fit no terminal."""
    overall = [e for e in evidence if "category" not in e.slice]
    for title, rows in (
        (f"{name} (95 % intervals)", [e for e in overall if e.baseline is None]),
        (f"{name}, paired differences (95 % intervals)", [e for e in overall if e.baseline is not None]),
    ):
        if rows:
            Console().print(_table(title, rows))


def _table(title: str, overall: Sequence[Evidence]) -> Table:
    arms = list(dict.fromkeys((e.slice["arm"], e.baseline) for e in overall))
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for arm, baseline in arms:
        table.add_column(f"{arm} − {baseline}" if baseline else arm, justify="right")
    for claim in dict.fromkeys(e.claim for e in overall):
        rows = {(e.slice["arm"], e.baseline): e for e in overall if e.claim == claim}
        table.add_row(claim.removeprefix("align/"), *(_cell(rows.get(arm)) for arm in arms))
    return table


def _by_category(title: str, rows: Sequence[Evidence]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    cells = {(e.slice["category"], e.claim): e for e in rows}
    claims = list(dict.fromkeys(e.claim for e in rows))
    for claim in claims:
        table.add_column(claim.removeprefix("align/"), justify="right")
    for category in dict.fromkeys(e.slice["category"] for e in rows):
        table.add_row(category, *(_cell(cells.get((category, claim))) for claim in claims))
    return table


def _cell(row: Evidence | None) -> str:
    if row is None or row.value is None:
        return "–"
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else ""
    sign = "+" if row.baseline else ""
    unscored = f" ({row.n_unscored} unscored)" if row.n_unscored else ""
    return f"{row.value:{sign}.2f}{interval} n={row.n}{unscored}"
