"""`precepts align` on a tiny model and a small policy: one command, and everything that it promises of its run."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import small
from precepts.deliberative import Weights
from precepts.policy import load_policy, sentences
from precepts.runs import Run, file_digest
from precepts.stats import verify
from precepts.training.examples import Example
from precepts.types import Evidence


def evidence_of(run: Path) -> list[Evidence]:
    return [Evidence.model_validate(row) for row in Run(run).rows("evidence")]


def facts(stage: Path) -> dict[str, Any]:
    return json.loads((stage / "run.json").read_text("utf-8"))


def test_one_command_ends_in_a_card_and_evidence(finished: Any) -> None:
    run, out = finished.run, finished.done.out
    page = (run / "card.html").read_text("utf-8")
    assert "<svg" in page
    assert not re.search(r"(src|href)=\"https?:", page), "the page needs no network"
    assert json.loads((run / "card.json").read_text("utf-8"))
    assert "refusal_rate" in out
    assert str(run / "card.html") in out.replace("\n", "")
    assert f"precepts chat {run}" in out.replace("\n", "")
    assert {e.slice["arm"] for e in evidence_of(run)} == {"base", "policy in prompt", "sft"}


def test_every_evidence_row_is_computed_again_from_its_inputs(finished: Any, tmp_path: Path) -> None:
    evidence = evidence_of(finished.run)
    assert len(evidence) > 20
    assert {e.claim: verify(e, root=finished.run) for e in evidence if verify(e, root=finished.run)} == {}
    # The tiny model never closes its reasoning, so its trained arm has nothing to pair.
    assert {e.baseline for e in evidence} == {None, "base"}
    copy = tmp_path / "run"
    shutil.copytree(finished.run / "eval", copy / "eval")
    scores = copy / "eval" / "test" / "sft" / "scores.jsonl"
    scores.write_text(scores.read_text().replace('"refused": 0.0', '"refused": 1.0'))
    assert verify(evidence[-1], root=copy), "a changed input is told"


def test_the_arms_are_measured_on_the_test_cases_alone(finished: Any) -> None:
    rows = {row["id"]: row for row in small.rows()}
    for arm in ("base", "policy-in-prompt", "sft"):
        scores = Run(finished.run / "eval" / "test" / arm).rows("scores")
        assert {row["case_id"] for row in scores} == {i for i, row in rows.items() if row["split"] == "test"}
        kinds = {"P1": "comply", "P2": "refuse", "H1": "safe_complete", "H2": "refuse"}
        assert {row["case_id"]: row["asked"] for row in scores} == {
            row["case_id"]: kinds[rows[row["case_id"]]["clauses"][0]] for row in scores
        }


def test_each_completion_is_kept_or_dropped_with_its_reason(finished: Any) -> None:
    data = Run(finished.run / "data")
    made = [row["case_id"] for row in data.rows("completions")]
    kept, dropped = ([row["case_id"] for row in data.rows(t)] for t in ("kept", "dropped"))
    assert sorted(made) == sorted(kept + dropped)
    assert len(set(made)) == len(made) == 24
    assert all(row["reason"] for row in data.rows("dropped"))
    counts = facts(data.path)["counts"]
    assert counts["dropped"] == Counter(row["reason"] for row in data.rows("dropped"))
    assert (counts["generated"], counts["kept"]) == (24, len(kept))
    assert counts["examples"] == 24 + (Weights().answer_repeats - 1) * len(kept)
    assert 0 < len(kept) < 24, "else the filter did nothing"


def test_the_student_is_trained_on_the_bare_prompts_of_the_train_split(finished: Any) -> None:
    examples = [Example.model_validate(row) for row in Run(finished.run / "data").rows("examples")]
    prompts = {row["id"]: row["prompt"] for row in small.rows() if row["split"] == "train"}
    assert {e.case_id: e.messages[-1].content for e in examples} == prompts
    told = sentences(load_policy(finished.run / "policy.yaml"))
    read = [" ".join(m.content.split()) for e in examples for m in e.messages]
    assert [s for s in told if any(s in text for text in read)] == []


def test_the_run_stands_by_itself_and_names_its_files(finished: Any) -> None:
    run = finished.run
    named = facts(run)["files"]
    assert named["data/examples.jsonl"] == file_digest(run / "data" / "examples.jsonl")
    assert {"plan.json", "policy.yaml", "cases.jsonl", "evidence.jsonl", "card.html", "card.json"} <= named.keys()
    assert "sft/model/model.safetensors" in named
    assert (run / "command.txt").read_text().startswith("precepts align ")
    assert facts(run / "sft")["calibration"]["n"] == 4
    settings = json.loads((run / "sft" / "model" / "precepts.json").read_text())
    assert settings["opening"] == "<think>\nverdict:"
    assert settings["verdict_bias"].keys() == {"refuse", "safe_complete"}


def test_the_same_command_again_does_nothing_and_prints_the_same(cli: Any, finished: Any) -> None:
    def state() -> dict[str, tuple[str, int]]:
        files = (p for p in finished.run.rglob("*") if p.is_file() and p.name != ".lock")
        return {str(p.relative_to(finished.run)): (file_digest(p), p.stat().st_mtime_ns) for p in files}

    before = state()
    again = cli(*finished.argv, finished.run)
    assert (again.code, again.out) == (0, finished.done.out)
    after = state()
    assert {name: digest for name, (digest, _) in after.items()} == {name: d for name, (d, _) in before.items()}
    written = {name for name in after if after[name] != before[name]}
    computed = {"eval/test/evidence.jsonl", "evidence.jsonl", "card.html", "card.json", "run.json"}
    assert written <= computed, "nothing is generated, trained or judged twice"


def test_the_stages_one_by_one_give_what_the_one_command_gives(cli: Any, finished: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    verb, *rest = finished.argv
    counts = cli(verb, "data", *rest, run)
    assert counts.code == 0, counts.err
    assert json.loads(counts.out) == facts(finished.run / "data")["counts"]
    assert not (run / "sft").exists()
    early = cli("align", "card", run)
    assert early.code == 2
    assert f"precepts align sft {run}" in early.err
    for argv in (("align", "sft", run), ("align", "eval", run), ("align", "card", run)):
        done = cli(*argv)
        assert done.code == 0, done.err
    assert same_but_for_place(run) == same_but_for_place(finished.run)


def same_but_for_place(run: Path) -> list[str]:
    """The evidence, less the name of the directory."""
    return [line.replace(str(run), "RUN") for line in (run / "evidence.jsonl").read_text("utf-8").splitlines()]


def test_another_seed_gives_another_model(cli: Any, finished: Any, tmp_path: Path) -> None:
    done = cli("align", "sft", *finished.argv[1:], tmp_path / "run", "--seed", 1)
    assert done.code == 0, done.err
    weights = [file_digest(run / "sft" / "model" / "model.safetensors") for run in (finished.run, tmp_path / "run")]
    assert weights[0] != weights[1]


def test_flipping_a_clause_flips_the_runs_training_data(cli: Any, finished: Any, tmp_path: Path) -> None:
    policy = small.write_policy(tmp_path, flipped="P2")
    done = cli("align", "data", policy, *finished.argv[2:], tmp_path / "run")
    assert done.code == 0, done.err
    before, after = (
        {row["case_id"]: row["spans"][1][0] for row in Run(run / "data").rows("examples")}
        for run in (finished.run, tmp_path / "run")
    )
    changed = {i for i in before if before[i] != after[i]}
    assert changed == {row["id"] for row in small.rows() if row["clauses"] == ["P2"] and row["split"] == "train"}
    assert {after[i] for i in changed} == {" comply"}


def test_the_shipped_judges_filter_and_test_and_are_named(
    cli: Any, finished: Any, tmp_path: Path, embedded: Path
) -> None:
    done = cli(*finished.argv, tmp_path / "run", "--limit", 6, real_judges=True)
    assert done.code == 0, done.err
    filters = facts(tmp_path / "run" / "data")["counts"]["filter_judges"]
    tests = {e.judge for e in evidence_of(tmp_path / "run")}
    assert len(filters) == len(tests) == 1
    assert "relevance(precepts/smollm2-135m)" in (next(iter(tests)) or "")
    assert set(filters).isdisjoint(tests), "the judge that filters is not the one that tests"
    assert all(verify(e, root=tmp_path / "run") == [] for e in evidence_of(tmp_path / "run"))


def test_a_run_that_was_moved_goes_on_where_it_is(cli: Any, finished: Any, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(finished.run, moved)
    (moved / "eval" / "test" / "evidence.jsonl").unlink()
    before = file_digest(moved / "eval" / "test" / "sft" / "completions.jsonl")
    done = cli("align", "eval", moved, "--json")
    assert done.code == 0, done.err
    assert file_digest(moved / "eval" / "test" / "sft" / "completions.jsonl") == before
    assert Run(moved / "eval" / "test").rows("evidence") == Run(finished.run / "eval" / "test").rows("evidence")
