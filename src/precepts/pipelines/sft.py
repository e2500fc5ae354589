"""Stage 2 of `align`: fine-tune on the examples, then calibrate the verdict's threshold on dev."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from precepts.errors import InputError, MissingError, needs_extra
from precepts.pipelines.config import AlignConfig, asked, cases_of, policy_of, sample, trainable
from precepts.pipelines.since import before_of, to_retrain, touched
from precepts.progress import progress
from precepts.runs import Row, Run, file_digest, write_atomic

_MAX_DEV = 480


def sft_stage(run: Run, config: AlignConfig) -> Row:
    """Trains and calibrates; returns the calibration. A finished stage is read, not run again."""
    stage = run.stage("sft")
    if stage.finished:
        return json.loads((stage.path / "run.json").read_text("utf-8"))["calibration"]
    if not run.stage("data").finished:
        raise MissingError(f"{run.path} has no training data yet. Run: precepts align data {run.path}")
    run.stage("data").intact("examples.jsonl")
    base = trainable(config.model)
    try:
        from precepts.models.engine import SETTINGS
        from precepts.models.format import OPENING
        from precepts.training.examples import Example
        from precepts.training.sft import SFTSettings, train_sft
    except ImportError as error:
        raise needs_extra(error.name or "trl") from None
    examples = [Example.model_validate(row) for row in run.stage("data").rows("examples")]
    if not examples:
        raise InputError(f"Nothing to train on: the filter kept no example (see {run.stage('data').table('dropped')}).")
    settings = SFTSettings.model_validate(config.sft.model_dump())
    facts: Row = {}
    start = config.model
    if before := before_of(run, config.since):
        policy = policy_of(run)
        changed = touched(cases_of(run, "train"), before, policy, mode=config.mode)
        chosen = to_retrain(examples, before, changed, seed=config.seed)
        facts = {"touched_examples": len(chosen.touched), "rehearsed_examples": len(chosen.rehearsed)}
        examples = [*chosen.touched, *chosen.rehearsed]
        if before.run is not None:
            start = f"run:{before.run.path}"
            base = trainable(start)
    stage.begin(
        {
            "settings": settings,
            "seed": config.seed,
            "base": start,
            "examples_sha256": file_digest(run.stage("data").table("examples")),
        }
    )
    if examples:
        model = train_sft(examples, base=base, run=stage, settings=settings, seed=config.seed)
    else:
        # The change touches no example: the model of before is the model of now.
        model = stage.path / "model"
        shutil.copytree(base, model, dirs_exist_ok=True)
        write_atomic(model / SETTINGS, json.dumps({"opening": OPENING}, indent=1))
    calibration = calibrate_on_dev(run, model)
    stage.finish(calibration=calibration, num_examples=len(examples), **facts)
    return calibration


def calibrate_on_dev(run: Run, model: Path) -> Row:
    """Chooses the verdict biases on dev and writes them beside the weights."""
    from precepts.models.engine import SETTINGS, Engine
    from precepts.training.calibration import calibrate

    policy = policy_of(run)
    dev = [c for c in sample(cases_of(run, "dev"), _MAX_DEV, seed=0, pairs=True) if c.clauses]
    settings = json.loads((model / SETTINGS).read_text("utf-8"))
    if not dev:
        return {"n": 0, "note": "no dev cases: the verdict's threshold is the model's own"}
    engine = Engine(model)
    with progress("calibrate on dev", len(dev), unit="cases") as bar:
        log_probs = engine.decisions([case.messages for case in dev])
        bar.advance(len(dev))
    found = calibrate(log_probs, [asked(case, policy) or "comply" for case in dev])
    write_atomic(
        model / SETTINGS,
        json.dumps(
            {**settings, "verdict_bias": {"refuse": found.refuse, "safe_complete": found.safe_complete}}, indent=1
        ),
    )
    return found._asdict()
