"""`precepts align`: a policy, or a run directory, in; a trained model and a card out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from precepts.errors import InputError, MissingError

DEFAULT_OUT = Path("runs/align")


class _PolicyOrVerb(TyperGroup):
    """`align TARGET` is `align run TARGET`: a first word that is no verb is the target."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_PolicyOrVerb, no_args_is_help=True, rich_markup_mode=None,
    help="Policy in, model and card out: data, sft, eval, card. `precepts align POLICY` runs them all; run again, it goes on where it stopped.",
)  # fmt: skip

Target = Annotated[str, typer.Argument(help="A policy in YAML, `starter`, or the directory of a run begun before.")]
Cases = Annotated[str, typer.Option(help="Cases: a JSONL file, `starter`, or the name of a public set.")]
ModelRef = Annotated[
    str, typer.Option("--model", help="The model to train: precepts/smollm2-135m, hf/ORG/NAME, or a directory.")
]
Teacher = Annotated[
    str | None, typer.Option(help="Who writes the answers: any model reference. Default: the model itself.")
]
JudgeRef = Annotated[
    str | None, typer.Option("--judge", help="A model that reads the policy and filters. Default: the shipped probe.")
]
Mode = Annotated[
    str, typer.Option(help="guided: reasoning from the clause, answer by the teacher. written: both by the teacher.")
]
Out = Annotated[Path, typer.Option(help="The run's directory.")]
Seed = Annotated[int, typer.Option(help="Seed of sampling and training.")]
Limit = Annotated[
    int | None, typer.Option(help="At most so many training cases, answers and test cases: for a quick look.")
]
Steps = Annotated[int | None, typer.Option("--max-steps", help="At most so many training steps.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="An earlier run, or the policy before: make and train anew only what the change of the policy touches. "
        "A run also gives cases, model and settings that are not given here.",
    ),
]
Tune = Annotated[str, typer.Option("--tune", help="What is trained: top (layers), full, or lora.")]


def _begin(target: str, **options: Any) -> Any:
    """The run that TARGET names: one begun before, or a new one from a policy."""
    from precepts.pipelines.config import AlignConfig, SFTOptions, begin
    from precepts.runs import PLAN, Run, command_line

    if (Path(target) / PLAN).exists():
        return Run(target)
    options |= options.pop("earlier") or {}
    out = options.pop("out")
    limit, steps, tune = options.pop("limit"), options.pop("max_steps"), options.pop("tune")
    if options["mode"] not in ("guided", "written"):
        raise InputError(f"--mode is guided or written, not {options['mode']!r}.")
    if tune not in ("top", "full", "lora"):
        raise InputError(f"--tune is top, full or lora, not {tune!r}.")
    if limit is not None and limit < 1:
        raise InputError(f"--limit is at least 1, not {limit}.")
    most = {name: AlignConfig.model_fields[name].default for name in ("num_answers", "eval_limit")}
    smaller = {"limit": limit, **{name: min(limit, value) for name, value in most.items()}} if limit else {}
    config = AlignConfig(policy=target, sft=SFTOptions(mode=tune, max_steps=steps), **options, **smaller)
    return begin(out, config, command=command_line())


