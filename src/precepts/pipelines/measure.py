"""`precepts align eval --cases`: any cases file on any model reference, alone or against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from precepts.errors import InputError
from precepts.judges.card import load_card
from precepts.models import model_name
from precepts.pipelines.config import cases_of, config_of, policy_of, sample
from precepts.pipelines.corrected import corrected
from precepts.pipelines.distill import ARM as DISTILLED
from precepts.pipelines.evaluate import IFEVAL, SFT, ArmSpec, evaluate, set_cases
from precepts.pipelines.rl import ARM, STAGE
from precepts.policy import Policy, load_policy
from precepts.runs import PLAN, Run
from precepts.types import Evidence
from precepts.workers import Spread, here

_IFEVAL_TOKENS = 256
OWN_TEST = "test"
"""As `--cases`: all of the run's own test cases, where the run itself measures a sample."""


class Measured(NamedTuple):
    """What was measured: the arm's name, the set, its evidence and where that is kept."""

    arm: str
    set: str
    num_cases: int
    evidence: list[Evidence]
    path: Path


def measure(
    target: str,
    source: str,
    *,
    baseline: str | None,
    policy: Path | None,
    limit: int | None,
    seed: int,
    max_tokens: int,
    out: Path | None,
    cards: Sequence[Path] = (),
    over: Spread = here,
) -> Measured:
    """Measures a model on a set, keeping everything in the run (or in `out`), so that the numbers can be recomputed.

    `cards` are calibrations of the judge, by which refusal rates are corrected; those in `runs/judges` are used too. `over`
    says who answers and judges.

    Raises:
        PreceptsError: If a named card cannot be read, before anything is generated.
    """
    for path in cards:
        load_card(path)
    own, trained = _owner(target)
    if own is not None and source == OWN_TEST:
        name, cases = f"{OWN_TEST}-all", sample(cases_of(own, "test"), limit, seed=0, pairs=True)
    else:
        name, cases = set_cases(source, limit=limit)
    if not cases:
        raise InputError(f"{source} holds no cases.")
    root = out or (own.path if own else Path("runs/eval"))
    found: Policy | None = load_policy(policy) if policy else policy_of(own) if own and "policy" in own.plan else None
    base = config_of(own).model if own else None
    arm = ArmSpec(trained or model_name(target), target)
    arms = [arm]
    if baseline is not None:
        arms.insert(0, ArmSpec("base" if baseline == base else model_name(baseline), baseline))
    if len({a.name for a in arms}) < len(arms):
        raise InputError(f"The model and its --baseline are both {arm.name}; a comparison needs two.")
    label = name if limit is None else f"{name}-{len(cases)}"
    stage = Run(root).stage("eval")
    tokens = max(max_tokens, _IFEVAL_TOKENS) if name == IFEVAL else max_tokens
    with stage.locked():
        evidence = evaluate(
            stage,
            arms,
            cases,
            set_name=label,
            policy=found,
            seed=seed,
            max_tokens=tokens,
            root=root,
            baseline=arms[0].name if baseline else None,
            over=over,
        )
        evidence += corrected(Path(root), cards=cards, arms=[(label, a.name) for a in arms])
    return Measured(arm.name, label, len(cases), evidence, stage.path / label / "evidence.jsonl")


def _owner(target: str) -> tuple[Run | None, str | None]:
    """The run whose model the target is, and its arm's name: a run is its fine-tuned model, `RUN/rl` the one reinforced from there."""
    path = Path(target)
    if not (path / PLAN).exists():
        return None, None
    stages = {name: ARM[start] for start, name in STAGE.items()} | {DISTILLED: DISTILLED}
    if path.name in stages and (path.parent / PLAN).exists():
        return Run(path.parent), stages[path.name]
    return Run(target), SFT
