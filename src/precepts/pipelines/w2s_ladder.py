"""`precepts w2s ladder`: every supervisor with every student above it, and bootstrapping from the first to the last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from precepts.pipelines.w2s import TaskTables, check, measure, plan_taken_back, task_tables, write_tables
from precepts.pipelines.w2s_config import W2SConfig
from precepts.pipelines.w2s_evidence import Scores
from precepts.pipelines.w2s_models import features_of, labeller_of, num_parameters_of, warm
from precepts.runs import Row, Run, command_line
from precepts.types import Evidence
from precepts.w2s.bootstrap import BOOTSTRAPPED, DIRECT, bootstrapped, slices_of
from precepts.w2s.examples import Task
from precepts.w2s.experiment import CEILING, score_rows, students, supervise
from precepts.w2s.guard import rank_correlation
from precepts.w2s.ladder import Pair, Rung, pairs, read_ladder
from precepts.w2s.methods import METHODS
from precepts.w2s.references import backbone_ref, tuned_ref
from precepts.w2s.splits import Split, pool, split
from precepts.w2s.supervisors import BUILT_IN, Supervisor
from precepts.w2s.tasks import load_task
from precepts.workers import Spread, here

CHAIN = "bootstrapping"


def run_ladder(run: Run, ladder: Path, config: W2SConfig, *, over: Spread = here) -> list[Evidence]:
    """Runs every pair that is not finished, then bootstrapping, then what is read off the ladder (`ladder.jsonl`, `ladder.html`).

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
    for pair in pairs(rungs):
        check(task, of_pair(config, pair))
    chain = [rung for rung in rungs[1:] if rung.can_learn and tuned_ref(rung.ref) is None]
    if len(chain) > 1:
        slices_of(_splits(task, config), len(chain))
    with run.locked():
        run.begin({
            "command": "w2s ladder", "config": config.model_dump(mode="json", exclude={"weak", "strong"}),
            "ladder": [rung.model_dump() for rung in rungs], "tasks": {task.name: task.digest},
        })  # fmt: skip
        evidence: list[Evidence] = []
        left = [pair for pair in pairs(rungs) if not run.stage(pair.name).finished]
        with plan_taken_back(run):
            _warm(task, left, config, over)

        def work(pair: Pair) -> TaskTables:
            return task_tables(run.stage(pair.name), task, of_pair(config, pair))

        made = over(work, left)
        for pair in pairs(rungs):
            one, stage = of_pair(config, pair), run.stage(pair.name)
            if not stage.finished:
                with plan_taken_back(run):
                    tables = next(made)
                write_tables(stage, task, tables)
            if not stage.table("evidence").exists():
                slice_ = {"task": task.name, "weak": pair.weak.name, "strong": pair.strong.name}
                stage.write("evidence", measure(run, stage, slice_, one))
            evidence += [Evidence.model_validate(row) for row in stage.rows("evidence")]
        if len(chain) > 1:
            evidence += _chain(run, task, rungs[0], chain, config)
        truth = write_models(run, rungs, config)
        evidence += matched_sizes(run, rungs, truth, config, task=task.name)
        run.write("evidence", evidence)
        run.write("ladder", ladder_rows(rungs, evidence))
        from precepts.pipelines.w2s_ladder_page import write_ladder_page

        write_ladder_page(run, task, rungs, sizes_of(rungs), config, evidence)
        run.finish(command=command_line())
    return evidence


def of_pair(config: W2SConfig, pair: Pair) -> W2SConfig:
    """The configuration of one supervisor and student."""
    return config.model_copy(update={"weak": pair.weak.ref, "strong": pair.strong.ref})


def _splits(task: Task, config: W2SConfig) -> list[Split]:
    examples, _, rest = pool(task, rows=config.rows)
    return [split(examples, rest, seed=seed, num_classes=len(task.classes)) for seed in range(config.seeds)]


def _warm(task: Task, left: Sequence[Pair], config: W2SConfig, over: Spread) -> None:
    """The frozen features that are needed, the layers of one model in one pass; over workers a model is a job."""
    examples, _, _ = pool(task, rows=config.rows)
    named = dict.fromkeys(rung.ref for pair in left for rung in pair if rung.can_learn and tuned_ref(rung.ref) is None)
    by_model: dict[tuple[str, str], list[str]] = {}
    for ref in named:
        by_model.setdefault(backbone_ref(ref)[:2], []).append(ref)
    for _ in over(lambda refs: warm(refs, examples), list(by_model.values())):
        pass


def sizes_of(rungs: Sequence[Rung]) -> dict[str, int | None]:
    """Parameters of each model by its name, those it was given first; None for words and people."""
    known: dict[str, int | None] = {}
    for rung in rungs:
        known[rung.name] = rung.size or (num_parameters_of(rung.ref) if rung.can_learn else None)
    return known


