"""`precepts align`: a policy, or a run directory, in; a trained model and a card out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from precepts.cli.align_since import Since, since_of
from precepts.cli.align_tables import ablate, table
from precepts.cli.counts import at_least
from precepts.cli.spread import RayAddress, Workers
from precepts.errors import InputError

DEFAULT_OUT = Path("runs/align")


class _PolicyOrVerb(TyperGroup):
    """`align TARGET` is `align run TARGET`: a first word that is no verb is the target."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_PolicyOrVerb, no_args_is_help=True, rich_markup_mode=None,
    help="Policy in, model and card out: data, sft, eval, card. `precepts align POLICY` runs them all; run again, it goes on where it stopped. "
    "Its options: precepts align run --help.",
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
    str | None,
    typer.Option(
        "--judge",
        help="Who filters: a model that reads the policy, or clauses:MODEL, 'panel:min(A; B)', …: docs/judges.md. Default: the shipped probe.",
    ),
]
Mode = Annotated[
    str, typer.Option(help="guided: reasoning from the clause, answer by the teacher. written: both by the teacher.")
]
Out = Annotated[Path, typer.Option(help="The run's directory.")]
Seed = Annotated[int, typer.Option(help="Seed of sampling and training.")]
Limit = Annotated[
    int | None,
    typer.Option(
        callback=at_least(1), help="At most so many training cases, answers and test cases: for a quick look."
    ),
]
Steps = Annotated[int | None, typer.Option("--max-steps", callback=at_least(1), help="At most so many training steps.")]
Tune = Annotated[str, typer.Option("--tune", help="What is trained: top (layers), full, or lora.")]
Epochs = Annotated[int, typer.Option(callback=at_least(1), help="Passes over the training examples.")]

_CHOICES = (
    "cases", "model", "teacher", "judge", "mode", "out", "seed", "limit", "max_steps", "tune", "epochs"
)  # fmt: skip
"""What is chosen of a new run; the parameters of `run`, `data` and `sft` alike."""


def _begin(target: str, ctx: typer.Context) -> Any:
    """The run that TARGET names: one begun before, or a new one from a policy, as the command chose."""
    from precepts.pipelines.config import AlignConfig, SFTOptions, begin, split_counts
    from precepts.runs import PLAN, Run, command_line

    if (Path(target) / PLAN).exists():
        return Run(target)
    options = {name: ctx.params[name] for name in _CHOICES} | since_of(ctx)
    out, limit = Path(options.pop("out")), options.pop("limit")
    tune, steps, epochs = options.pop("tune"), options.pop("max_steps"), options.pop("epochs")
    if options["mode"] not in ("guided", "written"):
        raise InputError(f"--mode is guided or written, not {options['mode']!r}.")
    if tune not in ("top", "full", "lora"):
        raise InputError(f"--tune is top, full or lora, not {tune!r}.")
    most = {name: AlignConfig.model_fields[name].default for name in ("num_answers", "eval_limit")}
    smaller = {"limit": limit, **{name: min(limit, value) for name, value in most.items()}} if limit else {}
    config = AlignConfig(policy=target, sft=SFTOptions(mode=tune, epochs=epochs, max_steps=steps), **options, **smaller)
    run = begin(out, config, command=command_line())
    print(split_counts(run), file=sys.stderr)
    return run


def _stages(stages: tuple[str, ...], target: str, ctx: typer.Context, rl: Any = None) -> Any:
    from precepts.pipelines.align import align
    from precepts.workers import spread_over

    run = _begin(target, ctx)
    with spread_over(ctx.params.get("workers"), address=ctx.params.get("ray")) as over:
        align(run, stages=stages, rl=rl, over=over)
    return run


