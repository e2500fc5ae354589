"""`precepts w2s ladder`: every supervisor with every student above it, and bootstrapping from the first to the last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from precepts.pipelines.w2s import TaskTables, W2SConfig, features_of, measure, task_tables, write_tables
from precepts.pipelines.w2s_evidence import Scores
from precepts.runs import Row, Run, command_line
from precepts.types import Evidence
from precepts.w2s.bootstrap import BOOTSTRAPPED, DIRECT, bootstrapped
from precepts.w2s.examples import Task
from precepts.w2s.experiment import CEILING, score_rows, students, supervise
from precepts.w2s.guard import rank_correlation
from precepts.w2s.ladder import Pair, Rung, matched, pairs, read_ladder
from precepts.w2s.methods import METHODS
from precepts.w2s.simulate import simulated_ref
from precepts.w2s.splits import pool, split
from precepts.w2s.supervisors import BUILT_IN, Supervisor
from precepts.w2s.tasks import load_task
from precepts.w2s.tuned import tuned_ref
from precepts.workers import Spread, here

CHAIN = "bootstrapping"


def run_ladder(run: Run, ladder: Path, config: W2SConfig, *, over: Spread = here) -> list[Evidence]:
    """Runs every pair that is not finished, then bootstrapping, then what is read off the ladder (`ladder.jsonl`).

    Args:
        run: The run.
        ladder: The file that names the models.
        config: Of one task; its `weak` and `strong` are taken from the ladder.
        over: Who trains: a pair is a job, after the features of each model; what is written is written here.

    Raises:
        PreceptsError: If the ladder, the task or a model is not usable.
    """
    rungs = read_ladder(ladder)
    (task,) = (load_task(name) for name in config.tasks)
    with run.locked():
        run.begin({
            "command": "w2s ladder", "config": config.model_dump(mode="json", exclude={"weak", "strong"}),
            "ladder": [rung.model_dump() for rung in rungs], "tasks": {task.name: task.digest},
        })  # fmt: skip
        evidence: list[Evidence] = []
        left = [pair for pair in pairs(rungs) if not run.stage(pair.name).finished]
        if over is not here:
            _warm(task, left, config, over)

        def work(pair: Pair) -> TaskTables:
            return task_tables(run.stage(pair.name), task, _of(config, pair))

        made = over(work, left)
        for pair in pairs(rungs):
            one, stage = _of(config, pair), run.stage(pair.name)
            if not stage.finished:
                write_tables(stage, task, next(made))
            if not stage.table("evidence").exists():
                slice_ = {"task": task.name, "weak": pair.weak.name, "strong": pair.strong.name}
                stage.write("evidence", measure(run, stage, slice_, one))
            evidence += [Evidence.model_validate(row) for row in stage.rows("evidence")]
        chain = [rung for rung in rungs[1:] if rung.can_learn and tuned_ref(rung.ref) is None]
        if len(chain) > 1:
            evidence += _chain(run, task, rungs[0], chain, config)
        run.write("evidence", evidence)
        run.write("ladder", ladder_rows(rungs, evidence))
        run.finish(command=command_line())
    return evidence


def _of(config: W2SConfig, pair: Pair) -> W2SConfig:
    return config.model_copy(update={"weak": pair.weak.ref, "strong": pair.strong.ref})


def _warm(task: Task, left: Sequence[Pair], config: W2SConfig, over: Spread) -> None:
    """The frozen features of each model, once, so that no two pairs compute the same ones at a time."""
    examples, _, _ = pool(task, rows=config.rows)
    probed = [pair.strong.ref for pair in left] + [pair.weak.ref for pair in left if pair.weak.can_learn]
    refs = [ref for ref in dict.fromkeys(probed) if tuned_ref(ref) is None and simulated_ref(ref) is None]
    for _ in over(lambda ref: features_of(ref, examples).shape, refs):
        pass


def ladder_rows(rungs: Sequence[Rung], evidence: Sequence[Evidence]) -> list[Row]:
    """For each pair and arm the truth-trained model that it matches; for each supervisor how agreement with its errors goes with size.

    `errors_followed` is Spearman's rank correlation of the students' places on the ladder with naive students' agreement where the
    supervisor is wrong: below 0, larger students follow errors less (inverse scaling, Burns et al. 2023, section 5.1.3); None below three.
    """
    found = {
        (
            e.slice["weak"],
            e.slice["strong"],
            e.slice["arm"],
            e.claim.removeprefix("w2s/"),
            e.slice.get("supervisor"),
        ): e.value
        for e in evidence
        if "weak" in e.slice
    }
    truth: dict[str, float] = {}
    for rung in rungs:
        ceilings = [
            v
            for (_, strong, arm, claim, _), v in found.items()
            if (strong, arm, claim) == (rung.name, CEILING, "accuracy")
        ]
        floors = [
            v
            for (weak, _, arm, claim, _), v in found.items()
            if (weak, arm, claim) == (rung.name, "supervisor", "accuracy")
        ]
        known = [v for v in ceilings or floors if v is not None]
        truth |= {rung.name: sum(known) / len(known)} if known else {}
    out: list[Row] = []
    for (weak, strong, arm, claim, _), value in found.items():
        if claim == "accuracy" and value is not None and arm not in ("supervisor", CEILING):
            out.append(
                {"kind": "pair", "weak": weak, "strong": strong, "arm": arm, "accuracy": value, "matches": matched(value, truth)}
            )  # fmt: skip
    places = [rung.name for rung in rungs]
    for rung in rungs:
        followed = {
            strong: v
            for (weak, strong, arm, claim, side), v in found.items()
            if (weak, arm, claim, side) == (rung.name, "naive", "agreement", "wrong") and v is not None
        }
        if followed:
            correlation = rank_correlation([float(places.index(name)) for name in followed], list(followed.values()))
            out.append({"kind": "supervisor", "weak": rung.name, "agreement": followed, "errors_followed": correlation})
    return out


def _chain(run: Run, task: Task, first: Rung, chain: Sequence[Rung], config: W2SConfig) -> list[Evidence]:
    """Bootstrapping along the whole ladder, beside the last model taught directly on as many rows."""
    stage = run.stage(CHAIN)
    if not stage.table("scores").exists():
        num_classes = len(task.classes)
        examples, test, rest = pool(task, rows=config.rows)
        splits = [split(examples, rest, seed=seed, num_classes=num_classes) for seed in range(config.seeds)]
        labelled = supervise(
            Supervisor(first.ref), examples, splits, test, num_classes=num_classes,
            features_ND=None if first.ref in BUILT_IN else features_of(first.ref, examples),
        )  # fmt: skip
        features = [features_of(rung.ref, examples) for rung in chain]
        arms = bootstrapped(features, splits, labelled, test, settings=config.heads, antisymmetric=task.pairwise)
        whole = students(
            [METHODS["naive"]], "naive", examples, splits, labelled, test, features[-1], num_classes=num_classes,
            settings=config.heads,
        )  # fmt: skip
        arms |= {"naive": whole.test["naive"], CEILING: whole.test[CEILING]}
        stage.write("scores", score_rows(arms, labelled, examples, test))
    slice_ = {"task": task.name, "weak": first.name, "strong": chain[-1].name, "along": "the ladder"}
    scores = Scores(run, stage, slice_=slice_, model=chain[-1].ref)
    gap = {"score_b": "weak", "score_c": "ceiling", "margin": config.margin}
    for arm in (BOOTSTRAPPED, DIRECT):
        scores.add("accuracy", "crossed_mean@1", {"arm": arm}, {"score": f"correct.{arm}"})
        scores.add("pgr", "crossed_pgr@1", {"arm": arm}, {"score": f"correct.{arm}", **gap})
    scores.add(
        "gain_over_direct", "crossed_difference@1", {"arm": BOOTSTRAPPED},
        {"score": f"correct.{BOOTSTRAPPED}", "score_b": f"correct.{DIRECT}"}, baseline=DIRECT,
    )  # fmt: skip
    return scores.found
