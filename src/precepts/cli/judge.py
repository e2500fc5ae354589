"""`precepts judge`: measure a judge against labels, and correct rates with what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precepts.errors import InputError
from precepts.runs import to_json

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Judges: how often they are right, whether text can order them about, and rates corrected for their errors.",
)  # fmt: skip

Ref = Annotated[str, typer.Argument(metavar="JUDGE", help="rules, checked, probe, forward:MODEL, llm:MODEL, …")]
PolicyOpt = Annotated[str | None, typer.Option("--policy", help="The policy that the judge reads: YAML, or `starter`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("calibrate")
def calibrate(
    judge: Ref,
    labels: Annotated[
        str,
        typer.Option(help="pyrit_refusal, rbr_gold, spam_policy, …, `demo`; or a CSV, JSONL or Label Studio file."),
    ],
    policy: PolicyOpt = None,
    question: Annotated[
        str | None, typer.Option(help="What a file's labels say of an answer: refused, or broke (the policy).")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the rows of this split.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many labelled answers.")] = None,
    k: Annotated[int, typer.Option("--k", help="Runs of an LLM judge; the least counts.")] = 1,
    injections: Annotated[
        bool, typer.Option("--injections/--no-injections", help="Try to order the judge about, too.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Where to keep it. Default: runs/judges/JUDGE-LABELS.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measures a judge against labels, and saves the judge card that later rates use."""
    from precepts.cli.judge_tables import print_card
    from precepts.judges.questions import as_question
    from precepts.pipelines.calibrate import calibrate as run
    from precepts.runs import command_line

    if limit is not None and limit < 1:
        raise InputError(f"--limit is at least 1, not {limit}.")
    if k < 1:
        raise InputError(f"--k is at least 1, not {k}.")
    found = run(
        judge, labels, policy=policy, question=as_question(question) if question else None, inject=injections, split=split,
        limit=limit, k=k, out=out, command=command_line(),
    )  # fmt: skip
    if as_json:
        print(to_json(found.card, indent=1))
    else:
        print_card(found.card, found.path)


@app.command("show")
def show(
    card: Annotated[Path, typer.Argument(help="The directory of a calibration.")], as_json: AsJson = False
) -> None:
    """Shows a judge card."""
    from precepts.cli.judge_tables import print_card
    from precepts.judges.card import load_card

    found, _ = load_card(card)
    if as_json:
        print(to_json(found, indent=1))
    else:
        print_card(found, card)