@app.command("run", hidden=True)
def run_all(
    ctx: typer.Context,
    target: Target, cases: Cases = "starter", model: ModelRef = "precepts/smollm2-135m", teacher: Teacher = None, judge: JudgeRef = None,
    mode: Mode = "guided", out: Out = DEFAULT_OUT, seed: Seed = 0, limit: Limit = None, max_steps: Steps = None, tune: Tune = "top",
    epochs: Epochs = 1,
    rl: Annotated[bool, typer.Option("--rl", help="Reinforce after fine-tuning: see `precepts align rl`.")] = False,
    since: Since = None, workers: Workers = None, ray: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:  # fmt: skip
    """All stages: data, sft, eval, card; with --rl also rl, after sft."""
    from precepts.cli.tables import print_run
    from precepts.pipelines.align import STAGES, WITH_RL

    run = _stages(WITH_RL if rl else STAGES, target, ctx)
    print_run(run, as_json=as_json)


@app.command("data")
def data(
    ctx: typer.Context,
    target: Target, cases: Cases = "starter", model: ModelRef = "precepts/smollm2-135m", teacher: Teacher = None, judge: JudgeRef = None,
    mode: Mode = "guided", out: Out = DEFAULT_OUT, seed: Seed = 0, limit: Limit = None, max_steps: Steps = None, tune: Tune = "top",
    epochs: Epochs = 1, since: Since = None, workers: Workers = None, ray: RayAddress = None,
) -> None:  # fmt: skip
    """Stage 1: a teacher that reads the policy writes completions, a judge filters them."""
    _print_facts(_stages(("data",), target, ctx), "data", "counts")


@app.command("sft")
def sft(
    ctx: typer.Context,
    target: Target, cases: Cases = "starter", model: ModelRef = "precepts/smollm2-135m", teacher: Teacher = None, judge: JudgeRef = None,
    mode: Mode = "guided", out: Out = DEFAULT_OUT, seed: Seed = 0, limit: Limit = None, max_steps: Steps = None, tune: Tune = "top",
    epochs: Epochs = 1, since: Since = None,
) -> None:  # fmt: skip
    """Stage 2: fine-tune on the bare prompts, then calibrate the verdict's threshold on dev."""
    _print_facts(_stages(("data", "sft"), target, ctx), "sft", "calibration")


@app.command("rl")
def rl(
    target: Annotated[str, typer.Argument(help="A run whose model is fine-tuned.")],
    start: Annotated[
        str,
        typer.Option(
            help="sft: go on from the fine-tuned model. base: from the untrained one, as an arm to compare with."
        ),
    ] = "sft",
    prompts: Annotated[
        int,
        typer.Option(
            callback=at_least(2), help="So many training prompts, those on which the start model is most uncertain."
        ),
    ] = 64,
    samples: Annotated[
        int, typer.Option(callback=at_least(2), help="Answers sampled to each prompt, compared with each other.")
    ] = 8,
    answer_only: Annotated[
        bool, typer.Option("--answer-only", help="Update the answer's tokens alone, never those of the reasoning.")
    ] = False,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            help="Who rewards: a model that reads the policy and the answer, or safe:MODEL, clauses:MODEL, … Default: the shipped probe.",
        ),
    ] = None,
) -> None:
    """Optional, after stage 2: reinforce against the policy, by a reward that reads the answer alone."""
    from precepts.pipelines.align import align
    from precepts.pipelines.rl import ARM, STAGE, RLOptions
    from precepts.runs import Run

    if start not in ("sft", "base"):
        raise InputError(f"--start is sft or base, not {start!r}.")
    run = Run(target)
    options = RLOptions(
        start="base" if start == "base" else "sft",
        num_prompts=prompts,
        num_samples=samples,
        answer_only=answer_only,
        judge=judge,
    )
    align(run, stages=("rl",), rl=options)
    stage = STAGE[options.start]
    for key in ("reward_judge", "num_rollouts", "num_unscored", *(["calibration"] if start == "sft" else [])):
        _print_facts(run, stage, key, named=True)
    print(f"curve: {run.path / stage / 'curve.jsonl'}")
    print(f"chat:  precepts chat {run.path / stage}")
    print(f"next:  precepts align eval {run.path}   (measures the arm {ARM[options.start]} beside the others)")


@app.command("distill")
def distill(
    target: Annotated[str, typer.Argument(help="A run of align.")],
    prompts: Annotated[
        int, typer.Option(callback=at_least(1), help="So many training prompts, each answered once and compared.")
    ] = 256,
) -> None:
    """Optional: the untrained model learns to do without the policy what it does with it in its prompt."""
    from precepts.pipelines.align import align
    from precepts.pipelines.distill import ARM, STAGE, DistillOptions
    from precepts.runs import Run

    run = Run(target)
    align(run, stages=("distill",), distill=DistillOptions(num_prompts=prompts))
    print(f"curve: {run.path / STAGE / 'curve.jsonl'}")
    print(f"chat:  precepts chat {run.path / STAGE}")
    print(f"next:  precepts align eval {run.path}   (measures the arm {ARM} beside the others)")


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
    max_tokens: Annotated[int, typer.Option(callback=at_least(1), help="Longest completion, in tokens.")] = 128,
    judge_card: Annotated[
        list[Path] | None,
        typer.Option(help="A calibration of the judge, to correct rates with; those in runs/judges are used too."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to keep completions and scores. Default: in the run, else runs/eval.")
    ] = None,
    workers: Workers = None,
    ray: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Stage 3 on a run's own test cases; with --cases, any cases on any model."""
    from precepts.cli.tables import print_measured, print_run
    from precepts.pipelines.align import align
    from precepts.pipelines.measure import measure
    from precepts.runs import PLAN, Run
    from precepts.workers import spread_over

    if cases is None:
        if not (Path(target) / PLAN).exists():
            raise InputError(
                f"{target} is not a run directory, so it has no test cases of its own. Give --cases FILE or the name of a public set."
            )
        run = Run(target)
        with spread_over(workers, address=ray) as over:
            align(run, stages=("data", "sft", "eval"), over=over)
        print_run(run, as_json=as_json)
        return
    with spread_over(workers, address=ray) as over:
        found = measure(
            target, cases, baseline=baseline, policy=policy, limit=limit, seed=seed, max_tokens=max_tokens, out=out,
            cards=judge_card or (), over=over,
        )  # fmt: skip
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


app.command("ablate")(ablate)
app.command("table")(table)


def _print_facts(run: Any, stage: str, key: str, *, named: bool = False) -> None:
    facts = json.loads((run.path / stage / "run.json").read_text("utf-8"))[key]
    print(
        f"{key}: {json.dumps(facts, ensure_ascii=False)}" if named else json.dumps(facts, indent=1, ensure_ascii=False)
    )
