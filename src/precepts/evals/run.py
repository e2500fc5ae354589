"""Runs suites on models: Inspect makes and logs the answers, a run directory keeps the rows, Evidence says what they show.

`OUT/SUITE/ARM/` holds `scores.jsonl` and Inspect's log. A finished arm is read, never run again. An arm that was killed goes on: Inspect's cache
keeps every answer by what was asked, of which model, with which sampling.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai import eval as inspect_eval
from inspect_ai import task_with
from inspect_ai.log import EvalLog, EvalSample, read_eval_log_samples
from inspect_ai.model import CachePolicy, Model, ModelRoles, get_model
from inspect_ai.solver import TaskState

from precepts.errors import InputError, MissingError
from precepts.evals.claims import UNDER, Scores, evidence_of, outcome_counts
from precepts.evals.languages import read_table, spoken, translated
from precepts.evals.outcomes import outcome_of_sample
from precepts.evals.suite import SUITES, Suite
from precepts.models import model_name, model_path
from precepts.progress import progress
from precepts.redteam.catalogue import find, techniques
from precepts.redteam.solvers import attack
from precepts.redteam.technique import NOT_APPLIED
from precepts.runs import Run, command_line, file_digest, read_jsonl
from precepts.types import Evidence, content_key

JAILBREAK = "jailbreak"


class Settings(NamedTuple):
    """What a run of suites was asked for, beside the model.

    `limit` counts cells of a suite: a case, or a case under one attack. `options` are those of single suites, by suite. `roles` binds further models
    by Inspect's names, as `monitor` and `mark`. `translations` is a table for `precepts.evals.languages`. `attack` is a technique that rewords
    every cell's request.
    """

    limit: int | None = None
    seed: int = 0
    judge: str | None = None
    attacker: str | None = None
    options: Mapping[str, Mapping[str, Any]] = {}
    roles: Mapping[str, str] = {}
    translations: Path | None = None
    attack: str | None = None

    def options_of(self, suite: Suite) -> dict[str, Any]:
        """The options of one suite; an attack is one of the attacks of the suite of jailbreaks, beside none."""
        attacks = {"attacks": f"none,{self.attack}"} if self.attack and suite.name == JAILBREAK else {}
        return {**attacks, **self.options.get(suite.name, {})}

    @property
    def extra(self) -> dict[str, Any]:
        """What the plan says besides, of settings that not every run has: a run begun without them goes on."""
        table = {"translations": file_digest(self.translations)} if self.translations else {}
        under = {"attack": self.attack} if self.attack else {}
        return table | under | ({"roles": dict(self.roles)} if self.roles else {})


class Result(NamedTuple):
    """One suite on one model or two: its evidence, and what became of the cells, by arm."""

    suite: Suite
    evidence: list[Evidence]
    outcomes: dict[str, dict[str, int]]


def run_suites(
    suites: Sequence[Suite], *, model: str, out: Path, baseline: str | None = None, settings: Settings | None = None
) -> list[Result]:
    """Runs every suite on the model, and on the baseline, and writes `evidence.jsonl` into each suite's directory and into `out`.

    Raises:
        InputError: If a reference has no known form, `out` was begun with other settings, or a suite cannot be put under the attack.
        MissingError: If a model or a data set is not here.
    """
    settings = settings or Settings()
    if settings.attack:
        check_attack(settings.attack, suites)
    arms = {model_name(ref): ref for ref in (baseline, model) if ref}
    if baseline and len(arms) == 1:
        raise InputError(f"The model and its baseline are both {model}. Give two different references.")
    run = Run(out)
    results: list[Result] = []
    with run.locked():
        run.begin({"kind": "suites", "model": model_name(model), "baseline": model_name(baseline) if baseline else None,
                   "limit": settings.limit, "seed": settings.seed, "judge": settings.judge, "attacker": settings.attacker,
                   **settings.extra})  # fmt: skip
        for suite in (spoken(one) for one in suites) if settings.translations else suites:
            scores = {name: _arm(suite, name, ref, run, settings) for name, ref in arms.items()}
            evidence = [row for one in scores.values() for row in evidence_of(suite, one, root=out)]
            if baseline:
                first, second = scores[model_name(model)], scores[model_name(baseline)]
                evidence += evidence_of(suite, first, root=out, baseline=second)
            run.stage(suite.name).write("evidence", evidence)
            results.append(Result(suite, evidence, {name: outcome_counts(one.rows) for name, one in scores.items()}))
        # Suites measured by an earlier command on the same models stay part of the run.
        run.write("evidence", [row for path in sorted(out.glob("*/evidence.jsonl")) for row in read_jsonl(path)])
        run.finish(command=command_line(), suites=[f"{s.name}@{s.version}" for s in suites])
    return results


def check_attack(technique: str, suites: Sequence[Suite]) -> None:
    """Looks whether every suite can be put under one technique; the suite of jailbreaks takes several, commas between.

    Raises:
        InputError: If a suite cannot, or there is no such technique.
        MissingError: If PyRIT is asked for and not installed.
    """
    techniques(technique)
    for suite in suites:
        if suite.attackable:
            find(technique)
        elif suite.name != JAILBREAK:
            raise InputError(
                f"A cell of the suite {suite.name} is no single request, which --attack could reword. It takes the suites "
                f"{', '.join(one.name for one in SUITES.values() if one.attackable or one.name == JAILBREAK)}."
            )


def _arm(suite: Suite, name: str, ref: str, run: Run, settings: Settings) -> Scores:
    """One suite on one model: run if it was not, else read."""
    stage = run.stage(suite.name).stage(_directory(name))
    weights = _weights(ref)
    options = settings.options_of(suite)
    stage.begin(
        {
            "suite": suite.name, "version": suite.version, "model": name, "weights": weights, "limit": settings.limit,
            "seed": settings.seed, "judge": settings.judge, "attacker": settings.attacker, "options": options, **settings.extra,
        }
    )  # fmt: skip
    if not stage.finished:
        log = _inspect(suite, ref, stage, settings, weights=weights)
        samples = list(read_eval_log_samples(log.location, all_samples_required=False))
        order = {str(i): n for n, i in enumerate(log.eval.dataset.sample_ids or [])}
        samples.sort(key=lambda s: (order.get(str(s.id), 0), s.epoch))
        stage.write("scores", [row_of(suite, sample) for sample in samples])
        stage.finish(judge=_judge(samples), log=os.path.relpath(log.location, stage.path))
    done = json.loads((stage.path / "run.json").read_text("utf-8"))
    return Scores(
        name, stage.table("scores"), stage.rows("scores"), f"{name}@{weights}" if weights else name, done["judge"],
        {UNDER: settings.attack} if settings.attack and suite.attackable else {},
    )  # fmt: skip


def _inspect(suite: Suite, ref: str, stage: Run, settings: Settings, *, weights: str | None) -> EvalLog:
    asked = {"grader": settings.judge, "attacker": settings.attacker, **settings.roles}
    roles: ModelRoles = {name: inspect_reference(given) for name, given in asked.items() if given}
    task = suite.task(seed=settings.seed, **settings.options_of(suite))
    if settings.attack and suite.attackable:
        if settings.options_of(suite).get("check"):
            raise InputError(
                f"-T {suite.name}.check and --attack cannot be had together: labelled answers are under no attack."
            )
        task = task_with(task, solver=attack(settings.attack, seed=settings.seed))
    if settings.translations:
        task = translated(task, read_table(settings.translations), suite=suite.name)
    count = min(len(task.dataset), settings.limit or len(task.dataset)) * (task.epochs or 1)
    with _opened(ref) as model, progress(f"{suite.name}: {model_name(ref)}", count, unit="cells") as bar:

        async def ended(state: TaskState) -> None:
            bar.advance()

        [log] = inspect_eval(
            task_with(task, cleanup=ended), model=model, limit=settings.limit, model_roles=roles or None,
            log_dir=str(stage.path / "logs"), display="none", log_level="error", fail_on_error=False, max_samples=64, score=True,
            cache=CachePolicy(expiry=None, scopes={"weights": weights or ""}),
        )  # fmt: skip
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status != "success":
        said = log.error.message if log.error else "Inspect gave no reason"
        raise InputError(f"The suite {suite.name} could not be run on {ref}: {said}. Its log: {log.location}")
    return log


@contextmanager
def _opened(ref: str) -> Generator[Model]:
    """The model as Inspect calls it; what runs here is closed afterwards."""
    name = inspect_reference(ref)
    try:
        model = get_model(name, memoize=False)
    except (InputError, MissingError):
        raise
    except Exception as error:
        raise MissingError(f"{ref} cannot be used: {str(error).strip().splitlines()[0]}") from error
    try:
        yield model
    finally:
        if name.startswith("precepts/"):
            model.api.close()


def inspect_reference(ref: str) -> str:
    """The reference as Inspect takes it: models that run here, and endpoints by their address, go to this package's provider."""
    path = model_path(ref)
    if ref.startswith(("http://", "https://")):
        return f"precepts/{ref}"
    if path is None or ref.startswith("precepts/"):
        return ref
    name = model_name(ref)
    if name.startswith("run:"):
        return f"precepts/run:{Path(name.removeprefix('run:')).expanduser().resolve()}"
    return f"precepts/{name}" if name.startswith("hf/") else f"precepts/hf/{path.resolve()}"


