"""An optional stage of `align`, and a third way to train: the untrained model learns to do without the policy what it does with it in its prompt."""

from __future__ import annotations

import json

from precepts.errors import InputError, needs_extra
from precepts.pipelines.config import AlignConfig, brief_of, cases_of, policy_of, sample, trainable
from precepts.runs import PLAN, Row, Run, file_digest
from precepts.types import Frozen

STAGE = ARM = "distilled"
"""The stage's directory, and what the arm is called."""


class DistillOptions(Frozen):
    """What of the distillation may be chosen; the rest are the defaults of `training.DistillSettings`."""

    num_prompts: int = 256


def distill_stage(run: Run, config: AlignConfig, options: DistillOptions | None = None) -> Row:
    """Distils; returns what the stage's `run.json` holds. A finished stage is read, not run again.

    The teacher reads the brief of each case's category, as the arm with the policy in its prompt does. Without options, those that the
    stage was begun with.
    """
    stage = run.stage(STAGE)
    if options is None:
        begun = (stage.path / PLAN).exists()
        options = DistillOptions.model_validate(stage.plan["options"]) if begun else DistillOptions()
    base = trainable(config.model)
    policy = policy_of(run)
    try:
        from precepts.training.distill import DistillSettings, Told, check_room, train_distilled
    except ImportError as error:
        raise needs_extra(error.name or "trl") from None
    settings = DistillSettings()
    cases = sample([c for c in cases_of(run, "train") if c.clauses], options.num_prompts, seed=config.seed, pairs=True)
    if len(cases) < settings.batch_size:
        raise InputError(
            f"{run.path} gives {len(cases)} prompts to distil with, from training cases that name a clause, and a step takes "
            f"{settings.batch_size}. Give more --prompts, or a run with more such cases."
        )
    told = [Told(c.messages, brief_of(c, policy)) for c in cases]
    if not stage.finished:
        check_room(told, base, settings)  # before the plan is written: a stage cannot change its prompts afterwards
    stage.begin(
        {
            "options": options, "settings": settings, "seed": config.seed, "policy_digest": policy.digest,
            "base_sha256": file_digest(next(iter(sorted(base.glob("*.safetensors"))))),
        }
    )  # fmt: skip
    if stage.finished:
        return json.loads((stage.path / "run.json").read_text("utf-8"))
    train_distilled(told, base=base, run=stage, settings=settings, seed=config.seed)
    return stage.finish(num_prompts=len(cases))


def distilled(run: Run) -> bool:
    """Whether this run's model was distilled to the end."""
    return run.stage(STAGE).finished
