"""`precepts diff`: what changed between two runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precepts.cli.gate import printable

if TYPE_CHECKING:
    from precepts.pipelines.diff import Change

_MOST = 8


def diff(
    run_a: Annotated[Path, typer.Argument(help="The run before.")],
    run_b: Annotated[Path, typer.Argument(help="The run after.")],
    arm: Annotated[str | None, typer.Option(help="The arm compared. Default: sft.")] = None,
    set_name: Annotated[
        str | None, typer.Option("--set", help="The set compared. Default: all that both measured.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compares two runs case by case: which cases flipped, which clauses got worse, with paired tests."""
    from precepts.pipelines.diff import diff as compare
    from precepts.runs import to_json

    found = compare(run_a, run_b, arm=arm, set_name=set_name)

    def plain(change: Change) -> dict[str, object]:
        return {**change._asdict(), "difference": change.difference.model_dump(mode="json")}

    if as_json:
        sets = [
            {**one._asdict(), "overall": plain(one.overall), "clauses": [plain(part) for part in one.clauses]}
            for one in found
        ]
        print(to_json({"v": 1, "sets": sets}, indent=1))
        return
    texts = _texts(run_b)
    for one in found:
        left = f"; {one.num_unshared:,} cases not scored in both" if one.num_unshared else ""
        print(f"{one.arm} on {one.set}: policy kept, {run_b} − {run_a}{left}")
        for change in (one.overall, *(part for part in one.clauses if part.worse or part.better)):
            _print(change, texts.get(change.part, ""))


def _texts(run: Path) -> dict[str, str]:
    """What the clauses of a run's policy say, by id; nothing where the run holds none that can be read."""
    from precepts.errors import PreceptsError
    from precepts.policy import load_policy

    try:
        return {clause.id: clause.text for clause in load_policy(run / "policy.yaml").clauses}
    except PreceptsError:
        return {}


def _print(change: Change, text: str) -> None:
    """One line, what the clause says, and the ids that flipped."""
    number = change.difference
    interval = (
        "" if number.low is None or number.high is None else f" [{100 * number.low:+.1f}, {100 * number.high:+.1f}]"
    )
    value = "–" if number.value is None else f"{100 * number.value:+.1f} points{interval}"
    counts = f"{len(change.worse)} worse, {len(change.better)} better of {number.n}"
    print(f"  {printable(change.part):<12}  {value}  {counts}  p {change.p_adjusted:.3g}")
    if text:
        print(f"      {printable(text[:120])}{'…' if len(text) > 120 else ''}")
    for name, ids in (("worse", change.worse), ("better", change.better)):
        if ids and change.part != "all cases":
            more = f" and {len(ids) - _MOST} more" if len(ids) > _MOST else ""
            print(f"      {name}: {printable(', '.join(ids[:_MOST]))}{more}")
