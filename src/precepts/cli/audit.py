"""`precepts audit`: labels, model, monitor, freeze, example, verify."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from precepts.cli.numbers import console, grid, show
from precepts.cli.spread import RayAddress, Workers
from precepts.runs import Run, to_json

if TYPE_CHECKING:
    from precepts.audits.run import Audited

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Audits by group: does the system, or do the people who label, make the trade-off that was decided?",
)  # fmt: skip

Decision = Annotated[Path, typer.Option("--decision", help="The decision record, in YAML; frozen at its first use.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run directory; runs/audit-KIND-NAME if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("labels")
def labels(
    source: Annotated[str, typer.Argument(help="A table of ratings (csv, parquet, jsonl), or `hatecheck`.")],
    decision: Decision, out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Audits those who label: sensitivity d′, criterion c and revealed costs by group, and raters that stand out."""
    _audit("labels", source, decision, out, as_json)


@app.command("model")
def model(
    source: Annotated[str, typer.Argument(help="A table of scores and outcomes, a folder of Parquet files, `compas`, `compas_aequitas` or `adult`.")],
    decision: Decision, out: Out = None,
    labels: Annotated[Path | None, typer.Option("--labels", help="The run of `audit labels` on those who gave the outcomes, to show first.")] = None,
    workers: Workers = None, ray: RayAddress = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Audits a model: calibration, outcome at the threshold and discrimination by group; error rates as description."""
    _audit("model", source, decision, out, as_json, workers=workers, ray=ray, labels=labels)


@app.command("monitor")
def monitor_(
    sources: Annotated[list[str], typer.Argument(help="New tables of scores and outcomes, in their order; each counts once.")],
    decision: Decision, out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Adds batches and says which gaps have become certain, at any look, with the error kept. Exit code 1 if one has."""
    from precepts.audits.monitor import monitor
    from precepts.audits.monitor import table as monitor_table

    done = monitor(sources, decision=decision, out=out or Path("runs") / f"audit-monitor-{decision.stem}")
    if as_json:
        print(to_json(done.document(), indent=1))
    else:
        console().print(
            f"{done.num_looks} looks, {done.num_rows:,} rows; chance of any false alarm, ever: {done.alpha:g}",
            markup=False,
        )
        _table("gaps watched", *monitor_table(done))
    if any(one.certain_since is not None for one in done.watched):
        raise typer.Exit(1)


@app.command("freeze")
def freeze_(decision: Annotated[Path, typer.Argument(help="The decision record, in YAML.")]) -> None:
    """Checks a decision record and freezes it: from then on it may not change."""
    from precepts.audits import freeze, load_decision

    found = freeze(load_decision(decision), decision)
    print(f"{'frozen' if found.fresh else 'already frozen'} {found.at} sha256 {found.sha256}")


@app.command("example")
def example(
    name: Annotated[
        str, typer.Argument(help="`hatecheck` (labels), `adult`, `compas` or `compas_aequitas` (models).")
    ] = "hatecheck",
) -> None:
    """Prints a decision record to begin from."""
    from precepts.audits import example_record

    print(example_record(name), end="")


@app.command("verify")
def verify_(run: Annotated[Path, typer.Argument(help="The run directory of an audit.")]) -> None:
    """Computes every number of an audit again from its cells. Exit code 1 if one differs."""
    from precepts.stats import tables_for, verify
    from precepts.types import Evidence

    rows = [Evidence.model_validate(row) for row in Run(run).rows("evidence")]
    differing, tables = 0, tables_for(rows, root=run)
    for row in rows:
        for what in verify(row, root=run, tables=tables):
            differing += 1
            print(f"{row.claim} {row.slice}: {what}")
    print(f"{run}: {len(rows)} numbers, {differing} differences")
    if differing or not rows:
        raise typer.Exit(1)


def _audit(
    kind: str, source: str, decision: Path, out: Path | None, as_json: bool, *, workers: int | None = None, ray: str | None = None,
    labels: Path | None = None,
) -> None:  # fmt: skip
    from precepts.audits.run import run_audit
    from precepts.workers import spread_over

    out = out or Path("runs") / f"audit-{kind}-{Path(source).stem}"
    with spread_over(workers, address=ray) as over:
        done = run_audit(kind, source, decision=decision, out=out, over=over, labels=labels)
    if as_json:
        print(to_json(done.report.document(), indent=1))
        print(f"evidence: {done.run.table('evidence')}", file=sys.stderr)
    else:
        _print(done)
    verdicts = done.report.counts()
    if verdicts["outside margin"]:
        raise typer.Exit(1)
    if verdicts["not enough data"]:
        raise typer.Exit(3)


def _print(done: Audited) -> None:
    from precepts.audits import report_tables as text

    report = done.report
    out = console()
    out.print(f"{report.decision.question}", markup=False)
    out.print(
        f"decided by {report.decision.decided.by}, {report.decision.decided.on}; frozen {report.frozen.at} "
        f"({report.frozen.sha256[:12]}{', just now' if report.frozen.fresh else ''})",
        markup=False,
    )
    for note in report.notes:
        out.print(f"· {note}", markup=False)
    few = {"labels": ("hit rate", "correct rejections", "d′", "criterion c", text.TITLES["log_cost_ratio"]),
           "model": ("outcome rate", "over-prediction", text.TITLES["threshold_outcome"], "AUC", "selection rate")}  # fmt: skip
    for grouping, part in dict.fromkeys((row.slice["grouping"], text.part_of(row)) for row in report.levels):
        header, rows = text.level_table(report.levels, grouping, part)
        keep = [0, *(header.index(name) for name in few[report.kind] if name in header)]
        keep = keep if len(keep) > 1 else list(range(min(6, len(header))))
        _table(
            f"by {grouping}{f', {part}' if part else ''}",
            [header[k] for k in keep],
            [[row[k] for k in keep] for row in rows],
        )
    if report.raters:
        _table("raters to look at", *text.rater_table(report.raters[:10]))
    found = [one for one in report.findings if one.verdict == "outside margin"]
    if found:
        _table("outside margin", *_short(text.finding_table(found)))
    counts = Counter(one.verdict for one in report.findings)
    out.print("verdicts: " + (", ".join(f"{n} {name}" for name, n in counts.items()) or "no margin was decided"))
    out.print(f"page:     {done.run.path / 'audit.html'}", markup=False)
    out.print(f"verify:   precepts audit verify {done.run.path}", markup=False)


def _short(table: tuple[list[str], list[list[str]]]) -> tuple[list[str], list[list[str]]]:
    """The columns of a findings table that fit a terminal."""
    keep = (1, 2, 3, 4, 5, 7)
    return [table[0][k] for k in keep], [[row[k] for k in keep] for row in table[1]]


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.text import Text

    def build(between: str) -> Table:
        table = grid(title, header)
        for row in rows:
            table.add_row(*(Text(cell.replace(" [", f"{between}[")) for cell in row))
        return table

    show(build)
