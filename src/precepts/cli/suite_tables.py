"""What `precepts eval` prints: a table a suite, the differences to the baseline, or one JSON document."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from precepts.cli.numbers import console, counted, counts, grid, number, show
from precepts.evals.claims import OWN_SLICE, UNDER
from precepts.evals.compare import Comparison, compare
from precepts.evals.planning import CORRELATION, Planned
from precepts.evals.run import Result
from precepts.evals.suite import Suite
from precepts.runs import to_json
from precepts.types import Evidence

_FINDINGS = {"non_inferior": "no", "inferior": "yes", "inconclusive": "cannot be told"}
_FIELDS = ("value", "low", "high", "n", "n_unscored", "unit", "estimator", "judge")


def print_results(results: Sequence[Result], *, out: Path, as_json: bool, margin: float | None = None) -> None:
    """The suites in the order they ran."""
    found = compare([row for result in results for row in result.evidence], root=out, margin=margin)
    if as_json:
        print(to_json({"v": 1, "suites": {r.suite.name: _document(r, found) for r in results}}, indent=1))
        print(f"evidence: {out / 'evidence.jsonl'}", file=sys.stderr)
        return
    out_to = console()
    for result in results:
        show(lambda between, result=result: _table(result, between))
        for arm, outcomes in result.outcomes.items():
            lost = {name: count for name, count in outcomes.items() if name != "answered"}
            if lost:
                out_to.print(
                    f"  {arm}: not graded: {', '.join(f'{count} {name}' for name, count in lost.items())}", markup=False
                )
        judges = {e.judge for e in result.evidence if e.judge}
        out_to.print(f"  judged by {', '.join(sorted(judges))}", markup=False)
        if result.suite.not_measured:
            out_to.print(f"  not measured: {', '.join(result.suite.not_measured)}", markup=False)
    if found:
        show(lambda between: _differences(found, between, margin=margin))
    out_to.print(f"evidence: {out / 'evidence.jsonl'}", markup=False)
    out_to.print(f"logs:     inspect view --log-dir {out}", markup=False)


def print_suites(suites: Sequence[Suite], *, as_json: bool) -> None:
    """What suites there are, what each shows and does not."""
    if as_json:
        rows = {s.name: {"version": s.version, "title": s.title, "citation": s.citation, "shows": s.shows, "shows_not": s.shows_not,
                         "roles": dict(s.roles), "not_measured": list(s.not_measured), "claims": [c.name for c in s.claims]}
                for s in suites}  # fmt: skip
        print(to_json({"v": 1, "suites": rows}, indent=1))
        return
    for suite in suites:
        print(
            f"{suite.name} ({suite.title}, version {suite.version})\n  {suite.shows}\n  Not: {suite.shows_not}\n  {suite.citation}\n"
        )


def print_plan(planned: Sequence[Planned], *, as_json: bool, to_stdout: bool) -> None:
    """What a run can show, claim by claim: on stderr before a run, on stdout if it was asked for."""
    if as_json:
        if to_stdout:
            print(to_json({"v": 1, "plan": [row._asdict() for row in planned]}, indent=1))
        return
    title = f"What this run can show: differences seen with 80 % power at rates near 0.5 (paired: correlation {CORRELATION})"
    table = grid(title, ("claim", "cells", "interval ±", "seen unpaired", "seen paired"))
    for row in planned:
        numbers = (f"{x:.2f}" if x < 1 else "none" for x in (row.half_width, row.unpaired, row.paired))
        table.add_row(f"{row.suite}/{row.claim}", str(row.n), *numbers)
    console(stderr=not to_stdout).print(table)


def _name(row: Evidence) -> str:
    part = ", ".join(value for key, value in row.slice.items() if key not in OWN_SLICE)
    return f"  {part}" if part else row.claim.partition("/")[2]


def _table(result: Result, between: str) -> Table:
    rows = [e for e in result.evidence if e.baseline is None]
    arms = list(dict.fromkeys(e.slice["arm"] for e in rows))
    under = next((f", under {e.slice[UNDER]}" for e in rows if UNDER in e.slice), "")
    title = f"{result.suite.name}: {result.suite.title}{under} (95 % intervals; n: graded, of how many)"
    table = grid(title, ["", *arms, "n"])
    cells: dict[tuple[str, str], dict[str, Evidence]] = {}
    for row in rows:
        cells.setdefault((row.claim, _name(row)), {})[row.slice["arm"]] = row
    for (_, name), by_arm in cells.items():
        found = [by_arm.get(arm) for arm in arms]
        table.add_row(name, *(number(row, between) for row in found), counts(found))
    return table


def _differences(found: Sequence[Comparison], between: str, *, margin: float | None) -> Table:
    first = found[0].evidence
    title = (
        f"{first.slice['arm']} − {first.baseline}, paired on the same cells "
        "(95 % intervals; n: pairs, of how many; the last p is corrected by Holm over all rows)"
    )
    worse = [f"worse by more than {margin:g}?"] if margin is not None else []
    table = grid(title, ("", "difference", "n", "p", "p, Holm", *worse))
    for one in found:
        row = one.evidence
        said = [_FINDINGS[one.finding] if one.finding else "–"] if worse else []
        table.add_row(row.claim, number(row, between), counted(row), _p(one.p), _p(one.p_holm), *said)
    return table


def _p(value: float | None) -> str:
    return "–" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _document(result: Result, found: Sequence[Comparison]) -> dict[str, Any]:
    arms: dict[str, Any] = {}
    for row in result.evidence:
        if row.baseline is not None:
            continue
        claims = arms.setdefault(
            row.slice["arm"], {"outcomes": result.outcomes[row.slice["arm"]], "claims": {}, "by": []}
        )
        part = {k: v for k, v in row.slice.items() if k not in OWN_SLICE}
        number = {field: getattr(row, field) for field in _FIELDS}
        if part:
            claims["by"].append({"claim": row.claim.partition("/")[2], **part, **number})
        else:
            claims["claims"][row.claim.partition("/")[2]] = number
    paired = {
        one.evidence.claim.partition("/")[2]: {
            **{f: getattr(one.evidence, f) for f in _FIELDS},
            "p": one.p,
            "p_holm": one.p_holm,
            **({"finding": one.finding} if one.finding else {}),
        }
        for one in found
        if one.evidence.slice["suite"] == result.suite.name
    }
    suite = result.suite
    return {
        "version": suite.version,
        "arms": arms,
        "paired": paired,
        "not_measured": list(suite.not_measured),
        "shows_not": suite.shows_not,
    }
