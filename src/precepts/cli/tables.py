"""What commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from precepts.cli.numbers import counted, counts, grid, number, show
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
        title = f"{found.set}, {found.arm}, by category (95 % intervals)"
        show(lambda between: _by_category(title, parts, between))
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
    rates, differences = ([e for e in overall if (e.baseline is None) == plain] for plain in (True, False))
    if rates:
        show(lambda between: _table(f"{name} (95 % intervals)", rates, between))
    if differences:
        show(lambda between: _differences(f"{name}, paired differences (95 % intervals)", differences, between))


def _table(title: str, overall: Sequence[Evidence], between: str) -> Table:
    arms = list(dict.fromkeys(e.slice["arm"] for e in overall))
    table = grid(title, ["", *arms, "n"])
    for claim in dict.fromkeys(e.claim for e in overall):
        by_arm = {e.slice["arm"]: e for e in overall if e.claim == claim}
        rows = [by_arm.get(arm) for arm in arms]
        table.add_row(claim.removeprefix("align/"), *(number(row, between) for row in rows), counts(rows))
    return table


def _differences(title: str, rows: Sequence[Evidence], between: str) -> Table:
    table, before = grid(title, ("", "", "difference", "n")), None
    table.columns[1].justify = "left"
    for row in rows:
        which = f"{row.slice['arm']} − {row.baseline}"
        claim = row.claim.removeprefix("align/")
        table.add_row("" if which == before else which, claim, number(row, between), counted(row))
        before = which
    return table


def _by_category(title: str, rows: Sequence[Evidence], between: str) -> Table:
    cells = {(e.slice["category"], e.claim): e for e in rows}
    claims = list(dict.fromkeys(e.claim for e in rows))
    table = grid(title, ["", *(column for claim in claims for column in (claim.removeprefix("align/"), "n"))])
    for category in dict.fromkeys(e.slice["category"] for e in rows):
        found = [cells.get((category, claim)) for claim in claims]
        table.add_row(category, *(text for row in found for text in (number(row, between), counted(row))))
    return table
