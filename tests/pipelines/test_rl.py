"""`precepts align rl` on a tiny model: what it keeps, what it measures, and that nothing which interrupts it shows in the end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from precepts.pipelines.align import reward_check
from precepts.runs import Run, file_digest
from precepts.stats import verify
from precepts.types import Evidence
from process import KILLED, RL_POINTS

OPTIONS = ("--prompts", 9, "--samples", 4)
TABLES = ("rl/pool", "rl/rollouts", "rl/curve", "eval/test/evidence")


class Reinforced(NamedTuple):
    run: Path
    out: str


def facts(stage: Path) -> dict[str, Any]:
    return json.loads((stage / "run.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def copied(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run up to its fine-tuned model: what was measured names the place that it was measured in."""
    run = tmp_path_factory.mktemp("copied") / "run"
    shutil.copytree(finished.run, run)
    shutil.rmtree(run / "eval")
    return run


@pytest.fixture(scope="module")
def reinforced(cli: Any, copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Reinforced:
    run = tmp_path_factory.mktemp("reinforced") / "run"
    shutil.copytree(copied, run)
    done = cli("align", "rl", run, *OPTIONS)
    assert done.code == 0, done.err
    assert cli("align", "eval", run).code == 0
    assert cli("align", "card", run).code == 0
    return Reinforced(run, done.out)


def test_every_planned_rollout_is_kept_and_scored_or_says_why_not(reinforced: Reinforced) -> None:
    stage = Run(reinforced.run / "rl")
    rows = stage.rows("rollouts")
    assert len({row["key"] for row in rows}) == len(rows) == 9 * 4 == facts(stage.path)["num_rollouts"]
    assert [row["cycle"] for row in rows] == [0] * 12 + [1] * 12 + [2] * 12
    assert all(row["ids"] for row in rows)
    for row in rows:
        assert (row["reward"] is None) == (row["error"] is not None)
    assert {row["reward"] for row in rows} == {None, 0.0, 1.0}, "else these tests show nothing"
    assert f"precepts chat {stage.path}" in reinforced.out


def test_the_prompts_are_those_on_which_the_start_model_is_least_sure(reinforced: Reinforced) -> None:
    stage = Run(reinforced.run / "rl")
    pool = {row["case_id"]: row for row in stage.rows("pool")}
    chosen = {row["case_id"] for row in stage.rows("rollouts")}
    assert len(pool) == 24
    for kind in ("refuse", "comply"):
        rows = sorted((r for r in pool.values() if r["asked"] == kind), key=lambda r: abs(r["log_odds"]))
        mine = [r["case_id"] in chosen for r in rows]
        assert mine == sorted(mine, reverse=True), "the chosen come first in the order of doubt"
        assert any(mine)


def test_the_curve_says_what_each_cycle_was(reinforced: Reinforced) -> None:
    curve = Run(reinforced.run / "rl").rows("curve")
    rows, last = curve[:-1], curve[-1]
    assert [row["cycle"] for row in rows] == [0, 1, 2]
    for row in rows:
        assert {"reward", "zero_variance", "length", "kl", "dev_auc", "loss", "unscored", "format_valid"} <= row.keys()
        assert 0 <= row["zero_variance"] <= 1
    assert last.keys() == {"step", "cycle", "dev_auc"}
    assert rows[0]["kl"] < rows[-1]["kl"], "it moves away from where it started"


def test_the_arm_stands_beside_the_others_and_both_judges_are_told(reinforced: Reinforced) -> None:
    evidence = [Evidence.model_validate(row) for row in Run(reinforced.run).rows("evidence")]
    assert {e.slice["arm"] for e in evidence} == {"base", "policy in prompt", "sft", "sft+rl"}
    assert {e.baseline for e in evidence if e.slice["arm"] == "sft+rl"} == {None, "base", "policy in prompt", "sft"}
    judges = {claim: {e.judge for e in evidence if e.claim == f"align/{claim}"} for claim in ("kept", "reward")}
    assert len(judges["kept"]) == len(judges["reward"]) == 1
    assert judges["kept"].isdisjoint(judges["reward"])
    assert {e.claim: found for e in evidence if (found := verify(e, root=reinforced.run))} == {}
    page = (reinforced.run / "card.html").read_text("utf-8")
    assert next(iter(judges["reward"])) in page
    assert "Reinforcement, by cycle" in page
    assert (reinforced.run / "rl" / "model" / "precepts.json").exists()
    assert facts(reinforced.run / "rl")["calibration"]["n"] == 4


def test_a_run_without_reinforcement_claims_what_it_claimed(finished: Any) -> None:
    evidence = [Evidence.model_validate(row) for row in Run(finished.run).rows("evidence")]
    assert not {"align/kept", "align/reward"} & {e.claim for e in evidence}
    assert {e.slice["arm"] for e in evidence} == {"base", "policy in prompt", "sft"}
    assert "Reinforcement" not in (finished.run / "card.html").read_text("utf-8")


def test_the_same_command_again_does_nothing_and_another_is_refused(cli: Any, reinforced: Reinforced) -> None:
    stage = reinforced.run / "rl"
    before = {p: p.stat().st_mtime_ns for p in stage.rglob("*") if p.is_file()}
    assert cli("align", "rl", reinforced.run, *OPTIONS).out == reinforced.out
    assert {p: p.stat().st_mtime_ns for p in stage.rglob("*") if p.is_file()} == before
    other = cli("align", "rl", reinforced.run, "--prompts", 6)
    assert other.code == 2
    assert "options" in other.err.splitlines()[-1]


def test_killed_at_every_point_it_ends_at_the_same_evidence(
    cli: Any, copied: Path, reinforced: Reinforced, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    for point in RL_POINTS:
        done = cli("align", "rl", run, *OPTIONS, kill_at=point)
        assert done.code == KILLED, f"was to be killed {point}: {done.err}"
    done = cli("align", "rl", run, *OPTIONS)
    assert done.code == 0, done.err
    assert cli("align", "eval", run).code == 0
    for table in TABLES:
        one, other = ((r / f"{table}.jsonl").read_text("utf-8").replace(str(r), "RUN") for r in (run, reinforced.run))
        assert one == other, table
    weights = [file_digest(r / "rl" / "model" / "model.safetensors") for r in (run, reinforced.run)]
    assert weights[0] == weights[1]
    assert not (run / "rl" / "checkpoints").exists()


def test_answers_alone_are_updated_where_that_is_asked(
    cli: Any, copied: Path, reinforced: Reinforced, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    done = cli("align", "rl", run, *OPTIONS, "--answer-only")
    assert done.code == 0, done.err
    first = [[row for row in Run(r / "rl").rows("rollouts") if row["cycle"] == 0] for r in (run, reinforced.run)]
    assert first[0] == first[1], "the switch changes what is learned, not what is sampled"
    assert Run(run / "rl").plan["settings"]["answer_only"] is True


def test_the_base_model_can_be_reinforced_alone(cli: Any, copied: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    done = cli("align", "rl", run, "--prompts", 6, "--samples", 4, "--start", "base")
    assert done.code == 0, done.err
    assert cli("align", "eval", run).code == 0
    evidence = [Evidence.model_validate(row) for row in Run(run / "eval" / "test").rows("evidence")]
    assert {e.slice["arm"] for e in evidence} == {"base", "policy in prompt", "sft", "rl"}
    assert len(Run(run / "rl-only").rows("rollouts")) == 24


def test_the_shipped_reward_is_not_the_judge_that_tests(cli: Any, copied: Path, tmp_path: Path, embedded: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    done = cli("align", "rl", run, "--prompts", 4, "--samples", 2, real_judges=True)
    assert done.code == 0, done.err
    assert cli("align", "eval", run, real_judges=True).code == 0
    evidence = [Evidence.model_validate(row) for row in Run(run / "eval" / "test").rows("evidence")]
    rewarding = facts(run / "rl")["reward_judge"]
    assert rewarding.startswith("reward@1(probe@1(")
    assert {e.judge for e in evidence if e.claim == "align/reward"} == {rewarding}
    assert rewarding not in {e.judge for e in evidence if e.claim != "align/reward"}
    rows = Run(run / "rl").rows("rollouts")
    assert {row["reward"] for row in rows if not row["valid_format"]} <= {0.0}, "an invalid format earns nothing"


@pytest.mark.parametrize(
    ("reward", "kept", "said"),
    [
        ((0.1, 0.3), (-0.3, -0.1), "finds less kept: the reward was exploited"),
        ((0.1, 0.3), (-0.1, 0.2), "may have been exploited"),
        ((0.1, 0.3), (0.05, 0.2), "finds more kept too"),
        ((-0.1, 0.3), (-0.3, -0.1), "did not rise"),
    ],
)
def test_the_two_judges_are_held_against_each_other(
    reward: tuple[float, float], kept: tuple[float, float], said: str
) -> None:
    rows = [
        Evidence.model_validate(
            {
                "claim": f"align/{claim}", "slice": {"arm": "sft+rl", "set": "test"}, "value": sum(ends) / 2, "low": ends[0],
                "high": ends[1], "level": 0.95, "n": 160, "n_unscored": 0, "unit": "rate", "better": "higher", "estimator": "paired@1",
                "params": {}, "seed": 0, "inputs": [], "model": "m", "policy": None, "judge": claim, "run": "r", "baseline": "sft",
                "exposure": "unseen",
            }
        )
        for claim, ends in (("reward", reward), ("kept", kept))
    ]  # fmt: skip
    found = reward_check(rows, "sft+rl", "sft")
    assert found is not None
    assert said in found
    assert reward_check(rows[:1], "sft+rl", "sft") is None


def test_reinforcing_needs_a_fine_tuned_model(cli: Any, copied: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    shutil.rmtree(run / "sft")
    done = cli("align", "rl", run)
    assert done.code == 2
    assert f"precepts align sft {run}" in done.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--judge", "nonsense"), "names no model"),
        (("--start", "end"), "--start is sft or base, not 'end'"),
        (("--samples", 1), "--samples is at least 2"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    cli: Any, copied: Path, tmp_path: Path, argv: tuple[object, ...], said: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    done = cli("align", "rl", run, *argv)
    assert done.code == 2
    assert said in done.err
    assert not (run / "rl").exists()


@pytest.mark.slow
def test_a_reward_that_can_be_hacked_is_hacked_and_the_card_says_so(cli: Any, copied: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(copied, run)
    done = cli("align", "rl", run, "--prompts", 24, "--samples", 40, "--start", "base", planted=True)
    assert done.code == 0, done.err
    for stage in ("eval", "card"):
        done = cli("align", stage, run, planted=True)
        assert done.code == 0, done.err
    rewards = [row["reward"] for row in Run(run / "rl-only").rows("curve") if "reward" in row]
    assert rewards[-1] > rewards[0] + 0.3, "it was hacked, else nothing could be caught"
    said = json.loads((run / "card.json").read_text("utf-8"))["facts"]["reward_check"]
    assert len(said) == 1
    assert said[0].startswith("rl − base: the reward rose and the test judge")
    assert "exploited" in said[0]
    assert said[0].replace("−", "-") in (run / "card.html").read_text("utf-8").replace("−", "-")
