"""`precepts w2s run`: weak supervisor, its labels, students, ceiling, PGR with intervals, and a page."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import Field

from precepts.errors import InputError
from precepts.models import Engine, model_path
from precepts.pipelines.w2s_evidence import Scores, curves
from precepts.progress import progress
from precepts.runs import Row, Run, command_line
from precepts.stats import FloatArray
from precepts.types import Evidence, Frozen
from precepts.w2s.examples import Example, Task
from precepts.w2s.experiment import CEILING, EARLY, GUARDED, Labeller, Outcome, pooled, score_rows, students, supervise
from precepts.w2s.features import FeatureSource, FeatureStore, default_layer
from precepts.w2s.guard import TOLERANCE, rank_correlation
from precepts.w2s.heads import HeadSettings
from precepts.w2s.methods import methods_named
from precepts.w2s.prompted import FEW_SHOT, FEW_SHOT_WEAK, ZERO_SHOT, prompted
from precepts.w2s.simulate import simulated_labels, simulated_ref
from precepts.w2s.splits import pool, split
from precepts.w2s.supervisors import BUILT_IN, Supervisor
from precepts.w2s.tasks import load_task
from precepts.w2s.tuned import Tuning, tune_on_texts, tuned_ref
from precepts.w2s.tuned_experiment import tuned_labeller, tuned_students
from precepts.workers import Spread, here

GENERATIVE = "generative"
"""Arms that begin so are of a student that first read the task's texts without labels."""


class W2SConfig(Frozen):
    """What one run compares."""

    tasks: tuple[str, ...]
    weak: str = "tfidf"
    strong: str = "precepts/smollm2-135m"
    methods: tuple[str, ...] = ("logconf",)
    seeds: int = Field(default=10, ge=1)
    rows: int | None = 3000
    margin: float = Field(default=0.02, gt=0)
    heads: HeadSettings = HeadSettings()
    tuning: Tuning = Tuning()
    generative: bool = False
    prompted: bool = False

    @property
    def arms(self) -> list[str]:
        """The students, in the order in which they are shown."""
        named = ["naive", *(name for name in self.methods if name != "naive")]
        read = [f"{GENERATIVE}-{name}" for name in named if self.generative]
        asked = [ZERO_SHOT, FEW_SHOT, FEW_SHOT_WEAK] if self.prompted else []
        return [*named, EARLY, GUARDED, *read, *asked]


def run_w2s(run: Run, config: W2SConfig, *, over: Spread = here) -> list[Evidence]:
    """Runs every task that is not finished, then the evidence over all; killed anywhere, the same call goes on.

    `over` says who trains: a task is a job, and what is written is written here.

    Everything that can be wrong with the tasks, the methods and the models is found before anything is written.

    Raises:
        PreceptsError: If a task, method or model is not usable.
    """
    simulated_ref(config.weak)
    tasks = [load_task(name) for name in config.tasks]
    if len({task.name for task in tasks}) < len(tasks):
        raise InputError("Two tasks have one name. Give each once, and files other names.")
    for task in tasks:
        methods_named(list(config.methods), num_classes=len(task.classes))
        pool(task, rows=config.rows)
    with run.locked():
        run.begin(
            {"command": "w2s run", "config": config.model_dump(mode="json"), "tasks": {t.name: t.digest for t in tasks}}
        )
        evidence: list[Evidence] = []
        left = [(run.stage(task.name), task) for task in tasks if not run.stage(task.name).finished]
        made = over(lambda job: task_tables(*job, config), left)
        for task in tasks:
            stage = run.stage(task.name)
            if not stage.finished:
                write_tables(stage, task, next(made))
            if not stage.table("evidence").exists():
                stage.write("evidence", measure(run, stage, {"task": task.name}, config))
            evidence += [Evidence.model_validate(row) for row in stage.rows("evidence")]
        run.write("evidence", evidence)
        run.write("guard", guard_rows(run, [t.name for t in tasks], evidence))
        from precepts.pipelines.w2s_page import write_page

        write_page(run, tasks, config, evidence)
        run.finish(command=command_line())
    return evidence


class TaskTables(NamedTuple):
    """What one task gives: the rows of its tables by name, and how many rows each part of it has."""

    tables: dict[str, list[Row]]
    sizes: dict[str, int | list[int]]


