"""`precepts align ablate` and `precepts align table`: the paper's tables on runs and models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precepts.cli.counts import at_least

Limit = Annotated[int | None, typer.Option(callback=at_least(1), help="At most so many test cases: for a quick look.")]


def ablate(
    runs: Annotated[list[Path], typer.Argument(help="Runs of align that differ in their seed alone; three or more for intervals over seeds.")],
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm; may be given again. Default: all that the runs hold.")] = None,
    cases: Annotated[str, typer.Option(help="`test` for the runs' own test cases, else a JSONL file or a public set.")] = "test",
    limit: Limit = None,
    max_tokens: Annotated[int | None, typer.Option(callback=at_least(1), help="Longest completion, in tokens. Default: as measured before.")] = None,
    out: Annotated[Path, typer.Option(help="Where to keep it.")] = Path("runs/ablation"),
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables, for a page.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:  # fmt: skip
    """The paper's arms on the same cases: none, SFT, RL, both, and the policy in the prompt."""
    from precepts.cli.ablation_tables import ablation_json, print_ablation
    from precepts.pipelines.ablate import ablate as run_ablation
    from precepts.runs import to_json

    found = run_ablation(runs, out, cases=cases, arms=arm or (), limit=limit, max_tokens=max_tokens)
    if as_json:
        print(to_json(ablation_json(found), indent=1))
    else:
        print_ablation(found, markdown=markdown)


def table(
    name: Annotated[str, typer.Argument(help="faithfulness, flip, compute, encodings, languages, monitor or style.")],
    target: Annotated[str, typer.Argument(help="A run of align, or any model reference.")],
    model: Annotated[str | None, typer.Option("--model", help="Another model to ask on the run's cases, such as its untrained one.")] = None,
    policy: Annotated[str | None, typer.Option(help="The policy, for a model that is no run.")] = None,
    cases: Annotated[str, typer.Option(help="`test` for the run's own test cases, else a JSONL file or a public set.")] = "test",
    clause: Annotated[list[str] | None, typer.Option(help="Only cases of this clause; may be given again.")] = None,
    limit: Limit = None,
    max_tokens: Annotated[int | None, typer.Option(callback=at_least(1), help="Longest completion, in tokens. Default: as measured before.")] = None,
    translations: Annotated[Path | None, typer.Option(help="For languages: a CSV: id, language, text. Default: the starter pack's.")] = None,
    monitor: Annotated[str | None, typer.Option(help="For monitor: a judge that is shown the reasoning. Default: its verdict is read.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to keep it. Default: in the run, else runs/tables.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table, for a page.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:  # fmt: skip
    """One of the smaller tables: is the reasoning faithful, does a flipped clause flip it, does it hold in a code."""
    from precepts.cli.ablation_tables import print_table
    from precepts.pipelines.tables import table as make
    from precepts.runs import to_json

    found = make(
        name,
        target,
        policy=policy,
        cases=cases,
        model=model,
        clauses=clause or (),
        limit=limit,
        max_tokens=max_tokens,
        out=out,
        translations=translations,
        monitor=monitor,
    )
    if as_json:
        print(to_json({"v": 1, "table": name, "evidence": found.evidence, "path": str(found.path)}, indent=1))
    else:
        print_table(found, markdown=markdown)
