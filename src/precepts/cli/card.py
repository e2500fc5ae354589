"""`precepts card`: build, verify, export, sign-off, open."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from precepts.cli.gate import day, printable
from precepts.errors import InputError, MissingError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The system card: build it from runs, verify it, sign it off."
)

CardDir = Annotated[Path, typer.Argument(help="A card's directory: the --out of `card build`.")]
DECISIONS = ("release", "hold", "reverse")


@app.command("build")
def build(
    runs: Annotated[list[Path], typer.Argument(help="Run directories.")],
    out: Annotated[Path, typer.Option(help="A new directory for the card and its evidence.")] = Path("card"),
    gates: Annotated[Path | None, typer.Option("--gates", help="The gates: a YAML file.")] = None,
    risk: Annotated[
        str | None, typer.Option("--risk", help="A risk policy: a YAML file, or the name of one that ships.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="The policy measured against. Default: the runs' own.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The heading. Default: the policy's title and the runs.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Put tables with text into the bundle; else digests stand for them.")
    ] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show in the examples also what would be withheld.")] = False,
    examples: Annotated[
        int, typer.Option(min=0, max=20, help="How many examples to show; 0 where no prompt may be published.")
    ] = 20,
    pdf: Annotated[
        bool, typer.Option("--pdf/--no-pdf", help="Print the card to PDF, if Chromium is installed.")
    ] = True,
    key: Annotated[Path | None, typer.Option("--key", help="A private key in PEM that signs the bundle.")] = None,
    compute: Annotated[float | None, typer.Option(help="Training compute, in a unit that later cards use too.")] = None,
    today: Annotated[str | None, typer.Option(help="The day of the verdicts, as 2026-11-21. Default: today.")] = None,
) -> None:
    """Builds a card and the evidence that it can be verified from. Exit code 0, whatever the verdict: that is `precepts gate`'s."""
    from precepts.cards.decision import SAID
    from precepts.pipelines.card import build as build_card

    built = build_card(
        runs, out, gates=gates, risk=risk, policy=policy, title=title, publish=publish, reveal=reveal, examples=examples, pdf=pdf, key=key,
        compute=compute, today=day(today),
    )  # fmt: skip
    decision = built.card.decision
    if decision is not None and decision.gates is not None:
        for one in decision.results:
            print(f"{SAID[one.verdict]:<12}  {one.gate}: {printable(one.line)}")
        print(printable(decision.sentence))
    print(f"{len(built.card.evidence):,} numbers from {len(runs)} run{'s' * (len(runs) > 1)}")
    if built.withheld:
        rows = sum(one.rows for one in built.withheld)
        print(
            f"withheld: {len(built.withheld)} tables, {rows:,} rows; {built.secret} opens them: keep it, and keep it to yourself"
        )
    print(f"card:    {built.path / 'card.html'}")
    print(f"verify:  precepts card verify {built.path}")


