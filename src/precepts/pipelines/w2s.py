"""`precepts w2s run`: weak supervisor, its labels, students, ceiling, PGR with intervals, and a page."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from precepts.data.entry import suggestion
from precepts.errors import InputError, PreceptsError
from precepts.pipelines.w2s_config import GENERATIVE, W2SConfig
from precepts.pipelines.w2s_evidence import Scores, curves
from precepts.pipelines.w2s_guard import guard_rows
from precepts.pipelines.w2s_models import after_reading, check_model, features_of, labeller_of, local_path
from precepts.runs import PLAN, Row, Run, command_line
from precepts.types import Evidence
from precepts.w2s.examples import Task
from precepts.w2s.experiment import CEILING, Outcome, score_rows, students, supervise
from precepts.w2s.methods import methods_named
from precepts.w2s.prompted import ZERO_SHOT, prompted
from precepts.w2s.references import backbone_ref, tuned_ref
from precepts.w2s.simulate import simulated_ref
from precepts.w2s.speaker import Speaker
from precepts.w2s.splits import pool, split
from precepts.w2s.supervisors import BUILT_IN, Supervisor
from precepts.w2s.tasks import load_task
from precepts.w2s.tuned_experiment import BEFORE, PROBE, tuned_students
from precepts.workers import Spread, here


def run_w2s(run: Run, config: W2SConfig, *, over: Spread = here) -> list[Evidence]:
    """Runs every task that is not finished, then the evidence over all; killed anywhere, the same call goes on.

    `over` says who trains: a task is a job, and what is written is written here.

    Everything that can be wrong with the tasks, the methods and the models is found before anything is written.

    Raises:
        PreceptsError: If a task, method or model is not usable.
    """
    tasks = [load_task(name) for name in config.tasks]
    if len({task.name for task in tasks}) < len(tasks):
        raise InputError("Two tasks have one name. Give each once, and files other names.")
    for task in tasks:
        check(task, config)
    with run.locked():
        run.begin(
            {"command": "w2s run", "config": config.model_dump(mode="json"), "tasks": {t.name: t.digest for t in tasks}}
        )
        evidence: list[Evidence] = []
        left = [(run.stage(task.name), task) for task in tasks if not run.stage(task.name).finished]
        made = over(lambda job: _tables_or_why_not(*job, config), left)
        failed: dict[str, str] = {}
        for task in tasks:
            stage = run.stage(task.name)
            if not stage.finished:
                with plan_taken_back(run):
                    tables = next(made)
                if isinstance(tables, str):
                    failed[task.name] = tables
                    continue
                write_tables(stage, task, tables)
            if not stage.table("evidence").exists():
                stage.write("evidence", measure(run, stage, {"task": task.name}, config))
            evidence += [Evidence.model_validate(row) for row in stage.rows("evidence")]
        done = [task for task in tasks if task.name not in failed]
        if done:
            run.write("evidence", evidence)
            run.write("guard", guard_rows(run, [t.name for t in done], evidence, watched=config.watched))
            from precepts.pipelines.w2s_page import write_page

            write_page(run, done, config, evidence)
        if failed:
            _tell(run, failed, num_done=len(done))
        run.finish(command=command_line())
    return evidence


def _tables_or_why_not(stage: Run, task: Task, config: W2SConfig) -> TaskTables | str:
    """What a task gives, or what only training could tell is wrong with it: the other tasks go on."""
    try:
        return task_tables(stage, task, config)
    except InputError as error:
        return str(error)


def _tell(run: Run, failed: Mapping[str, str], *, num_done: int) -> None:
    said = "\n".join(f"{name}: {why}" for name, why in failed.items())
    if not num_done:
        with plan_taken_back(run):
            raise InputError(said)
    raise InputError(
        f"{said}\nOf the tasks {num_done} gave results; their evidence and page are in {run.path}. To be done with what is there, give those "
        f"alone and another --out: what is kept in the cache is not made again."
    )


@contextmanager
def plan_taken_back(run: Run) -> Generator[None]:
    """Takes the plan back if a mistake of the user's comes up before anything else was written: what mends it can use the same directory."""
    try:
        yield
    except PreceptsError:
        if [path.name for path in run.path.iterdir() if path.name[0] != "."] == [PLAN]:
            (run.path / PLAN).unlink()
        raise