def task_tables(stage: Run, task: Task, config: W2SConfig) -> TaskTables:
    """Weak labels, students and scores of one task; in `stage` nothing is written."""
    num_classes = len(task.classes)
    examples, test, rest = pool(task, rows=config.rows)
    splits = [split(examples, rest, seed=seed, num_classes=num_classes) for seed in range(config.seeds)]
    labeller = _labeller(config, examples, num_classes)
    probed = labeller is None and config.weak not in BUILT_IN
    labelled = supervise(
        Supervisor(config.weak), examples, splits, test, num_classes=num_classes,
        features_ND=features_of(config.weak, examples) if probed else None, labeller=labeller,
    )  # fmt: skip
    methods = methods_named(list(config.methods), num_classes=num_classes)

    def trained(strong: str) -> Outcome:
        if (tuned := tuned_ref(strong)) is not None:
            return tuned_students(
                _local(tuned.model), tuned.kind, methods, _guarded(config), examples, splits, labelled, test,
                num_classes=num_classes, settings=config.tuning,
            )  # fmt: skip
        return students(
            methods, _guarded(config), examples, splits, labelled, test, features_of(strong, examples),
            num_classes=num_classes, settings=config.heads,
        )  # fmt: skip

    outcome = trained(config.strong)
    if config.generative:
        read = _after_reading(stage, config, [text for i in rest for text in examples[i].texts])
        again = trained(read).test
        outcome.test.update({f"{GENERATIVE}-{name}": again[name] for name in (*(m.name for m in methods), CEILING)})
    if config.prompted:
        tuned = tuned_ref(config.strong)
        model = Engine(_local(tuned.model if tuned else _parts(config.strong)[0]))
        outcome.test.update(prompted(model, task, examples, splits, labelled, test))
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
    tables = {
        "weak_labels": weak_labels, "curves": outcome.curves, "verdict": [outcome.verdict._asdict()],
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
        if config.prompted and arm != ZERO_SHOT:
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


def guard_rows(run: Run, tasks: Sequence[str], evidence: Sequence[Evidence]) -> list[Row]:
    """What the guard predicted of each task and what came, then over all tasks the rank correlation and the regret."""
    out: list[Row] = []
    config = run.plan["config"]
    guarded = _guarded(W2SConfig.model_validate(config))
    for task in tasks:
        said = run.stage(task).rows("verdict")[0]
        accuracy = {
            e.slice["arm"]: e.value or 0.0 for e in evidence if e.claim == "w2s/accuracy" and e.slice["task"] == task
        }
        out.append(
            {
                "task": task, "method": guarded, "score": said["score"],
                "z": said["z"], "used": said["use_method"],
                "gain": accuracy[guarded] - accuracy["naive"], "guarded_gain": accuracy[GUARDED] - accuracy["naive"],
                "regret": max(accuracy[guarded], accuracy["naive"]) - accuracy[GUARDED],
            }
        )  # fmt: skip
    overall: Row = {
        "task": None, "method": guarded, "tolerance": TOLERANCE,
        "rank_correlation": rank_correlation([r["score"] for r in out], [r["gain"] for r in out]),
        "mean_regret": float(np.mean([r["regret"] for r in out])),
    }  # fmt: skip
    return [*out, overall]


def _guarded(config: W2SConfig) -> str:
    """The method that the guard watches: logconf if it is run, else the first that is not naive training."""
    return next((name for name in ("logconf", *config.methods) if name in config.methods and name != "naive"), "naive")


def _labeller(config: W2SConfig, examples: Sequence[Example], num_classes: int) -> Labeller | None:
    """A supervisor that is fine-tuned or simulated, if the reference names one."""
    if (simulated := simulated_ref(config.weak)) is not None:
        imitates = simulated.kind == "imitable" and tuned_ref(config.strong) is None
        features = features_of(config.strong, examples) if imitates else None
        labels = np.array([example.label for example in examples])
        lengths = np.array([sum(len(text) for text in example.texts) for example in examples], dtype=float)

        def label(train: Sequence[int], wanted: Sequence[int], seed: int) -> FloatArray:
            rows = list(wanted)
            return simulated_labels(
                labels[rows], accuracy=simulated.accuracy, kind=simulated.kind, num_classes=num_classes, seed=seed,
                features_ND=None if features is None else features[rows], lengths_N=lengths[rows],
            )  # fmt: skip

        return label
    tuned = tuned_ref(config.weak)
    if tuned is None:
        return None
    return tuned_labeller(
        _local(tuned.model), tuned.kind, examples, num_classes=num_classes, settings=config.tuning
    )  # fmt: skip


def _after_reading(stage: Run, config: W2SConfig, texts: Sequence[str]) -> str:
    """The student's reference with its model fine-tuned on the task's training texts, kept beside the stage."""
    tuned = tuned_ref(config.strong)
    name, layer = (tuned.model, None) if tuned else _parts(config.strong)
    out = stage.path.with_name(f"{stage.path.name}-{GENERATIVE}") / "model"
    if not out.exists():
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir(parents=True)
        settings = config.tuning.model_copy(update={"epochs": 1})
        with progress("reading the task's texts", len(texts), unit="texts") as bar:
            tune_on_texts(_local(name), texts, out, settings=settings, tick=bar.advance)
    if tuned:
        return f"{tuned.kind}:{out}"
    return f"{out}@{layer or default_layer(_local(name))}"


def _local(name: str) -> Path:
    """The directory of a model that runs here."""
    path = model_path(name)
    if path is None:
        raise InputError(
            f"{name} is served elsewhere; its states and weights are needed, so give a model that runs here."
        )
    return Path(path)


def _parts(ref: str) -> tuple[str, int | None]:
    """`MODEL[@LAYER]` in its parts."""
    name, at, layer = ref.rpartition("@")
    return (name, int(layer)) if at and layer.isdigit() else (ref, None)


def features_of(ref: str, examples: Sequence[Example]) -> FloatArray:
    """Frozen features of every row by `MODEL[@LAYER]`, shape (N, D)."""
    name, layer = _parts(ref)
    path = _local(name)
    store = FeatureStore(FeatureSource(path, layer or default_layer(path)))
    texts = [text for example in examples for text in example.texts]
    return pooled(store.vectors(texts), len(examples[0].texts))
