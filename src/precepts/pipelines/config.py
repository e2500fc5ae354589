"""What an `align` run is asked to do: resolved once, kept in the run's plan, never changed after."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from precepts.data import STARTER, load_cases
from precepts.deliberative import Mode
from precepts.errors import InputError
from precepts.models import model_path
from precepts.pipelines.judging import check_reference
from precepts.policy import Policy, brief, load_policy, starter_path, yaml_bytes
from precepts.runs import PLAN, Run, write_atomic
from precepts.types import Case, Disposition, Frozen, content_key

EMBEDDED = "precepts/smollm2-135m"
FREQUENCY_PENALTY = 0.5
"""Of all answers that `align` has written, by every arm alike: at 0, one answer in six of the embedded model goes in circles (docs/log.md)."""

Split = Literal["train", "dev", "test"]


class SFTOptions(Frozen):
    """What of the fine-tuning may be chosen; the rest are the defaults of `training.SFTSettings`."""

    mode: Literal["top", "full", "lora"] = "top"
    epochs: int = 1
    max_steps: int | None = None


class AlignConfig(Frozen):
    """One `align` run."""

    policy: str
    cases: str = STARTER
    model: str = EMBEDDED
    teacher: str | None = None
    judge: str | None = None
    mode: Mode = "guided"
    seed: int = 0
    limit: int | None = None
    num_answers: int = 480
    max_answer_tokens: int = 64
    eval_limit: int | None = 160
    max_eval_tokens: int = 112
    sft: SFTOptions = SFTOptions()
    since: str | None = None


def begin(out: Path, config: AlignConfig, *, command: str) -> Run:
    """Starts or continues a run: its plan, and copies of policy and cases, so that it stands by itself."""
    run = Run(out)
    source = starter_path() if config.policy == STARTER else Path(config.policy)
    policy = load_policy(source)
    cases = load_cases(config.cases)
    earlier = None
    if config.since is not None:
        earlier = Path(config.since)
        if (earlier / PLAN).exists():
            earlier = earlier / "policy.yaml"
        before, now = load_policy(earlier), {clause.id for clause in policy.clauses}
        gone = {clause.id for clause in before.clauses} - now
        # Cases of a clause that was taken out have nothing to teach or to test any more.
        cases = [case for case in cases if not (case.clauses and gone.issuperset(case.clauses[:1]))]
        cases = [case.model_copy(update={"clauses": tuple(c for c in case.clauses if c not in gone)}) for case in cases]
    for case in cases:
        if case.clauses:
            try:
                policy.disposition(case.clauses)
            except InputError as error:
                if config.cases == STARTER:
                    raise InputError(
                        f"{config.policy} does not go with the starter cases ({error}). Give cases of your own policy: --cases FILE."
                    ) from None
                raise InputError(f"{config.cases}: case {case.id}: {error}") from None
    if not (out / PLAN).exists():
        # A misspelt reference is told before the plan is written: a run cannot change its model afterwards.
        trainable(config.model)
        if config.teacher is not None:
            model_path(config.teacher)
        check_reference(config.judge, "filters")
    digest = hashlib.sha256("".join(c.model_dump_json() for c in cases).encode()).hexdigest()[:16]
    plan = {
        **config.model_dump(mode="json"),
        "policy_digest": policy.digest,
        "cases_digest": digest,
        "stages": ["data", "sft", "eval", "card"],
    }
    run.begin(plan)
    if earlier is not None and not (out / "policy.before.yaml").exists():
        write_atomic(out / "policy.before.yaml", yaml_bytes(earlier))
    if not (out / "policy.yaml").exists():
        write_atomic(out / "policy.yaml", yaml_bytes(source))
    if not run.table("cases").exists():
        write_atomic(out / "command.txt", command + "\n")
        run.write("cases", with_splits(cases))
    return run


def trainable(model: str) -> Path:
    """The directory of the model to train.

    Raises:
        InputError: If the reference has no known form, or names a model that is served elsewhere.
        MissingError: If the model is not here.
    """
    base = model_path(model)
    if base is None:
        raise InputError(
            f"{model} does not run here, so it cannot be trained. Use precepts/…, hf/… or a model directory."
        )
    return base


def config_of(run: Run) -> AlignConfig:
    """The configuration in a run's plan.

    Raises:
        MissingError: If the directory is not a run.
        InputError: If the plan is not of `align`.
    """
    plan = run.plan
    known = {k: plan[k] for k in AlignConfig.model_fields if k in plan}
    if "policy" not in known:
        raise InputError(f"{run.path} is a run of another command, not of `precepts align`.")
    return AlignConfig.model_validate(known)


def policy_of(run: Run) -> Policy:
    """The policy the run was begun with."""
    return load_policy(run.path / "policy.yaml")


def cases_of(run: Run, split: Split) -> list[Case]:
    """The run's cases of one split, in the file's order."""
    return [case for case in (Case.model_validate(row) for row in run.rows("cases")) if case.split == split]


def with_splits(cases: Sequence[Case]) -> list[Case]:
    """The cases, each in a split: those that name none are put in one by their topic, pair or id, so that twins stay together.

    By hash: 70 % train, 10 % dev, 20 % test, the same on every machine.
    """
    out: list[Case] = []
    for case in cases:
        if case.split is None:
            share = int(content_key("split", case.topic or case.pair or case.id), 16) % 100
            case = case.model_copy(update={"split": "train" if share < 70 else "dev" if share < 80 else "test"})
        out.append(case)
    return out


def split_counts(run: Run) -> str:
    """One line: how many of the run's cases are in each split, and what follows where one is empty."""
    counts = Counter[str](row["split"] for row in run.rows("cases"))
    empty = {"train": "nothing to train on", "dev": "no calibration", "test": "nothing to measure on"}
    missing = [f"no {split} cases, so {what}" for split, what in empty.items() if not counts[split]]
    said = ", ".join(f"{split} {counts[split]}" for split in empty)
    return f"cases: {said}" + (f" ({'; '.join(missing)}; `split` in a case says where it goes)" if missing else "")


def asked(case: Case, policy: Policy) -> Disposition | None:
    """What the policy asks of a case; training and filter use this and never the case's own disposition."""
    return policy.disposition(case.clauses) if case.clauses else None


def brief_of(case: Case, policy: Policy) -> str:
    """The policy as told beside a case: with the case's category in full, or none where the policy does not have it."""
    known = {category.id for category in policy.categories}
    return brief(policy, case.category if case.category in known else None)


def sample(cases: Sequence[Case], size: int | None, *, seed: int, pairs: bool = False) -> list[Case]:
    """At most `size` cases, chosen by hash (no order of the file matters) and given back in the file's order; twins stay together."""
    if size is None or size >= len(cases):
        return list(cases)
    ranked = sorted(cases, key=lambda c: (content_key("sample", seed, (c.pair or c.id) if pairs else c.id), c.id))
    chosen = {case.id for case in ranked[:size]}
    return [case for case in cases if case.id in chosen]