def write_models(run: Run, rungs: Sequence[Rung], config: W2SConfig) -> list[str]:
    """The table `models`: every row by every model that was trained on truth and by every student; gives the names of the former.

    A model that learned from weak labels above it was trained on truth as their ceiling; the first, as supervisor, on its own half.
    """
    truth: dict[str, list[Row]] = {}
    students_: list[Row] = []
    for pair in pairs(rungs):
        scores = run.stage(pair.name).rows("scores")
        for rung, key in ((pair.strong, "ceiling"), (pair.weak, "weak")):
            if rung.can_learn and (
                rung.name not in truth or (key == "ceiling" and "as supervisor" in truth[rung.name][0]["how"])
            ):
                how = "as ceiling" if key == "ceiling" else "as supervisor"
                truth[rung.name] = [_one(row, row[key], on_truth(rung.name), how) for row in scores]
        students_ += [
            _one(row, row["correct"][arm], student_name(pair, arm), "student")
            for arm in of_pair(config, pair).arms
            for row in scores
        ]
    ordered = [rung.name for rung in rungs if rung.name in truth]
    run.write("models", [*(row for name in ordered for row in truth[name]), *students_])
    return ordered


def on_truth(name: str) -> str:
    """What the table calls a model that was trained on truth."""
    return f"on truth: {name}"


def student_name(pair: Pair, arm: str) -> str:
    """What the table calls a student."""
    return f"{pair.name}: {arm}"


def _one(row: Row, right: int, model: str, how: str) -> Row:
    return {"seed": row["seed"], "row": row["row"], "group": row["group"], "model": model, "how": how, "right": right}


def matched_sizes(
    run: Run, rungs: Sequence[Rung], truth: Sequence[str], config: W2SConfig, *, task: str
) -> list[Evidence]:
    """The size of a truth-trained model that each student matches; none where fewer than two of them have different sizes.

    Of models of one size the strongest, the last on the ladder, stands for it.
    """
    known = sizes_of(rungs)
    strongest = {size: name for name in truth if (size := known[name]) is not None}
    sizes = {on_truth(name): size for size, name in strongest.items()}
    if len(sizes) < 2:
        return []
    scores = Scores(run, run, slice_={"task": task}, model="", table_name="models")
    for pair in pairs(rungs):
        for arm in of_pair(config, pair).arms:
            scores.add(
                "matched_size", "crossed_matched_size@1", {"weak": pair.weak.name, "strong": pair.strong.name, "arm": arm},
                {"score": "right", "arm": "model", "sizes": sizes}, where={"model": [*sizes, student_name(pair, arm)]},
                model=pair.strong.ref,
            )  # fmt: skip
    return scores.found


def ladder_rows(rungs: Sequence[Rung], evidence: Sequence[Evidence]) -> list[Row]:
    """For each pair and arm the size that it matches; for each supervisor how agreement with its errors goes with the student's size.

    `errors_followed` is Spearman's rank correlation of the students' places on the ladder with naive students' agreement where the
    supervisor is wrong: below 0, larger students follow errors less (inverse scaling, Burns et al. 2023, section 5.1.3); None below three.
    """
    by_student = {
        (e.claim.removeprefix("w2s/"), e.slice["weak"], e.slice["strong"], e.slice["arm"], e.slice.get("supervisor")): e
        for e in evidence
        if "weak" in e.slice and "along" not in e.slice and "epoch" not in e.slice
    }
    out: list[Row] = []
    for (claim, weak, strong, arm, _), e in by_student.items():
        if claim == "matched_size":
            accuracy = by_student["accuracy", weak, strong, arm, None].value
            out.append(
                {"kind": "pair", "weak": weak, "strong": strong, "arm": arm, "accuracy": accuracy, "matches": e.value}
            )  # fmt: skip
    places = [rung.name for rung in rungs]
    for rung in rungs:
        followed = {
            strong: e.value
            for (claim, weak, strong, arm, side), e in by_student.items()
            if (claim, weak, arm, side) == ("agreement", rung.name, "naive", "wrong") and e.value is not None
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
        examples, test, _ = pool(task, rows=config.rows)
        splits = _splits(task, config)
        labeller = labeller_of(of_pair(config, Pair(first, chain[-1])), examples, num_classes)
        probed = labeller is None and first.ref not in BUILT_IN
        labelled = supervise(
            Supervisor(first.ref), examples, splits, test, num_classes=num_classes,
            features_ND=features_of(first.ref, examples) if probed else None, labeller=labeller,
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
