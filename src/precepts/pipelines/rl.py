"""An optional stage of `align`: reinforce the fine-tuned model against the policy, then calibrate again on dev."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from precepts.deliberative.rewards import PolicyReward
from precepts.deliberative.uncertain import Uncertain, leaning, most_uncertain
from precepts.errors import InputError, MissingError, needs_extra
from precepts.pipelines.config import FREQUENCY_PENALTY, AlignConfig, asked, cases_of, policy_of, sample, trainable
from precepts.pipelines.judging import check_reference, reward_judge
from precepts.pipelines.sft import calibrate_on_dev
from precepts.policy import Policy
from precepts.progress import progress
from precepts.runs import PLAN, Row, Run, file_digest
from precepts.stats import estimate
from precepts.types import Case, Disposition, Frozen

if TYPE_CHECKING:
    from precepts.models.engine import Engine

Start = Literal["sft", "base"]

STAGE: dict[Start, str] = {"sft": "rl", "base": "rl-only"}
"""The stage's directory, by the model it starts from."""

ARM: dict[Start, str] = {"sft": "sft+rl", "base": "rl"}
"""What the arm is called."""

_POOL = 768
_POOL_BATCH = 128
_MOST_TOKENS = 256
"""Room for the answer and what stands before it: a prompt that leaves less is not chosen."""
_DEV = 160


class RLOptions(Frozen):
    """What of the reinforcement may be chosen; the rest are the defaults of `training.GRPOSettings`."""

    start: Start = "sft"
    num_prompts: int = 64
    num_samples: int = 8
    answer_only: bool = False
    judge: str | None = None


def rl_stage(run: Run, config: AlignConfig, options: RLOptions | None = None) -> Row:
    """Reinforces and calibrates; returns what the stage's `run.json` holds. A finished stage is read, not run again.

    Without options, those that the stage was begun with.
    """
    options = options or options_of(run, "sft")
    stage = run.stage(STAGE[options.start])
    base = _start_model(run, config, options.start)
    policy = policy_of(run)
    check_reference(options.judge, "rewards")  # a misspelt reference is told before the plan is written
    try:
        from precepts.training.grpo import GRPOSettings, train_grpo
    except ImportError as error:
        raise needs_extra(error.name or "trl") from None
    settings = GRPOSettings(
        num_samples=options.num_samples, answer_only=options.answer_only, frequency_penalty=FREQUENCY_PENALTY
    )
    weights = next(iter(sorted(base.glob("*.safetensors"))))
    stage.begin(
        {
            "options": options,
            "settings": settings,
            "seed": config.seed,
            "base_sha256": file_digest(weights),
            "policy_digest": policy.digest,
        }
    )
    if stage.finished:
        return json.loads((stage.path / "run.json").read_text("utf-8"))
    chosen = _choose(run, stage, config, options, base=base, policy=policy)
    reward = reward_of(options, policy)
    dev = [
        c for c in sample(cases_of(run, "dev"), _DEV, seed=0, pairs=True) if asked(c, policy) in ("refuse", "comply")
    ]

    def measure(engine: Engine) -> Mapping[str, float | None]:
        return {"dev_auc": _dev_auc(engine, dev, policy)} if options.start == "sft" else {}

    model = train_grpo(
        chosen, base=base, run=stage, reward=reward, settings=settings, seed=config.seed, measure=measure,
        label="reinforce" if options.start == "sft" else "reinforce the base model",
    )  # fmt: skip
    rows = stage.rows("rollouts")
    facts: dict[str, object] = {
        "reward_judge": reward.name,
        "num_rollouts": len(rows),
        "num_unscored": sum(row["reward"] is None for row in rows),
    }
    if options.start == "sft":
        facts["calibration"] = calibrate_on_dev(run, model)
    return stage.finish(**facts)


def options_of(run: Run, start: Start) -> RLOptions:
    """The options with which the stage was begun, else the defaults."""
    stage = run.stage(STAGE[start])
    return RLOptions.model_validate(stage.plan["options"]) if (stage.path / PLAN).exists() else RLOptions(start=start)


def reward_of(options: RLOptions, policy: Policy) -> PolicyReward:
    """The reward of a stage. A base model was never taught the format, so none is asked of it."""
    judge, scorer = reward_judge(options.judge, policy)
    return PolicyReward(judge, policy, scorer=scorer, needs_format=options.start == "sft")