@app.command("verify")
def verify(
    card: CardDir,
    key: Annotated[
        Path | None, typer.Option("--key", help="The public key in PEM that the signature must hold under.")
    ] = None,
    opening: Annotated[
        list[Path] | None, typer.Option("--opening", help="A withheld row that was opened: the output of `card open`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Checks every file, makes every number again and renders every page again. Exit code 1 if anything differs."""
    from precepts.cards.bundle import Opening
    from precepts.pipelines.verify import verify as verify_card
    from precepts.runs import to_json

    openings: list[Opening] = []
    for path in opening or []:
        try:
            openings.append(Opening.model_validate_json(path.read_bytes()))
        except OSError:
            raise MissingError(f"{path}: there is no such file. Make one with: precepts card open") from None
        except ValueError:
            raise InputError.at(path, None, "not an opening; make one with: precepts card open") from None
    report = verify_card(card, key=key, openings=openings)
    if as_json:
        print(
            to_json(
                {
                    "v": 1,
                    "agrees": not report.findings,
                    **report._asdict(),
                    "findings": [f._asdict() for f in report.findings],
                },
                indent=1,
            )
        )
        raise typer.Exit(1 if report.findings else 0)
    for finding in report.findings:
        print(f"{printable(finding.path)}: {printable(finding.what)}")
    for note in report.notes:
        print(f"note: {note}")
    for entry in report.entries:
        who = (
            f" by {entry.name} ({entry.role}): {entry.decision}. {entry.reason}" if entry.event == "signed_off" else ""
        )
        print(f"log: {entry.on} {entry.event.replace('_', ' ')}{printable(who)}")
    if report.findings:
        print(f"{card} does not agree: {len(report.findings)} findings")
        raise typer.Exit(1)
    opened = f", {len(openings)} withheld rows proven" if openings else ""
    print(
        f"{card} agrees: {report.num_files} files, {report.num_numbers:,} numbers made again, 3 pages rendered again{opened}"
    )


@app.command("sign-off")
def sign_off(
    card: CardDir,
    role: Annotated[str, typer.Option(help="The role, as the risk policy names it.")],
    name: Annotated[str, typer.Option(help="Who signs.")],
    decision: Annotated[str, typer.Option(help="release, hold or reverse.")],
    reason: Annotated[str, typer.Option(help="Why; dissent too.")],
) -> None:
    """Adds a role's decision to the card's log. Entries are only ever added."""
    from precepts.cards.bundle import STATEMENT, append, check_files
    from precepts.cards.decide import load_risk
    from precepts.runs import file_digest

    if wrong := check_files(card):
        raise InputError(f"{wrong[0].path}: {wrong[0].what}. A card that was changed is not signed off.")
    if decision not in DECISIONS:
        raise InputError(f"--decision is one of {', '.join(DECISIONS)}; got {decision!r}.")
    if not name.strip() or not reason.strip():
        raise InputError("A sign-off has a name and a reason. Give --name and --reason.")
    if (card / "risk.yaml").exists():
        roles = load_risk(card / "risk.yaml").roles
        known = {roles.recommends, roles.decides, roles.may_reverse}
        if role not in known:
            raise InputError(f"The risk policy has no role {role!r}. Its roles: {'; '.join(sorted(known))}.")
        if decision == "reverse" and role != roles.may_reverse:
            raise InputError(f"Under the risk policy only {roles.may_reverse} may reverse a decision.")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    files = {STATEMENT: file_digest(card / STATEMENT)}
    append(card, event="signed_off", on=now, files=files, role=role, name=name, decision=decision, reason=reason)
    print(f"{printable(name)} ({printable(role)}): {decision}, added to {card / 'log.jsonl'}")


@app.command("export")
def export_(
    card: CardDir,
    to: Annotated[str, typer.Option("--to", help="hub, every-eval-ever or safety-case.")] = "hub",
    out: Annotated[Path, typer.Option(help="The directory to write to.")] = Path("export"),
    organization: Annotated[str | None, typer.Option(help="Who evaluated; every-eval-ever asks for it.")] = None,
    relationship: Annotated[
        str, typer.Option(help="Of the evaluator to the model: first_party, third_party, collaborative or other.")
    ] = "other",
) -> None:
    """Writes the card in a form that others read: a hub's model card, every-eval-ever records, a safety case in LTAC."""
    from precepts.pipelines.export import export

    for path in export(card, out, form=to, organization=organization, relationship=relationship):
        print(path)


@app.command("open")
def open_(
    run: Annotated[Path, typer.Argument(help="The run that the table is of.")],
    secret: Annotated[Path, typer.Option(help="The secret that `card build` left beside the card.")],
    table: Annotated[str, typer.Option(help="The table's path in the bundle: runs/NAME/….jsonl.")],
    row: Annotated[int, typer.Option(help="Which row, from 0.")],
) -> None:
    """Prints a withheld row with the proof that it is the one withheld; `card verify --opening` checks it."""
    from precepts.cards.bundle.merkle import open_row
    from precepts.cards.bundle.withheld import lines_of
    from precepts.runs import to_json

    parts = Path(table).parts
    path = run.joinpath(*parts[2:])
    if len(parts) < 3 or parts[0] != "runs" or not path.is_file():
        raise MissingError(
            f"{table} is no table of {run}. Its name stands in the card's bundle.json, as runs/NAME/….jsonl"
        )
    rows = list(lines_of(path))
    if not 0 <= row < len(rows):
        raise InputError(f"{table} has the rows 0 to {len(rows) - 1}; got {row}.")
    try:
        key = bytes.fromhex(secret.read_text("utf-8").strip())
    except (OSError, ValueError):
        raise InputError.at(secret, None, "not a secret that `card build` wrote") from None
    print(to_json(open_row(rows, row, table=table, secret=key), indent=1))