def _since(ctx: typer.Context) -> dict[str, Any]:
    """What `--since` adds: itself and, where it is a run, that run's choices for everything that was not given."""
    from precepts.pipelines.config import config_of
    from precepts.runs import PLAN, Run

    since = ctx.params["since"]
    if since is None:
        return {}
    if not Path(since).exists():
        raise MissingError(f"--since {since}: there is no such run directory or policy file.")
    if not (Path(since) / PLAN).exists():
        return {"since": since}
    old = config_of(Run(since))
    values: dict[str, Any] = {
        "cases": str(Path(since) / "cases.jsonl"), "model": old.model, "teacher": old.teacher, "judge": old.judge, "mode": old.mode,
        "seed": old.seed, "limit": old.limit, "tune": old.sft.mode,
    }  # fmt: skip
    given = {name for name in values if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"}
    return {"since": since, **{name: value for name, value in values.items() if name not in given}}


def _stages(
    stages: tuple[str, ...], target: str, cases: str, model: str, teacher: str | None, judge: str | None, mode: str, out: Path, seed: int,
    limit: int | None, max_steps: int | None, tune: str, earlier: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    from precepts.pipelines.align import align

    run = _begin(
        target,
        cases=cases,
        model=model,
        teacher=teacher,
        judge=judge,
        mode=mode,
        out=out,
        seed=seed,
        limit=limit,
        max_steps=max_steps,
        tune=tune,
        earlier=earlier,
    )
    align(run, stages=stages)
    return run


@app.command("run", hidden=True)
def run_all(
    ctx: typer.Context,
    target: Target, cases: Cases = "starter", model: ModelRef = "precepts/smollm2-135m", teacher: Teacher = None, judge: JudgeRef = None,
    mode: Mode = "guided", out: Out = DEFAULT_OUT, seed: Seed = 0, limit: Limit = None, max_steps: Steps = None, tune: Tune = "top",
    since: Since = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:  # fmt: skip
    """All stages: data, sft, eval, card."""
    run = _stages(
        ("data", "sft", "eval", "card"),
        target,
        cases,
        model,
        teacher,
        judge,
        mode,
        out,
        seed,
        limit,
        max_steps,
        tune,
        _since(ctx),
    )
    from precepts.cli.tables import print_run

    print_run(run, as_json=as_json)


@app.command("data")
def data(
    ctx: typer.Context,
    target: Target, cases: Cases = "starter", model: ModelRef = "precepts/smollm2-135m", teacher: Teacher = None, judge: JudgeRef = None,
    mode: Mode = "guided", out: Out = DEFAULT_OUT, seed: Seed = 0, limit: Limit = None, max_steps: Steps = None, tune: Tune = "top",
    since: Since = None,
) -> None:  # fmt: skip
    """Stage 1: a teacher that reads the policy writes completions, a judge filters them."""
    run = _stages(("data",), target, cases, model, teacher, judge, mode, out, seed, limit, max_steps, tune, _since(ctx))
    _print_facts(run, "data", "counts")


@app.command("sft")
def sft(
    ctx: typer.Context,
    target: Target, cases: Cases = "starter", model: ModelRef = "precepts/smollm2-135m", teacher: Teacher = None, judge: JudgeRef = None,
    mode: Mode = "guided", out: Out = DEFAULT_OUT, seed: Seed = 0, limit: Limit = None, max_steps: Steps = None, tune: Tune = "top",
    since: Since = None,
) -> None:  # fmt: skip
    """Stage 2: fine-tune on the bare prompts, then calibrate the verdict's threshold on dev."""
    run = _stages(
        ("data", "sft"), target, cases, model, teacher, judge, mode, out, seed, limit, max_steps, tune, _since(ctx)
    )
    _print_facts(run, "sft", "calibration")


@app.command("eval")
def evaluate(
    target: Annotated[str, typer.Argument(help="A run, or any model reference.")],
    cases: Annotated[
        str | None, typer.Option(help="A JSONL file or the name of a public set. Default: the run's own test cases.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="A model reference to compare with, paired: adds differences.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="The policy, for cases that name clauses. Default: the run's.")
    ] = None,
    limit: Limit = None,
    seed: Seed = 0,
    max_tokens: Annotated[int, typer.Option(help="Longest completion, in tokens.")] = 128,
    judge_card: Annotated[
        list[Path] | None,
        typer.Option(help="A calibration of the judge, to correct rates with; those in runs/judges are used too."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to keep completions and scores. Default: in the run, else runs/eval.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Stage 3 on a run's own test cases; with --cases, any cases on any model."""
    from precepts.cli.tables import print_measured, print_run
    from precepts.pipelines.align import align
    from precepts.pipelines.measure import measure
    from precepts.runs import PLAN, Run

    if cases is None:
        if not (Path(target) / PLAN).exists():
            raise InputError(
                f"{target} is not a run directory, so it has no test cases of its own. Give --cases FILE or the name of a public set."
            )
        run = Run(target)
        align(run, stages=("data", "sft", "eval"))
        print_run(run, as_json=as_json)
        return
    found = measure(
        target,
        cases,
        baseline=baseline,
        policy=policy,
        limit=limit,
        seed=seed,
        max_tokens=max_tokens,
        out=out,
        cards=judge_card or (),
    )
    print_measured(found, as_json=as_json)


@app.command("card")
def card(target: Annotated[str, typer.Argument(help="A run directory.")]) -> None:
    """Stage 4: the card, from every set measured in the run."""
    from precepts.cli.tables import print_run
    from precepts.pipelines.align import align
    from precepts.runs import Run

    run = Run(target)
    align(run, stages=("card",))
    print_run(run, as_json=False)


@app.command("ablate")
def ablate(
    runs: Annotated[list[Path], typer.Argument(help="Runs of align that differ in their seed alone; three or more for intervals over seeds.")],
    arm: Annotated[list[str] | None, typer.Option(help="Only this arm; may be given again. Default: all that the runs hold.")] = None,
    cases: Annotated[str, typer.Option(help="`test` for the runs' own test cases, else a JSONL file or a public set.")] = "test",
    limit: Limit = None,
    max_tokens: Annotated[int, typer.Option(help="Longest completion, in tokens.")] = 128,
    out: Annotated[Path, typer.Option(help="Where to keep it.")] = Path("runs/ablation"),
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
        print_ablation(found)


@app.command("table")
def table(
    name: Annotated[str, typer.Argument(help="faithfulness, flip, compute, encodings or style.")],
    target: Annotated[str, typer.Argument(help="A run of align, or any model reference.")],
    model: Annotated[str | None, typer.Option("--model", help="Another model to ask on the run's cases, such as its untrained one.")] = None,
    policy: Annotated[str | None, typer.Option(help="The policy, for a model that is no run.")] = None,
    cases: Annotated[str, typer.Option(help="`test` for the run's own test cases, else a JSONL file or a public set.")] = "test",
    clause: Annotated[list[str] | None, typer.Option(help="Only cases of this clause; may be given again.")] = None,
    limit: Limit = None,
    max_tokens: Annotated[int, typer.Option(help="Longest completion, in tokens.")] = 112,
    out: Annotated[Path | None, typer.Option(help="Where to keep it. Default: in the run, else runs/tables.")] = None,
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
    )
    if as_json:
        print(to_json({"v": 1, "table": name, "evidence": found.evidence, "path": str(found.path)}, indent=1))
    else:
        print_table(found)


def _print_facts(run: Any, stage: str, key: str) -> None:
    facts = json.loads((run.path / stage / "run.json").read_text("utf-8"))[key]
    print(json.dumps(facts, indent=1, ensure_ascii=False))
