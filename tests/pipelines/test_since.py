"""`align --since`: only what a change touches is made anew, and the card says what moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import small
from precepts.pipelines.since import Before, known_judgments
from precepts.policy import load_policy
from precepts.runs import Run
from precepts.stats import verify
from precepts.types import Case, Completion, Evidence, Judgment


def facts(stage: Path) -> dict[str, Any]:
    return json.loads((stage / "run.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def changed(cli: Any, finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed")
    policy = small.write_policy(folder, flipped="P1")
    done = cli("align", str(policy), "--since", str(finished.run), "--out", folder / "run")
    assert done.code == 0, done.err
    return folder / "run"


def test_rows_that_a_change_does_not_touch_are_used_again(finished: Any, changed: Path) -> None:
    old = {r["case_id"]: r for r in Run(finished.run / "data").rows("completions")}
    new = {r["case_id"]: r for r in Run(changed / "data").rows("completions")}
    assert old.keys() == new.keys()
    same = {i for i in old if old[i] == new[i]}
    assert same == {i for i in old if not i.endswith("-P1")}
    counts = facts(changed / "data")["counts"]
    assert counts["reused"] == len(same)
    assert counts["touched"] == sum(row["split"] == "train" for row in small.rows() if row["clauses"] == ["P1"])
    planned = json.loads((changed / "data" / "plan.json").read_text())["batches"]
    assert {i for batch in planned[1:] for i in batch} == {i for i in old if i.endswith("-P1")}


def test_only_touched_examples_and_their_rehearsal_are_trained_on(changed: Path) -> None:
    told = facts(changed / "sft")
    all_examples = Run(changed / "data").rows("examples")
    touched = [e for e in all_examples if e["case_id"].endswith("-P1")]
    assert told["touched_examples"] == len(touched)
    assert told["num_examples"] == told["touched_examples"] + told["rehearsed_examples"] <= len(all_examples)
    assert all(" refuse" in e["spans"][1][0] for e in touched), "the flipped clause teaches the other decision"


def test_a_run_stands_by_itself_with_the_policy_before(finished: Any, changed: Path) -> None:
    assert load_policy(changed / "policy.before.yaml").digest == load_policy(finished.run / "policy.yaml").digest
    assert Run(changed).plan["model"] == Run(finished.run).plan["model"]


def test_the_base_arm_is_not_measured_again(finished: Any, changed: Path) -> None:
    old, new = (Run(run / "eval" / "test" / "base").rows("completions") for run in (finished.run, changed))
    assert {r["case_id"]: r["text"] for r in old} == {r["case_id"]: r["text"] for r in new}
    assert {r["key"] for r in old} == {r["key"] for r in new}


def test_the_card_says_which_verdicts_moved(changed: Path) -> None:
    rows = Run(changed / "eval" / "moved").rows("moved")
    assert {r["case_id"] for r in rows if r["touched"]} == {r["case_id"] for r in rows if r["clause"] == "P1"}
    assert {(r["asked_before"], r["asked_now"]) for r in rows if r["touched"]} == {("comply", "refuse")}
    assert all(r["asked_before"] == r["asked_now"] for r in rows if not r["touched"])
    evidence = [Evidence.model_validate(r) for r in Run(changed).rows("evidence")]
    moved = [e for e in evidence if e.claim == "align/verdict_moved"]
    assert len(moved) == 2
    assert {e.claim: verify(e, root=changed) for e in evidence if verify(e, root=changed)} == {}
    assert "verdicts that moved" in (changed / "card.html").read_text()
    assert "P1 (changed)" in (changed / "card.html").read_text()


def test_nothing_changed_trains_nothing(cli: Any, finished: Any, tmp_path: Path) -> None:
    policy = small.write_policy(tmp_path)
    done = cli("align", "sft", str(policy), "--since", str(finished.run), "--out", tmp_path / "run")
    assert done.code == 0, done.err
    told = facts(tmp_path / "run" / "sft")
    assert (told["touched_examples"], told["num_examples"]) == (0, 0)
    old, new = (run / "sft" / "model" / "model.safetensors" for run in (finished.run, tmp_path / "run"))
    assert old.read_bytes() == new.read_bytes()


def test_a_policy_before_trains_what_the_change_touches(cli: Any, finished: Any, tmp_path: Path) -> None:
    before = small.write_policy(tmp_path)
    after = small.write_policy(tmp_path, flipped="P2")
    cases = small.write_cases(tmp_path)
    done = cli(
        "align", "sft", str(after), "--since", str(before), "--cases", str(cases), "--model", str(finished.model),
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    made = {r["case_id"] for r in Run(tmp_path / "run" / "data").rows("completions")}
    assert made
    assert all(i.endswith("-P2") for i in made)


@pytest.mark.parametrize(("now", "known"), [("openai/one", 1), ("openai/other", 0), (None, 0)])
def test_what_another_judge_said_is_not_taken_for_this_ones(tmp_path: Path, now: str | None, known: int) -> None:
    policy = load_policy(small.write_policy(tmp_path))
    run = Run(tmp_path / "before")
    run.begin({"judge": "openai/one"})
    case = Case.model_validate({"id": "a", "prompt": "p", "clauses": ["P1"]})
    made = Completion(key="k", case_id="a", model="m", text="t", answer="t")
    run.stage("data").append("judgments", [Judgment(case_id="a", completion="k", judge="llm", score=1.0)])
    found = known_judgments(Before(policy, run), [made], {"a": case}, policy, judge=now)
    assert len(found) == known


def test_a_lost_place_is_told(cli: Any, tmp_path: Path) -> None:
    done = cli("align", str(small.write_policy(tmp_path)), "--since", str(tmp_path / "none"), "--out", tmp_path / "run")
    assert done.code == 2
    assert "there is no such run directory or policy file" in done.err
