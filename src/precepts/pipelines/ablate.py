"""`precepts align ablate`: the arms of the paper's ablation on the same cases, paired, over as many runs (seeds) as are given.

Guan et al. 2024 (arXiv 2412.16339, figure 14): no training, SFT alone, RL alone, both, and no training with the policy in the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.deliberative.style import style_row
from precepts.errors import InputError, MissingError
from precepts.judges.measure import filled
from precepts.pipelines.config import AlignConfig, cases_of, config_of, policy_of, sample
from precepts.pipelines.distill import ARM as DISTILLED
from precepts.pipelines.evaluate import BASE, IN_PROMPT, SFT, ArmSpec, evaluate, fullest, set_cases, with_policy
from precepts.pipelines.measure import OWN_TEST
from precepts.policy import Policy
from precepts.progress import announce
from precepts.runs import Row, Run, file_digest
from precepts.stats import matches
from precepts.types import Case, Disposition, Evidence, Input

STYLE, CITED = "style@1 (rules over words)", "the line `clause:` of the reasoning"
"""What says whether an answer reads as its disposition should, and what a reasoning cites."""


class AblationArm(NamedTuple):
    """An arm: its name, the stage of a run that holds its model (None for the untrained one), and whether it reads the policy."""

    name: str
    stage: str | None
    reads_policy: bool = False


ARMS: tuple[AblationArm, ...] = (
    AblationArm(BASE, None),
    AblationArm(SFT, "sft"),
    AblationArm("rl", "rl-only"),
    AblationArm("sft+rl", "rl"),
    AblationArm(DISTILLED, DISTILLED),
    AblationArm(IN_PROMPT, None, reads_policy=True),
)
"""In the paper's order, with one method that it does not have.

