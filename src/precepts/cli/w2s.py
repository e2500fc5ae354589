"""`precepts w2s`: weak-to-strong generalization."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from precepts.cli import w2s_chess
from precepts.cli.numbers import console, grid, show
from precepts.cli.spread import RayAddress, Workers
from precepts.cli.w2s_cells import cell
from precepts.runs import Run, to_json
from precepts.types import Evidence

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="What a strong model learns from a weaker supervisor's labels, how much is lost, and which method recovers most.",
)  # fmt: skip
app.add_typer(w2s_chess.app, name="chess")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_ROWS = 3000


@app.command("run")
def run(
    tasks: Annotated[list[str], typer.Argument(help="Registered tasks, or CSV or JSONL files of your own.", metavar="TASK…")],
    out: Annotated[Path, typer.Option(help="The run directory.")],
    weak: Annotated[str, typer.Option(help="tfidf, tfidf-chars, people, simulated:KIND@ACCURACY, or a model as below.")] = "tfidf",
    strong: Annotated[str, typer.Option(help="Head on MODEL[@LAYER], static:, encoder:MODEL; lora:, full:MODEL[@LAYER].")] = "precepts/smollm2-135m",
    method: Annotated[list[str] | None, typer.Option(help="Again for more; naive is always run; `all` for all.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 10,
    rows: Annotated[int, typer.Option(min=0, help="At most how many rows of a task; 0 for all.")] = _ROWS,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the student: 8 of a head, 2 of a fine-tuned model, without it.")] = None,
    generative: Annotated[bool, typer.Option("--generative", help="Also students that first read the task's texts without labels.")] = False,
    zero_shot: Annotated[bool, typer.Option(help="Ask the student's model before any training; gains over it stand beside PGR.")] = True,
    prompted: Annotated[bool, typer.Option("--prompted", help="Also few-shot lines, with true and with weak labels.")] = False,
    workers: Workers = None,
    ray: RayAddress = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Weak supervisor, its labels, student, ceiling; PGR with intervals, and a page. Run again, it goes on where it stopped."""
    from precepts.pipelines.w2s import run_w2s
    from precepts.pipelines.w2s_config import W2SConfig
    from precepts.w2s.heads import HeadSettings
    from precepts.w2s.methods import METHODS
    from precepts.w2s.references import tuned_ref
    from precepts.w2s.tasks import load_task
    from precepts.w2s.tuned import Tuning
    from precepts.workers import spread_over

    names = list(dict.fromkeys(method or ["logconf"]))
    if "all" in names:
        binary = all(len(load_task(name).classes) == 2 for name in tasks)
        names = [name for name, m in METHODS.items() if name != "naive" and (binary or not m.binary_only)]
    tuned, given = tuned_ref(strong) is not None, {} if epochs is None else {"epochs": epochs}
    config = W2SConfig(
        tasks=tuple(tasks), weak=weak, strong=strong, methods=tuple(names), seeds=seeds, rows=rows or None,
        heads=HeadSettings(**({} if tuned else given)), tuning=Tuning(**(given if tuned else {})), generative=generative,
        zero_shot=zero_shot, prompted=prompted,
    )  # fmt: skip
    with spread_over(workers, address=ray) as over:
        found = run_w2s(Run(out), config, over=over)
    if as_json:
        print(to_json({"v": 1, "run": str(out), "evidence": found}, indent=1))
        return
    _print_tasks(found, out)
    print(f"evidence: {out / 'evidence.jsonl'}")


@app.command("smoke")
def smoke(
    out: Annotated[Path, typer.Option(help="The run directory.")],
    strong: Annotated[str, typer.Option(help="Another student.")] = "precepts/smollm2-135m",
    as_json: AsJson = False,
) -> None:
    """The whole of `run` on a few hundred rows of two tasks, one with a gap and one without, and how long it took."""
    import time

    from precepts.pipelines.w2s import run_w2s
    from precepts.pipelines.w2s_config import SMOKE

    began = time.perf_counter()
    found = run_w2s(Run(out), SMOKE.model_copy(update={"strong": strong}))
    seconds = time.perf_counter() - began
    if as_json:
        print(to_json({"v": 1, "run": str(out), "seconds": round(seconds, 1), "evidence": found}, indent=1))
        return
    _print_tasks(found, out)
    print(f"took:     {seconds:.0f} s")