def row_of(suite: Suite, sample: EvalSample) -> dict[str, Any]:
    """One cell of the suite as a flat row; None is not known."""
    outcome = outcome_of_sample(sample)
    columns: dict[str, Any] = dict(sample.metadata.get("row", {}))
    for score in (sample.scores or {}).values():
        columns |= (score.metadata or {}).get("row", {})
    usage = sample.output.usage
    return {
        **dict.fromkeys(suite.columns), **columns, "id": str(sample.id), "epoch": sample.epoch, "outcome": outcome,
        "answered": float(outcome == "answered"), "num_tokens": usage.output_tokens if usage else None,
        "error": sample.error.message[:500] if sample.error else sample.metadata.get(NOT_APPLIED),
    }  # fmt: skip


def _judge(samples: Sequence[EvalSample]) -> str:
    found = {(s.metadata or {}).get("judge") for sample in samples for s in (sample.scores or {}).values()}
    return ", ".join(sorted(str(name) for name in found if name)) or "none"


def _directory(name: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[-60:]
    return plain if plain == name else f"{plain}-{content_key(name)[:6]}"


def _weights(ref: str) -> str | None:
    path = model_path(ref)
    files = sorted(path.glob("*.safetensors")) if path else []
    return file_digest(files[0])[:12] if files else None