An arm whose stage a run does not hold is left out and named; a stage of a new name is one more row here.
"""

_SHOWN = ("refusal_rate", "not_overrefuse", "safe_completion", "balanced_accuracy")


class _Column(NamedTuple):
    """A claim of the ablation: its column in the rows of an arm, over the cases that are asked this; None over all."""

    score: str
    asked: Disposition | None
    judge: str | None = None


_POOLED: dict[str, _Column] = {
    "refusal_rate": _Column("refused", "refuse"),
    "not_overrefuse": _Column("complied", "comply"),
    "safe_completion": _Column("safe_completed", "safe_complete"),
}
_ADDED: dict[str, _Column] = {
    "refusal_style": _Column("style", "refuse", STYLE),
    "compliance_style": _Column("style", "comply", STYLE),
    "safe_completion_style": _Column("style", "safe_complete", STYLE),
    "category_retrieval": _Column("category_right", None, CITED),
    "clause_retrieval": _Column("clause_right", None, CITED),
}
"""What the evaluation of arms does not give on every set; none of it needs a model."""


class Ablation(NamedTuple):
    """What was measured: evidence of each seed, evidence over seeds where there are several, arms that no run holds."""

    path: Path
    evidence: list[Evidence]
    pooled: list[Evidence]
    absent: tuple[str, ...]


def arms_of(run: Run, config: AlignConfig, policy: Policy, names: Sequence[str] = ()) -> list[ArmSpec]:
    """The arms that a run holds, in the paper's order, each with what the run's own evaluation measured of it.

    Raises:
        InputError: If a name is of no arm.
        MissingError: If an arm that was asked for by name is not in the run.
    """
    known = [arm.name for arm in ARMS]
    if wrong := [name for name in names if name not in known]:
        raise InputError(f"No arm is named {wrong[0]!r}. Arms are: {', '.join(known)}.")
    out: list[ArmSpec] = []
    for arm in ARMS:
        if names and arm.name not in names:
            continue
        if arm.stage is not None and not (run.path / arm.stage / "model" / "config.json").exists():
            if names:
                raise MissingError(
                    f"{run.path} holds no model of the arm {arm.name} (no {arm.stage}/model). Train it first."
                )
            continue
        # The stage's own directory is a model reference: the run's default model may be another stage's.
        model = config.model if arm.stage is None else str(run.path / arm.stage / "model")
        spec = ArmSpec(arm.name, model, with_policy(policy) if arm.reads_policy else None)
        out.append(spec._replace(earlier=_measured_already(run, spec)))
    return out


def _measured_already(run: Run, spec: ArmSpec) -> tuple[Path, ...]:
    """Where a run has answers of an arm: its own test, or any other set that it was measured on."""
    return tuple(sorted(path.parent for path in (run.path / "eval").glob(f"*/{spec.directory}/completions.jsonl")))


def _with_answers(spec: ArmSpec, cases: Sequence[Case], done: Sequence[Path]) -> ArmSpec:
    """The arm with the fullest table of answers to these cases that is there: an arm that is not trained is the same for every seed."""
    untrained = spec.name in {arm.name for arm in ARMS if arm.stage is None}
    best = fullest([*spec.earlier, *(path / spec.directory for path in done if untrained)], cases)
    return spec._replace(earlier=(best,) if best else ())


def ablate(
    runs: Sequence[Path], out: Path, *, cases: str = OWN_TEST, arms: Sequence[str] = (), limit: int | None = None,
    max_tokens: int | None = None,
) -> Ablation:  # fmt: skip
    """Measures every arm of every run on the same cases, and writes evidence by seed and over seeds.

    Args:
        runs: Runs of `align` that differ in their seed alone.
        out: A new directory, or one that this command began.
        cases: `test` for the runs' own, else a file or a public set.
        arms: Only these; by default all that the first run holds.
        limit: At most so many cases.
        max_tokens: Longest completion; by default as in what the first run has measured, so that its answers are used again.

    Raises:
        PreceptsError: If runs differ in policy, cases or model, share a seed, or an arm that was asked for is not there.
    """
    opened = [(Run(path), config_of(Run(path))) for path in runs]
    policy = policy_of(opened[0][0])
    _alike(opened, policy)
    if cases == OWN_TEST:
        chosen = sample(cases_of(opened[0][0], "test"), limit, seed=0, pairs=True)
        name = "own-test" if limit is None else f"own-test-{len(chosen)}"
    else:
        name, chosen = set_cases(cases, limit=limit)
    if not chosen:
        raise InputError(f"{cases} holds no cases.")
    specs = {config.seed: arms_of(run, config, policy, arms) for run, config in opened}
    shared = [arm.name for arm in ARMS if all(arm.name in {s.name for s in found} for found in specs.values())]
    before = fullest([folder for spec in specs[opened[0][1].seed] for folder in spec.earlier], chosen)
    max_tokens = max_tokens or (int(Run(before).plan["max_tokens"]) if before else opened[0][1].max_eval_tokens)
    home = Run(out)
    home.begin(
        {
            "kind": "ablation", "runs": [str(p) for p in runs], "cases": [c.id for c in chosen], "arms": shared,
            "max_tokens": max_tokens, "policy": policy.digest,
        }
    )  # fmt: skip
    announce(f"ablation, {len(shared)} arms of {len(opened)} runs", len(chosen), limit=limit)
    evidence: list[Evidence] = []
    done: list[Path] = []
    with home.locked():
        for run, config in opened:
            stage = home.stage(f"seed-{config.seed}")
            wanted = [_with_answers(spec, chosen, done) for spec in specs[config.seed] if spec.name in shared]
            made = evaluate(
                stage, wanted, chosen, set_name=name, policy=policy, seed=0, max_tokens=max_tokens, root=out,
                baseline=BASE if BASE in shared else None,
            )  # fmt: skip
            evidence += [
                e.model_copy(update={"slice": {**e.slice, "seed": str(config.seed)}, "run": str(run.path)})
                for e in made
            ]
            done.append(stage.stage(name).path)
        rows = _rows(home, [config.seed for _, config in opened], name, shared)
        home.write("rows", rows)
        table = _Rows(home, rows, file_digest(home.table("rows")), shared, f"{policy.id}@{policy.digest}")
        for _, config in opened:
            evidence += _evidence(table, _ADDED, set_name=name, seed=str(config.seed))
        there = {e.claim.removeprefix("align/"): e.judge for e in evidence}
        several = {
            claim: c._replace(judge=there[claim]) for claim, c in {**_POOLED, **_ADDED}.items() if claim in there
        }
        pooled = _evidence(table, several, set_name="all seeds", seed=None) if len(opened) > 1 else []
        home.write("evidence", [*evidence, *pooled])
        home.finish(arms=shared, seeds=[config.seed for _, config in opened])
    return Ablation(out, evidence, pooled, tuple(arm.name for arm in ARMS if arm.name not in shared))


def _alike(opened: Sequence[tuple[Run, AlignConfig]], policy: Policy) -> None:
    first = opened[0][1]
    seeds = [config.seed for _, config in opened]
    if len(set(seeds)) < len(seeds):
        raise InputError(
            f"Two of the runs have the same seed: {', '.join(map(str, seeds))}. Give runs of different seeds."
        )
    for run, config in opened[1:]:
        for what, one, other in (
            ("policy", policy.digest, policy_of(run).digest),
            ("model", first.model, config.model),
            ("cases", [c.id for c in cases_of(opened[0][0], "test")], [c.id for c in cases_of(run, "test")]),
        ):
            if one != other:
                raise InputError(
                    f"{run.path} has another {what} than {opened[0][0].path}. Give runs that differ in their seed alone."
                )


def _rows(home: Run, seeds: Sequence[int], name: str, arms: Sequence[str]) -> list[Row]:
    """One row a seed and case, with a column for each arm and claim: what estimators over seeds read."""
    out: list[Row] = []
    for seed in seeds:
        stage = home.stage(f"seed-{seed}").stage(name)
        found = {arm: _arm_rows(stage.stage(ArmSpec(arm, "").directory)) for arm in arms}
        for case_id, row in found[arms[0]].items():
            columns = {
                f"{claim}.{arm}": found[arm][case_id][column.score] if column.asked in (None, row["asked"]) else None
                for arm in arms
                for claim, column in {**_POOLED, **_ADDED}.items()
            }
            out.append(
                {
                    "case_id": case_id,
                    "seed": str(seed),
                    "pair": row["pair"] or case_id,
                    "asked": row["asked"],
                    **columns,
                }
            )
    return out


def _arm_rows(arm: Run) -> dict[str, Row]:
    """An arm's scores by case, with the style of its answer beside them; None where there was no answer."""
    said = {row["case_id"]: "" if row["stop_reason"] == "error" else row["answer"] for row in arm.rows("completions")}
    return {
        row["case_id"]: {
            **row,
            "style": style_row(said[row["case_id"]], row["asked"])["adheres"] if row["asked"] else None,
        }
        for row in arm.rows("scores")
    }


