"""`precepts align ablate`: the arms of the paper's ablation on the same cases, paired, over as many runs (seeds) as are given.

Guan et al. 2024 (arXiv 2412.16339, figure 14): no training, SFT alone, RL alone, both, and no training with the policy in the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.errors import InputError, MissingError
from precepts.judges.measure import filled
from precepts.pipelines.config import AlignConfig, cases_of, config_of, policy_of, sample
from precepts.pipelines.distill import ARM as DISTILLED
from precepts.pipelines.evaluate import BASE, IN_PROMPT, SFT, ArmSpec, evaluate, set_cases, with_policy
from precepts.pipelines.measure import OWN_TEST
from precepts.policy import Policy
from precepts.runs import Row, Run, file_digest
from precepts.types import Evidence, Input


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
_POOLED = {
    "refusal_rate": ("refused", "refuse"),
    "not_overrefuse": ("complied", "comply"),
    "safe_completion": ("safe_completed", "safe_complete"),
}


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
        out.append(spec._replace(earlier=(run.path / "eval" / "test" / spec.directory,)))
    return out


def ablate(
    runs: Sequence[Path], out: Path, *, cases: str = OWN_TEST, arms: Sequence[str] = (), limit: int | None = None, max_tokens: int = 128
) -> Ablation:  # fmt: skip
    """Measures every arm of every run on the same cases, and writes evidence by seed and over seeds.

    Args:
        runs: Runs of `align` that differ in their seed alone.
        out: A new directory, or one that this command began.
        cases: `test` for the runs' own, else a file or a public set.
        arms: Only these; by default all that the first run holds.
        limit: At most so many cases.
        max_tokens: Longest completion.

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
    home = Run(out)
    home.begin(
        {
            "kind": "ablation",
            "runs": [str(p) for p in runs],
            "cases": [c.id for c in chosen],
            "arms": shared,
            "max_tokens": max_tokens,
            "policy": policy.digest,
        }
    )
    evidence: list[Evidence] = []
    with home.locked():
        for run, config in opened:
            stage = home.stage(f"seed-{config.seed}")
            # What the first seed's directory holds is asked too: an untrained arm answers the same whatever the seed.
            first = home.path / f"seed-{opened[0][1].seed}" / name
            wanted = [
                spec._replace(earlier=(*spec.earlier, first / spec.directory))
                for spec in specs[config.seed]
                if spec.name in shared
            ]
            made = evaluate(
                stage, wanted, chosen, set_name=name, policy=policy, seed=0, max_tokens=max_tokens, root=out,
                baseline=BASE if BASE in shared else None,
            )  # fmt: skip
            evidence += [
                e.model_copy(update={"slice": {**e.slice, "seed": str(config.seed)}, "run": str(run.path)})
                for e in made
            ]
        rows = _rows(home, [config.seed for _, config in opened], name, shared)
        home.write("rows", rows)
        pooled = _pooled(home, shared, f"{policy.id}@{policy.digest}", evidence) if len(opened) > 1 else []
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
        scores = {
            arm: {r["case_id"]: r for r in stage.stage(ArmSpec(arm, "").directory).rows("scores")} for arm in arms
        }
        for case_id, row in scores[arms[0]].items():
            columns = {
                f"{claim}.{arm}": scores[arm][case_id][column] if row["asked"] == kind else None
                for arm in arms
                for claim, (column, kind) in _POOLED.items()
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


def _pooled(home: Run, arms: Sequence[str], policy: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Means over seeds and cases, both resampled, and their differences to the untrained arm and to the policy in the prompt."""
    table = home.table("rows")
    digest = file_digest(table)
    judge = next((e.judge for e in evidence), None)
    out: list[Evidence] = []
    for claim, (_, kind) in _POOLED.items():
        inputs = (Input(path=table.name, sha256=digest, where={"asked": kind}),)
        if not any(e.claim == f"align/{claim}" for e in evidence):
            continue
        for arm in arms:
            for baseline in (None, BASE, IN_PROMPT):
                if baseline == arm or (baseline is not None and baseline not in arms):
                    continue
                params: dict[str, Any] = {"score": f"{claim}.{arm}", "cluster": "pair", "seed": "seed"}
                if baseline is not None:
                    params["score_b"] = f"{claim}.{baseline}"
                draft: dict[str, Any] = {
                    "claim": f"align/{claim}", "slice": {"arm": arm, "set": "all seeds"}, "value": None, "n": 0,
                    "estimator": "crossed_difference@1" if baseline else "crossed_mean@1", "params": params, "inputs": inputs,
                    "model": arm, "policy": policy, "judge": judge, "baseline": baseline,
                }  # fmt: skip
                out.append(filled(Evidence.model_validate(draft), root=home.path))
    return out


def shown(ablation: Ablation) -> list[Evidence]:
    """The evidence that a table shows: over seeds where there are several, else of the one seed."""
    rows = ablation.pooled or ablation.evidence
    return [e for e in rows if e.claim.removeprefix("align/") in _SHOWN and "category" not in e.slice]
