"""`precepts judge`: measure a judge against labels, and correct rates with what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precepts.cli.counts import at_least
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
    limit: Annotated[int | None, typer.Option(callback=at_least(1), help="At most so many labelled answers.")] = None,
    k: Annotated[int, typer.Option("--k", callback=at_least(1), help="Runs of an LLM judge; the least counts.")] = 1,
    injections: Annotated[
        bool, typer.Option("--injections/--no-injections", help="Try to order the judge about, too.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Where to keep it. Default: runs/judges/JUDGE-LABELS.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measures a judge against labels, and saves the judge card that later rates use."""
    from precepts.cli.judge_tables import print_card
    from precepts.judges.questions import as_question
    from precepts.pipelines.calibrate import calibrate as run
    from precepts.runs import command_line

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


Where = Annotated[
    list[str] | None, typer.Option("--where", help="KEY=VALUE that rows must have, such as asked=refuse; repeat it.")
]


@app.command("rate")
def rate(
    table: Annotated[Path, typer.Argument(help="A JSONL file of scores, or the directory of an evaluated arm.")],
    card: Annotated[
        Path | None, typer.Option(help="A calibration of the same judge: adds the Rogan-Gladen rate.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Labels of a random sample of these rows: adds the prediction-powered rate.")
    ] = None,
    question: Annotated[str | None, typer.Option(help="refused or broke. Default: the card's.")] = None,
    where: Where = None,
    out: Annotated[Path | None, typer.Option(help="Where to keep rows and evidence.")] = None,
    as_json: AsJson = False,
) -> None:
    """A rate as the judge saw it, and corrected for how often the judge is wrong. Exit code 3 if a correction cannot be had."""
    from precepts.cli.judge_tables import print_rates
    from precepts.judges.questions import as_question
    from precepts.pipelines.rate import rate as run

    found = run(
        table,
        card=card,
        labels=labels,
        question=as_question(question) if question else None,
        where=_pairs(where),
        out=out,
    )
    if as_json:
        print(
            to_json(
                {"v": 1, "rates": [{**r.evidence.model_dump(mode="json"), "why": r.why} for r in found.rates]}, indent=1
            )
        )
    else:
        print_rates(found)
    if any(one.evidence.value is None for one in found.rates):
        raise typer.Exit(3)


@app.command("sample")
def sample(
    table: Annotated[Path, typer.Argument(help="The directory of an evaluated arm.")],
    out: Annotated[Path, typer.Argument(help="A new file: .csv, .jsonl, or .json for Label Studio.")],
    n: Annotated[int, typer.Option("-n", callback=at_least(1), help="How many answers to draw.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    where: Where = None,
) -> None:
    """Draws answers at random for a person to label, without the judge's verdict; then give them to `judge rate --labels`."""
    from precepts.pipelines.rate import draw_sample

    drawn = draw_sample(table, out, n=n, seed=seed, where=_pairs(where))
    print(f"{out}: {drawn.num_answers} answers to label")
    if drawn.num_empty:
        print(f"note: {drawn.num_empty} of them are empty, as no answer was written; they are labelled like any other")


def _pairs(where: list[str] | None) -> dict[str, str]:
    out: dict[str, str] = {}
    for one in where or []:
        key, sign, value = one.partition("=")
        if not (key and sign):
            raise InputError(f"--where is KEY=VALUE, such as asked=refuse, not {one!r}.")
        out[key] = value
    return out