class _Rows(NamedTuple):
    """The rows over seeds, and what evidence of them has in common."""

    home: Run
    rows: list[Row]
    digest: str
    arms: Sequence[str]
    policy: str

    def known(self, column: str, where: Row) -> bool:
        return any(row[column] is not None for row in self.rows if matches(row, where))


def _evidence(table: _Rows, claims: Mapping[str, _Column], *, set_name: str, seed: str | None) -> list[Evidence]:
    """Every arm's mean, and its differences to the untrained arm and to the policy in the prompt.

    Over seeds, both seeds and cases are resampled; of one seed, Wilson's interval and a paired difference. What no row of an arm
    knows of what is added (what a model without reasoning cites) is left out; an arm none of whose answers came stands there without a number.
    """
    out: list[Evidence] = []
    for claim, column in claims.items():
        where: Row = ({"asked": column.asked} if column.asked else {}) | ({"seed": seed} if seed is not None else {})
        inputs = (Input(path=table.home.table("rows").name, sha256=table.digest, where=where),)
        for arm in table.arms:
            for baseline in (None, BASE, IN_PROMPT):
                score, other = f"{claim}.{arm}", f"{claim}.{baseline}"
                if baseline == arm or (baseline is not None and baseline not in table.arms):
                    continue
                compared = [score] if baseline is None else [score, other]
                if claim in _ADDED and not all(table.known(one, where) for one in compared):
                    continue
                params: dict[str, Any] = {"score": score, **({"score_b": other} if baseline else {})}
                if seed is None:
                    params |= {"cluster": "pair", "seed": "seed"}
                    estimator = "crossed_difference@1" if baseline else "crossed_mean@1"
                else:
                    estimator = "paired_difference@1" if baseline else "wilson@1"
                slice_ = {"arm": arm, "set": set_name, **({} if seed is None else {"seed": seed})}
                draft: dict[str, Any] = {
                    "claim": f"align/{claim}", "slice": slice_, "value": None, "n": 0, "estimator": estimator, "params": params,
                    "inputs": inputs, "model": arm, "policy": table.policy, "judge": column.judge, "baseline": baseline,
                }  # fmt: skip
                out.append(filled(Evidence.model_validate(draft), root=table.home.path))
    return out


def shown(ablation: Ablation) -> list[Evidence]:
    """The evidence that a table shows: over seeds where there are several, else of the one seed."""
    rows = ablation.pooled or ablation.evidence
    return [e for e in rows if e.claim.removeprefix("align/") in (*_SHOWN, *_ADDED) and "category" not in e.slice]