def check(task: Task, config: W2SConfig) -> None:
    """Finds what is wrong with a task's rows, its splits, its methods or the models before anything is written.

    Raises:
        PreceptsError: The first thing that is wrong.
    """
    num_classes = len(task.classes)
    methods_named(list(config.methods), num_classes=num_classes)
    examples, test, rest = pool(task, rows=config.rows)
    splits = [split(examples, rest, seed=seed, num_classes=num_classes) for seed in range(config.seeds)]
    if config.strong in BUILT_IN or simulated_ref(config.strong) is not None:
        known = "MODEL[@LAYER], encoder:MODEL, static:MODEL, lora:MODEL or full:MODEL"
        raise InputError(f"{config.strong} cannot be a student; give {known}.")
    for ref in (config.weak, config.strong):
        if ref not in BUILT_IN and simulated_ref(ref) is None:
            if ref == config.weak and not Path(ref).exists() and (near := suggestion(ref, BUILT_IN)):
                raise InputError(f"{ref!r} is no supervisor{near}")
            check_model(ref)
    if not config.speaks and (config.generative or config.prompted):
        raise InputError(
            f"{config.strong} writes no text: --generative and --prompted need a causal language model as student."
        )
    simulated = simulated_ref(config.weak)
    if simulated is not None and simulated.kind == "imitable" and tuned_ref(config.strong) is not None:
        raise InputError(
            f"{config.weak} errs as a head on the student's frozen features would, and {config.strong} has none. "
            f"Give a student as MODEL[@LAYER], or simulated:independent or simulated:long."
        )
    if config.weak == "people":
        supervise(Supervisor("people"), examples, splits, test, num_classes=num_classes, features_ND=None)


class TaskTables(NamedTuple):
    """What one task gives: the rows of its tables by name, and how many rows each part of it has."""

    tables: dict[str, list[Row]]
    sizes: dict[str, int | list[int]]


def task_tables(stage: Run, task: Task, config: W2SConfig) -> TaskTables:
    """Weak labels, students and scores of one task; in `stage` nothing is written."""
    num_classes = len(task.classes)
    examples, test, rest = pool(task, rows=config.rows)
    splits = [split(examples, rest, seed=seed, num_classes=num_classes) for seed in range(config.seeds)]
    labeller = labeller_of(config, examples, num_classes)
    probed = labeller is None and config.weak not in BUILT_IN
    labelled = supervise(
        Supervisor(config.weak), examples, splits, test, num_classes=num_classes,
        features_ND=features_of(config.weak, examples) if probed else None, labeller=labeller,
    )  # fmt: skip
    methods = methods_named(list(config.methods), num_classes=num_classes)

    def trained(strong: str) -> Outcome:
        if (tuned := tuned_ref(strong)) is not None:
            return tuned_students(
                local_path(tuned.model), tuned, methods, config.watched, examples, splits, labelled, test,
                num_classes=num_classes, settings=config.tuning,
            )  # fmt: skip
        return students(
            methods, config.watched, examples, splits, labelled, test, features_of(strong, examples),
            num_classes=num_classes, settings=config.heads,
        )  # fmt: skip

    outcome = trained(config.strong)
    if config.generative:
        read = after_reading(stage, config, [text for i in rest for text in examples[i].texts])
        again = trained(read).test
        outcome.test.update({f"{GENERATIVE}-{name}": again[name] for name in (*(m.name for m in methods), CEILING)})
    if config.asks:
        tuned = tuned_ref(config.strong)
        model = Speaker(local_path(tuned.model if tuned else backbone_ref(config.strong).model))
        outcome.test.update(prompted(model, task, examples, splits, labelled, test, shots=config.prompted))
    weak_labels: list[Row] = [
        {
            "seed": seed,
            "key": examples[i].key,
            "label": examples[i].label,
            "weak": [round(float(p), 6) for p in probs],
        }
        for seed, (part, found) in enumerate(zip(splits, labelled, strict=True))
        for i, probs in zip(part.student, found.student, strict=True)
    ]
    verdicts: list[Row] = [{"method": name, **said._asdict()} for name, said in outcome.verdicts.items()]
    tables = {
        "weak_labels": weak_labels, "curves": outcome.curves, "verdict": verdicts,
        "scores": score_rows(outcome.test, labelled, examples, test),
    }  # fmt: skip
    sizes = {name: [len(getattr(part, name)) for part in splits] for name in splits[0]._fields}
    return TaskTables(tables, {"test": len(test), **sizes})


