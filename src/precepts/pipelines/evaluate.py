"""Stage 3 of `align`, and `align eval` on anything: arms over cases, judged, as Evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from precepts.data import ENTRIES, load_cases
from precepts.errors import MissingError
from precepts.evals.arms import System, complete
from precepts.evals.metrics import Arm, arm_evidence, paired_evidence
from precepts.evals.scores import judge_all
from precepts.models import Model, Sampling, model_name, open_model
from precepts.pipelines.config import FREQUENCY_PENALTY, AlignConfig, cases_of, policy_of, sample
from precepts.pipelines.judging import test_judge
from precepts.policy import Policy, brief
from precepts.progress import progress
from precepts.runs import Run, file_digest
from precepts.types import Case, Evidence, content_key

BASE, IN_PROMPT, SFT = "base", "policy in prompt", "sft"
IFEVAL = "ifeval"


class ArmSpec(NamedTuple):
    """A model under a name, and what it reads before a case."""

    name: str
    model: str
    system: System | None = None

    @property
    def directory(self) -> str:
        """The arm's directory inside a set's: one plain name, whatever the model is called."""
        plain = re.sub(r"[^\w.-]+", "-", self.name).strip("-.")
        return plain if plain == self.name.replace(" ", "-") else f"{plain}-{content_key(self.name)[:6]}"


def own_arms(run: Run, config: AlignConfig, policy: Policy) -> list[ArmSpec]:
    """The arms of a run: the base model bare, the same with the policy in its prompt, and the trained model bare.

    The second is given the brief of the case's own category: more than it would know in use.
    """
    known = {category.id for category in policy.categories}

    def system(case: Case) -> str:
        return brief(policy, case.category if case.category in known else None)

    return [ArmSpec(BASE, config.model), ArmSpec(IN_PROMPT, config.model, system), ArmSpec(SFT, f"run:{run.path}")]


def eval_stage(run: Run, config: AlignConfig) -> list[Evidence]:
    """Measures the three arms on test cases that none was trained on; evidence in `eval/test/evidence.jsonl`."""
    if not (run.path / "sft" / "model" / "config.json").exists():
        raise MissingError(f"{run.path} has no trained model yet. Run: precepts align sft {run.path}")
    policy = policy_of(run)
    cases = sample(cases_of(run, "test"), config.eval_limit, seed=0, pairs=True)
    if not cases:
        raise MissingError(
            f"{run.path} has no test cases. Give cases of split `test` in the cases file, or more cases."
        )
    return evaluate(
        run.stage("eval"), own_arms(run, config, policy), cases, set_name="test", policy=policy, seed=0,
        max_tokens=config.max_eval_tokens, root=run.path, baseline=BASE,
    )  # fmt: skip


def evaluate(
    stage: Run, arms: Sequence[ArmSpec], cases: Sequence[Case], *, set_name: str, policy: Policy | None, seed: int, max_tokens: int,
    root: Path, baseline: str | None,
) -> list[Evidence]:  # fmt: skip
    """Runs and judges each arm on the cases, and writes the set's evidence: every claim of every arm, and differences to the baseline."""
    home = stage.stage(set_name)
    judge = None
    ifeval = set_name.split("-")[0] == IFEVAL
    measured: list[Arm] = []
    for spec in arms:
        run = home.stage(spec.directory)
        name = model_name(spec.model)
        digest = _weights(spec.model)
        run.begin(
            {
                "arm": spec.name,
                "model": name,
                "weights": digest,
                "set": set_name,
                "seed": seed,
                "max_tokens": max_tokens,
                "frequency_penalty": FREQUENCY_PENALTY,
                "cases": [c.id for c in cases],
                "cases_digest": content_key([c.model_dump(mode="json") for c in cases]),
                "policy": policy.digest if policy else None,
            }
        )
        if not run.finished:

            def load(ref: str = spec.model) -> Model:
                return open_model(ref)

            completions = complete(
                cases, model=load, name=name, run=run, label=f"{set_name}: {spec.name}", system=spec.system,
                sampling=Sampling(max_tokens=max_tokens, frequency_penalty=FREQUENCY_PENALTY), seed=seed,
            )  # fmt: skip
            if ifeval:
                from precepts.evals.ifeval_scores import ifeval_rows

                run.write("scores", ifeval_rows(cases, completions))
            else:
                judge = judge or test_judge()
                with progress(f"judge {spec.name}", len(completions), unit="answers") as bar:
                    judge_all(cases, completions, judge=judge, policy=policy, run=run)
                    bar.advance(len(completions))
            run.finish(judge="ifeval@1" if ifeval else judge.name if judge else "")
        done = json.loads((run.path / "run.json").read_text("utf-8"))
        measured.append(
            Arm(
                spec.name,
                set_name,
                run.table("scores"),
                run.rows("scores"),
                f"{name}@{digest}" if digest else name,
                done["judge"],
            )
        )
    return _write_evidence(home, measured, policy=policy, root=root, baseline=baseline, own=set_name == "test")


def _write_evidence(
    home: Run, measured: Sequence[Arm], *, policy: Policy | None, root: Path, baseline: str | None, own: bool
) -> list[Evidence]:
    evidence: list[Evidence] = []
    digest = f"{policy.id}@{policy.digest}" if policy else None
    by_name = {arm.name: arm for arm in measured}
    with progress("compute intervals", len(measured), unit="arms") as bar:
        for arm in measured:
            evidence += arm_evidence(arm, root=root, policy=digest, own=own, categories=own)
            for other in (baseline, IN_PROMPT if arm.name == SFT else None):
                if other in by_name and other != arm.name:
                    evidence += paired_evidence(arm, by_name[other], root=root, policy=digest)
            bar.advance()
    home.write("evidence", evidence)
    return evidence


def set_cases(source: str, *, limit: int | None) -> tuple[str, list[Case]]:
    """A set's short name and its cases, by registered name or file. A file cannot pass for a public set or the run's own test."""
    cases = load_cases(source)
    name = source if source in ENTRIES else Path(source).stem
    if source not in ENTRIES and name.split("-")[0] in (*ENTRIES, "test"):
        name = f"file-{name}"
    return name, sample(cases, limit, seed=0, pairs=True)


def _weights(ref: str) -> str | None:
    """Twelve digits of the weights' sha256, so that evidence names the model and not only its directory."""
    from precepts.models import model_path

    path = model_path(ref)
    files = sorted(path.glob("*.safetensors")) if path else []
    return file_digest(files[0])[:12] if files else None
