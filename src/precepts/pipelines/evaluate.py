"""Stage 3 of `align`, and `align eval` on anything: arms over cases, judged, as Evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from precepts.data import ENTRIES, load_cases
from precepts.errors import MissingError
from precepts.evals.arms import Known, System, complete
from precepts.evals.metrics import CLAIMS, KEPT, REWARD_CLAIMS, Arm, arm_evidence, paired_evidence
from precepts.evals.scores import judge_all, reward_rows
from precepts.judges import Judge, spread_judge
from precepts.models import Model, Sampling, model_name, open_model
from precepts.pipelines.config import FREQUENCY_PENALTY, AlignConfig, brief_of, cases_of, policy_of, sample
from precepts.pipelines.distill import ARM as DISTILLED
from precepts.pipelines.distill import distilled
from precepts.pipelines.judging import test_judge
from precepts.pipelines.rl import ARM, STAGE, finished_starts, options_of, reward_of
from precepts.policy import Policy
from precepts.progress import progress
from precepts.runs import PLAN, Run, file_digest
from precepts.types import Case, Completion, Evidence, content_key
from precepts.workers import Spread, here

BASE, IN_PROMPT, SFT = "base", "policy in prompt", "sft"
_COMPARED = {SFT: (IN_PROMPT,), DISTILLED: (IN_PROMPT, SFT), ARM["sft"]: (IN_PROMPT, SFT), ARM["base"]: (SFT,)}
"""With which arms, beside the baseline, an arm is compared."""

IFEVAL = "ifeval"


class ArmSpec(NamedTuple):
    """A model under a name, what it reads before a case, and directories of arms measured before whose rows may hold."""

    name: str
    model: str
    system: System | None = None
    earlier: tuple[Path, ...] = ()

    @property
    def directory(self) -> str:
        """The arm's directory inside a set's: one plain name, whatever the model is called."""
        plain = re.sub(r"[^\w.-]+", "-", self.name).strip("-.")
        return plain if plain == self.name.replace(" ", "-") else f"{plain}-{content_key(self.name)[:6]}"


def own_arms(run: Run, config: AlignConfig, policy: Policy) -> list[ArmSpec]:
    """The arms of a run: the base model bare, the same with the policy in its prompt, the trained model bare, and what was reinforced or distilled.

    The second is given the brief of the case's own category: more than it would know in use.
    """
    reinforced = [ArmSpec(ARM[start], f"run:{run.path / STAGE[start]}") for start in finished_starts(run)]
    arms = [
        ArmSpec(BASE, config.model),
        ArmSpec(IN_PROMPT, config.model, with_policy(policy)),
        ArmSpec(SFT, f"run:{run.path}"),
        *reinforced,
        *([ArmSpec(DISTILLED, f"run:{run.path / DISTILLED}")] if distilled(run) else []),
    ]
    return [with_earlier(arm, config.since) for arm in arms]


def with_policy(policy: Policy) -> System:
    """What an arm reads that is given the policy: the brief of the case's category, of none where the policy does not have it."""
    return lambda case: brief_of(case, policy)


def with_earlier(arm: ArmSpec, since: str | None) -> ArmSpec:
    """The arm, with what an earlier run measured of the same name on its test cases."""
    return arm if since is None else arm._replace(earlier=(Path(since) / "eval" / "test" / arm.directory,))


def eval_stage(run: Run, config: AlignConfig, *, over: Spread = here) -> list[Evidence]:
    """Measures the arms on test cases that none was trained on; evidence in `eval/test/evidence.jsonl`.

    Where the run was reinforced, every arm is scored by the judge that rewarded too, so that a reward that was exploited shows.
    """
    if not (run.path / "sft" / "model" / "config.json").exists():
        raise MissingError(f"{run.path} has no trained model yet. Run: precepts align sft {run.path}")
    policy = policy_of(run)
    cases = sample(cases_of(run, "test"), config.eval_limit, seed=0, pairs=True)
    if not cases:
        raise MissingError(
            f"{run.path} has no test cases. Give cases of split `test` in the cases file, or more cases."
        )
    starts = finished_starts(run)
    rewards = partial(reward_of, options_of(run, starts[0]), policy) if starts else None
    return evaluate(
        run.stage("eval"), own_arms(run, config, policy), cases, set_name="test", policy=policy, seed=0,
        max_tokens=config.max_eval_tokens, root=run.path, baseline=BASE, rewards=rewards, over=over,
    )  # fmt: skip