def finished_starts(run: Run) -> list[Start]:
    """From which models this run has been reinforced to the end."""
    return [start for start, name in STAGE.items() if run.stage(name).finished]


def _start_model(run: Run, config: AlignConfig, start: Start) -> Path:
    if start == "base":
        return trainable(config.model)
    path = run.path / "sft" / "model"
    if not run.stage("sft").finished or not (path / "config.json").exists():
        raise MissingError(f"{run.path} has no fine-tuned model to start from. Run: precepts align sft {run.path}")
    run.stage("sft").intact("model/model.safetensors")
    return path


def _choose(run: Run, stage: Run, config: AlignConfig, options: RLOptions, *, base: Path, policy: Policy) -> list[Case]:
    """The prompts on which the start model is most uncertain; how it leans on the whole pool stands in the table `pool`."""
    cases = [c for c in cases_of(run, "train") if c.clauses]
    pool = sample(cases, _POOL, seed=config.seed, pairs=True)
    if len(stage.rows("pool")) != len(pool):
        stage.write("pool", _lean(base, pool, policy, start=options.start))
    rows = [Uncertain.model_validate(row) for row in stage.rows("pool")]
    by_id = {case.id: case for case in pool}
    chosen = [by_id[row.case_id] for row in most_uncertain(rows, options.num_prompts)]
    if len(chosen) < 2:
        raise InputError(
            f"{run.path} has {len(chosen)} training cases that name a clause and fit the model; reinforcing needs at least two."
        )
    return chosen


def uncertain_cases(pool: Sequence[Case], *, base: Path, policy: Policy, options: RLOptions) -> list[Case]:
    """Of cases that name a clause, those on which a model directory's model is most uncertain."""
    by_id = {case.id: case for case in pool}
    rows = _lean(base, pool, policy, start=options.start)
    return [by_id[row.case_id] for row in most_uncertain(rows, options.num_prompts)]


def _lean(base: Path, pool: Sequence[Case], policy: Policy, *, start: Start) -> list[Uncertain]:
    """How the start model leans: by its verdict's log-odds, or, where it writes no verdict, by those of a refusal as its first words."""
    from precepts.models.engine import Engine

    engine = Engine(base)
    room = engine.max_length - _MOST_TOKENS
    ordered = sorted(pool, key=lambda case: (sum(len(m.content) for m in case.messages), case.id))
    out: dict[str, Uncertain] = {}
    with progress("find uncertain prompts", len(pool), unit="cases") as bar:
        for first in range(0, len(ordered), _POOL_BATCH):
            batch = ordered[first : first + _POOL_BATCH]
            long = [case for case in batch if engine.length_of(engine.prompt_text(case.messages)) > room]
            fits = [case for case in batch if case not in long]
            for case, lean in zip(fits, _leanings(engine, fits, policy, start=start), strict=True):
                out[case.id] = Uncertain(case_id=case.id, asked=_kind(case, policy), log_odds=round(lean, 6))
            for case in long:
                out[case.id] = Uncertain(
                    case_id=case.id, asked=_kind(case, policy), log_odds=None, error="too long for the model"
                )
            bar.advance(len(batch))
    return [out[case.id] for case in pool]


def _leanings(engine: Engine, cases: Sequence[Case], policy: Policy, *, start: Start) -> list[float]:
    conversations = [case.messages for case in cases]
    kinds: list[Disposition] = [_kind(case, policy) for case in cases]
    if start == "base":
        odds = engine.openers(conversations)
        return [o if kind == "refuse" else -o for o, kind in zip(odds, kinds, strict=True)]
    bias = engine.bias._asdict()
    return [leaning(row, kind, **bias) for row, kind in zip(engine.decisions(conversations), kinds, strict=True)]


def _kind(case: Case, policy: Policy) -> Disposition:
    kind = asked(case, policy)
    assert kind is not None, "the pool's cases name a clause"
    return kind


def _dev_auc(engine: Any, dev: Sequence[Case], policy: Policy) -> float | None:
    """AUC of the verdict's log-odds on dev, refuse against comply; None where one of them is absent."""
    if not dev:
        return None
    rows = [
        {"score": refuse - comply, "label": float(asked(case, policy) == "refuse")}
        for case, (refuse, comply, _) in zip(dev, engine.decisions([case.messages for case in dev]), strict=True)
    ]
    return estimate("auc@1", rows).value