@app.command("ladder")
def ladder(
    file: Annotated[
        Path, typer.Argument(help="YAML: `models:` and a list of `name`, `ref` and perhaps `size`, weakest first.")
    ],
    task: Annotated[str, typer.Argument(help="A registered task, or a CSV or JSONL file of your own.")],
    out: Annotated[Path, typer.Option(help="The run directory.")],
    method: Annotated[list[str] | None, typer.Option(help="Again for more; naive is always run.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 10,
    rows: Annotated[int, typer.Option(min=0, help="At most how many rows; 0 for all.")] = _ROWS,
    workers: Workers = None,
    ray: RayAddress = None,
    as_json: AsJson = False,
) -> None:
    """Every supervisor with every student above it, bootstrapping from the first to the last, and what each student is worth."""
    from precepts.pipelines.w2s_config import W2SConfig
    from precepts.pipelines.w2s_ladder import run_ladder
    from precepts.pipelines.w2s_ladder_page import matched_text
    from precepts.workers import spread_over

    methods = tuple(dict.fromkeys(method or ["logconf"]))
    run = Run(out)
    config = W2SConfig(tasks=(task,), methods=methods, seeds=seeds, rows=rows or None)
    with spread_over(workers, address=ray) as over:
        found = run_ladder(run, file, config, over=over)
    read = run.rows("ladder")
    if as_json:
        print(to_json({"v": 1, "run": str(out), "evidence": found, "ladder": read}, indent=1))
        return
    others = {(e.claim, *sorted(e.slice.items())): e for e in found if e.claim in ("w2s/pgr", "w2s/matched_size")}

    def build(between: str) -> Table:
        columns = ("supervisor", "student", "arm", "accuracy", "PGR", "matches on truth, parameters")
        table = grid(f"{task} (95 % intervals over seeds and rows)", columns)
        for e in found:
            if e.claim == "w2s/accuracy" and e.slice["arm"] not in ("naive-early", "guarded"):
                pgr, worth = (
                    others.get((f"w2s/{claim}", *sorted(e.slice.items()))) for claim in ("pgr", "matched_size")
                )
                shown = (cell(e, between), cell(pgr, between), matched_text(worth))
                table.add_row(e.slice["weak"], e.slice["strong"], e.slice["arm"], *shown)
        return table

    show(build)
    print(f"page:     {out / 'ladder.html'}")
    print(f"evidence: {out / 'evidence.jsonl'}")


@app.command("task")
def task(
    name: Annotated[str | None, typer.Argument(help="A registered task, or a CSV or JSONL file of your own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lists the registered tasks; or checks one and says what a run would use of it without --rows."""
    from precepts.data import classification_entry
    from precepts.w2s.splits import pool, split
    from precepts.w2s.tasks import TASKS, load_task

    if name is None:
        listed = [
            {"name": n, "title": t.title, "role": t.role, "licence": (e := classification_entry(t.source)).licence, "citation": e.citation}
            for n, t in TASKS.items()
        ]  # fmt: skip
        if as_json:
            print(to_json({"v": 1, "tasks": listed}, indent=1))
            return
        table = Table("task", "what", "role", "licence", box=SIMPLE_HEAD)
        for row in listed:
            table.add_row(row["name"], row["title"], row["role"], row["licence"])
        console().print(table)
        return
    found = load_task(name)
    examples, test, rest = pool(found, rows=_ROWS)
    parts = split(examples, rest, seed=0, num_classes=len(found.classes))
    counts = Counter(found.classes[e.label] for e in found.examples)
    facts = {
        "name": found.name, "title": found.title, "rows": len(found.examples), "groups": len({e.group for e in found.examples}),
        "classes": dict(counts), "pairwise": found.pairwise, "citation": found.citation, "licence": found.licence,
        "used": {"test": len(test), "supervisor": len(parts.supervisor), "student": len(parts.student), "held out": len(parts.validation)},
        "weak labels by people": sum(e.weak is not None for e in found.examples),
    }  # fmt: skip
    if as_json:
        print(to_json({"v": 1, **facts}, indent=1))
        return
    for key, value in facts.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{key}: {shown}")


@app.command("methods")
def methods() -> None:
    """Lists the methods."""
    from precepts.w2s.methods import METHODS

    for found in METHODS.values():
        print(f"{found.name:<18} {found.title}")


def _print_tasks(found: list[Evidence], out: Path) -> None:
    for name in dict.fromkeys(e.slice["task"] for e in found):
        rows_of = [e for e in found if e.slice["task"] == name]
        show(lambda between, name=name, rows_of=rows_of: _table(name, rows_of, between))
    print(f"page:     {out / 'w2s.html'}")


def _table(name: str, evidence: list[Evidence], between: str) -> Table:
    columns = {
        "accuracy": "accuracy",
        "PGR": "pgr",
        "PGR above naive": "pgr_gain",
        "above zero-shot": "gain_over_zero_shot",
    }
    if not any(e.claim == "w2s/gain_over_zero_shot" for e in evidence):
        del columns["above zero-shot"]
    table = grid(f"{name} (95 % intervals over seeds and rows)", ("", *columns))
    by_arm: dict[str, dict[str, Evidence]] = {}
    for row in evidence:
        if "supervisor" not in row.slice:
            by_arm.setdefault(row.slice["arm"], {})[row.claim.removeprefix("w2s/")] = row
    for arm, rows in by_arm.items():
        table.add_row(arm, *(cell(rows.get(claim), between) for claim in columns.values()))
    return table