def evaluate(
    stage: Run, arms: Sequence[ArmSpec], cases: Sequence[Case], *, set_name: str, policy: Policy | None, seed: int, max_tokens: int,
    root: Path, baseline: str | None, rewards: Callable[[], Judge] | None = None, over: Spread = here,
) -> list[Evidence]:  # fmt: skip
    """Runs and judges each arm on the cases, and writes the set's evidence: every claim of every arm, and differences to the baseline.

    `over` says who answers and judges; what is written is the same.

    `rewards` makes the judge that rewarded, where what it says of each arm is wanted beside what the test judge says.
    """
    home = stage.stage(set_name)
    judge = None
    ifeval = set_name.split("-")[0] == IFEVAL
    measured: list[Arm] = []
    rewarded: list[Arm] = []
    rewarder: list[Judge] = []
    for spec in arms:
        run = home.stage(spec.directory)
        digest = weights_of(spec.model)
        name = begun_name(run, spec.model, digest)
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
                sampling=Sampling(max_tokens=max_tokens, frequency_penalty=FREQUENCY_PENALTY), seed=seed, known=_known(spec, digest),
                over=over,
            )  # fmt: skip
            if ifeval:
                from precepts.evals.ifeval_scores import ifeval_rows

                run.write("scores", ifeval_rows(cases, completions))
            else:
                judge = judge or spread_judge(test_judge, policy, over)
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
        if rewards is not None:
            rewarded.append(
                _rewarded(
                    measured[-1], run, cases, lambda: spread_judge(rewards, policy, over), rewarder, policy=policy
                )
            )
    return _write_evidence(
        home, measured, rewarded, policy=policy, root=root, baseline=baseline, own=set_name == "test"
    )


def _rewarded(
    arm: Arm, run: Run, cases: Sequence[Case], rewards: Callable[[], Judge], loaded: list[Judge], *, policy: Policy | None
) -> Arm:  # fmt: skip
    """The arm as the judge that rewarded sees it; judged once, in a stage of its own beside the arm's scores."""
    stage = run.stage("reward")
    stage.begin({"scores_sha256": file_digest(run.table("scores"))})
    if not stage.finished:
        if not loaded:
            loaded.append(rewards())
        completions = [Completion.model_validate(row) for row in run.rows("completions")]
        with progress(f"reward {arm.name}", len(completions), unit="answers") as bar:
            stage.write("scores", reward_rows(cases, completions, judge=loaded[0], policy=policy))
            bar.advance(len(completions))
        stage.finish(judge=loaded[0].name)
    name = json.loads((stage.path / "run.json").read_text("utf-8"))["judge"]
    return arm._replace(scores=stage.table("scores"), rows=stage.rows("scores"), judge=name)


def _write_evidence(
    home: Run,
    measured: Sequence[Arm],
    rewarded: Sequence[Arm],
    *,
    policy: Policy | None,
    root: Path,
    baseline: str | None,
    own: bool,
) -> list[Evidence]:
    evidence: list[Evidence] = []
    digest = f"{policy.id}@{policy.digest}" if policy else None
    # What the test judge counts as kept is told only where the reward stands beside it.
    tested = (*CLAIMS, KEPT) if rewarded else CLAIMS
    with progress("compute intervals", len(measured), unit="arms") as bar:
        for arms, claims, categories in ((measured, tested, True), (rewarded, REWARD_CLAIMS, False)):
            by_name = {arm.name: arm for arm in arms}
            for arm in arms:
                evidence += arm_evidence(
                    arm, root=root, policy=digest, own=own and categories, categories=categories, claims=claims
                )
                for other in (baseline, *_COMPARED.get(arm.name, ())):
                    if other in by_name and other != arm.name:
                        evidence += paired_evidence(arm, by_name[other], root=root, policy=digest, claims=claims)
                bar.advance(int(arms is measured))
    home.write("evidence", evidence)
    return evidence


def set_cases(source: str, *, limit: int | None) -> tuple[str, list[Case]]:
    """A set's short name and its cases, by registered name or file. A file cannot pass for a public set or the run's own test."""
    cases = load_cases(source)
    name = source if source in ENTRIES else Path(source).stem
    if source not in ENTRIES and name.split("-")[0] in (*ENTRIES, "test"):
        name = f"file-{name}"
    return name, sample(cases, limit, seed=0, pairs=True)


def _known(spec: ArmSpec, weights: str | None) -> Known | None:
    """The rows of the first arm measured before that was of the same weights."""
    found = (measured_before(folder, weights) for folder in spec.earlier)
    return next((one for one in found if one is not None), None)


def measured_before(folder: Path, weights: str | None) -> Known | None:
    """What an arm's directory holds, if it was measured with these weights."""
    told = Run(folder).plan if (folder / PLAN).exists() else {}
    if weights is None or told.get("weights") != weights:
        return None
    return Known(str(told["model"]), {row["case_id"]: row for row in Run(folder).rows("completions")})


def fullest(folders: Sequence[Path], cases: Sequence[Case]) -> Path | None:
    """The arm's directory that holds answers to the most of these cases; None where none holds any."""
    ids = {case.id for case in cases}
    held = {folder: sum(row["case_id"] in ids for row in Run(folder).rows("completions")) for folder in folders}
    best = max(held, key=lambda folder: held[folder], default=None)
    return best if best is not None and held[best] and (best / PLAN).exists() else None


def begun_name(run: Run, ref: str, weights: str | None) -> str:
    """What a directory calls the model: as when it was begun, if the weights are the same, so that a run can be moved; else by the reference."""
    told = run.plan if (run.path / PLAN).exists() else {}
    return str(told["model"]) if weights is not None and told.get("weights") == weights else model_name(ref)


def weights_of(ref: str) -> str | None:
    """Twelve digits of the weights' sha256, so that evidence names the model and not only its directory."""
    from precepts.models import model_path

    path = model_path(ref)
    files = sorted(path.glob("*.safetensors")) if path else []
    return file_digest(files[0])[:12] if files else None
