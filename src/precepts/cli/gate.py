"""`precepts gate` and `precepts risk`: verdicts on evidence, as a line each and an exit code."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precepts.errors import InputError

if TYPE_CHECKING:
    from precepts.cards.decide import Scorecard
    from precepts.cards.decide.risk import Action

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The risk policy: show one, check it, score evidence by it."
)

Runs = Annotated[list[Path], typer.Argument(help="Run directories.")]
Risk = Annotated[str, typer.Option("--risk", help="A risk policy: a YAML file, or the name of one that ships.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Today = Annotated[str | None, typer.Option(help="The day on which expiry is read, as 2026-11-21. Default: today.")]


def gate(
    runs: Annotated[list[Path] | None, typer.Argument(help="Run directories.")] = None,
    gates: Annotated[Path | None, typer.Option("--gates", help="The gates: a YAML file.")] = None,
    today: Today = None,
    example: Annotated[bool, typer.Option("--example", help="Print gates to begin from, and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Holds evidence against gates. Exit code 0: all passed; 1: one failed; 3: evidence is insufficient."""
    from precepts.cards.decide import check_gates, exit_code, load_gates
    from precepts.cards.decide.files import example_gates
    from precepts.cards.sources import checker, pooled, read_sources
    from precepts.pipelines.card import judges_of
    from precepts.runs import to_json

    if example:
        print(example_gates().read_text("utf-8"), end="")
        return
    if gates is None or not runs:
        raise InputError("Give run directories and --gates FILE. For gates to begin from: precepts gate --example")
    loaded, sources = load_gates(gates), read_sources(runs)
    rows = pooled(sources)
    results = check_gates(loaded, rows, judges=judges_of(rows), today=day(today), check=checker(sources))
    code = exit_code(results)
    if as_json:
        verdicts = [asdict(result) for result in results]
        print(
            to_json(
                {"v": 1, "gates": loaded.id, "version": loaded.version, "exit": code, "results": verdicts}, indent=1
            )
        )
    else:
        width = max(len(result.gate) for result in results)
        for result in results:
            print(f"{result.verdict:<12}  {result.gate:<{width}}  {printable(result.line)}")
    raise typer.Exit(code)


@app.command("show")
def show(name: Annotated[str | None, typer.Argument(help="A shipped risk policy. Default: list them.")] = None) -> None:
    """Prints a risk policy that ships, to begin from."""
    from precepts.cards.decide import load_risk, shipped_risk, shipped_risks

    if name is None:
        for one in shipped_risks():
            print(f"{one:<16}  {load_risk(one).title}")
        return
    print(shipped_risk(name).read_text("utf-8"), end="")


@app.command("check")
def check(risk: Annotated[str, typer.Argument(help="A YAML file, or the name of one that ships.")]) -> None:
    """Reads a risk policy and says what is wrong with it, with file and line."""
    from precepts.cards.decide import load_risk

    policy = load_risk(risk)
    indicators = [indicator for category in policy.categories for indicator in category.indicators]
    unset = sum(not indicator.thresholds for indicator in indicators)
    print(
        f"{risk}: {len(policy.categories)} categories, {len(indicators)} indicators"
        + (f", {unset} without thresholds: these are insufficient until somebody sets them" if unset else "")
    )


@app.command("assess")
def assess_(
    runs: Runs,
    risk: Risk = "preparedness-1",
    action: Annotated[str, typer.Option(help="What the exit code is about: deploy, develop or security.")] = "deploy",
    as_json: AsJson = False,
) -> None:
    """Scores evidence by a risk policy. Exit code 0: the action is open; 1: forbidden; 3: evidence is insufficient."""
    from precepts.cards.decide import assess, load_risk
    from precepts.cards.decide.gating import EXIT_CODES
    from precepts.cards.sources import checker, pooled, read_sources
    from precepts.runs import to_json

    policy, sources = load_risk(risk), read_sources(runs)
    card = assess(policy, pooled(sources), check=checker(sources))
    asked = card.action(_action(action))
    if asked is None:
        raise InputError(
            f"{risk} has no rule that speaks of {action}. Its rules: {', '.join(r.forbids for r in policy.rules)}."
        )
    if as_json:
        print(to_json({"v": 1, "exit": EXIT_CODES[asked.verdict], **asdict(card)}, indent=1))
    else:
        _print(card)
    raise typer.Exit(EXIT_CODES[asked.verdict])


@app.command("due")
def due_(
    runs: Runs,
    since: Annotated[Path, typer.Option(help="The card that was made before.")],
    risk: Risk = "preparedness-1",
    compute: Annotated[
        float | None, typer.Option(help="Training compute now, in the unit given at `card build`.")
    ] = None,
    today: Today = None,
) -> None:
    """Says why measurements have to be made again since a card. Exit code 1 if they have to, else 0."""
    from precepts.cards.decide import due, load_risk
    from precepts.pipelines.card import situation_of, situation_of_card

    policy = load_risk(risk)
    before = situation_of_card(since)
    said = due(policy.rerun, before, situation_of(runs, policy, compute=compute, today=day(today)))
    print("\n".join(printable(line) for line in said) or "Nothing changed that asks for new measurements.")
    raise typer.Exit(1 if said else 0)


def day(text: str | None) -> datetime.date:
    """The day given, or today in UTC."""
    if text is None:
        return datetime.datetime.now(datetime.UTC).date()
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--today is a day, as 2026-11-21; got {text!r}.") from None


def printable(text: str) -> str:
    """A line as a terminal may show it: names come from files."""
    from precepts.cards.text import visible

    return visible(text).replace("\n", "␊").replace("\u00a0", " ")


def _action(name: str) -> Action:
    from precepts.cards.decide.risk import ACTIONS

    found: Action | None = next((one for one in ACTIONS if one == name), None)
    if found is None:
        raise InputError(f"--action is one of {', '.join(ACTIONS)}; got {name!r}.")
    return found


def _print(card: Scorecard) -> None:
    print(f"{card.policy} {card.version}")
    for score in card.categories:
        watched = "" if score.tracked else " (watched, forbids nothing)"
        print(f"{printable(score.title)}{watched}: pre {score.text('pre')}; post {score.text('post')}")
        for reading in score.readings:
            print(f"  {reading.state:<4}  {reading.indicator}: {printable(reading.line)}")
    print(f"overall: pre {card.overall['pre']}; post {card.overall['post']}")
    for one in card.actions:
        print(f"{one.verdict:<12}  {one.action}: {printable(one.line)}")