def write_tables(stage: Run, task: Task, made: TaskTables) -> None:
    """The stage of one task, from its beginning to its end."""
    if stage.path.exists():
        shutil.rmtree(stage.path)  # half of an earlier try
    stage.begin({"task": task.name, "digest": task.digest, "citation": task.citation, "licence": task.licence})
    for name, rows in made.tables.items():
        stage.write(name, rows)
    stage.finish(rows=made.sizes)


def measure(run: Run, stage: Run, slice_: dict[str, str], config: W2SConfig) -> list[Evidence]:
    """Every number of one stage, each from its scores alone; `slice_` says what the stage is of."""
    scores = Scores(run, stage, slice_=slice_, model=config.strong)
    gap = {"score_b": "weak", "score_c": "ceiling", "margin": config.margin}
    scores.add("accuracy", "crossed_mean@1", {"arm": "supervisor"}, {"score": "weak"})
    scores.add("accuracy", "crossed_mean@1", {"arm": "ceiling"}, {"score": "ceiling"})
    scores.add("gap", "crossed_difference@1", {"arm": "ceiling"}, {"score": "ceiling", "score_b": "weak"})
    if config.generative:
        after = {"score": f"correct.{GENERATIVE}-{CEILING}"}
        arm = {"arm": f"{GENERATIVE}-{CEILING}"}
        scores.add("accuracy", "crossed_mean@1", arm, after)
        scores.add("saliency", "crossed_difference@1", arm, {**after, "score_b": "ceiling"}, baseline=CEILING)
    if config.asks:
        zero = {"score": "ceiling", "score_b": f"correct.{ZERO_SHOT}"}
        scores.add("gain_over_zero_shot", "crossed_difference@1", {"arm": "ceiling"}, zero, baseline=ZERO_SHOT)
    for arm in (name for name in scores.rows[0]["correct"] if name.startswith(f"{PROBE}-")):
        after = {"score": f"correct.{arm}"}
        scores.add("accuracy", "crossed_mean@1", {"arm": arm}, after)
        if arm != BEFORE:
            scores.add(
                "saliency",
                "crossed_difference@1",
                {"arm": arm},
                {**after, "score_b": f"correct.{BEFORE}"},
                baseline=BEFORE,
            )
    binary = max(row["label"] for row in scores.rows) == 1
    for arm in ("supervisor", "ceiling") if binary else ():
        scores.add("auroc", "crossed_auroc@1", {"arm": arm}, {"score": f"prob.{arm}", "label": "label"})
    for arm in config.arms:
        score, naive = {"score": f"correct.{arm}"}, "correct.naive"
        scores.add("accuracy", "crossed_mean@1", {"arm": arm}, score)
        scores.add("pgr", "crossed_pgr@1", {"arm": arm}, {**score, **gap})
        if binary:
            ranks = {"score": f"prob.{arm}", "label": "label"}
            scores.add("auroc", "crossed_auroc@1", {"arm": arm}, ranks)
            sides = {"score_b": "prob.supervisor", "score_c": "prob.ceiling", "margin": config.margin}
            scores.add("auroc_pgr", "crossed_auroc_pgr@1", {"arm": arm}, {**ranks, **sides})
        if arm != "naive":
            scores.add(
                "pgr_gain", "crossed_pgr_gain@1", {"arm": arm}, {**score, **gap, "score_d": naive}, baseline="naive"
            )
            scores.add("gain_over_naive", "crossed_difference@1", {"arm": arm}, {**score, "score_b": naive})
        if config.asks and arm != ZERO_SHOT:
            scores.add(
                "gain_over_zero_shot", "crossed_difference@1", {"arm": arm}, {**score, "score_b": f"correct.{ZERO_SHOT}"},
                baseline=ZERO_SHOT,
            )  # fmt: skip
        for right, name in ((1, "right"), (0, "wrong")):
            scores.add(
                "agreement", "crossed_mean@1", {"arm": arm, "supervisor": name}, {"score": f"agrees.{arm}"},
                where={"weak": right}, better="neither",
            )  # fmt: skip
    return [*scores.found, *curves(run, stage, slice_=slice_, model=config.strong)]
