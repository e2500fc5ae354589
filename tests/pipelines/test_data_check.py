"""`data check` and `data clean`: what is found is kept, counted with intervals, and left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import small
from precepts.cli import app
from precepts.data import load_cases
from precepts.errors import InputError, MissingError
from precepts.pipelines.data_check import check, clean, registered_texts
from precepts.stats import verify


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    rows: list[dict[str, Any]] = small.rows()
    taken = load_cases("xstest")[0].prompt
    rows += [
        {"id": "taken", "prompt": f"For my class: {taken}", "clauses": ["P1"], "category": "plants"},
        {"id": "again", "prompt": rows[0]["prompt"].upper(), "clauses": rows[0]["clauses"], "category": "plants"},
        {"id": "twin", "prompt": rows[0]["prompt"] + "!", "clauses": ["P2"], "category": "plants"},
    ]
    return small.write_cases(tmp_path, rows)


def test_repeats_and_duplicates_are_found_and_left_out(cases: Path, tmp_path: Path) -> None:
    policy = small.write_policy(tmp_path)
    found = check(str(cases), policy=str(policy), against=["xstest"], embedding=None, out=tmp_path / "out")
    rows = {row["case_id"]: row for row in found.rows}
    assert rows["taken"]["repeats"] == ["xstest"]
    assert (rows["again"]["duplicate"], rows["again"]["kept_for"]) == (1, small.rows()[0]["id"])
    assert rows["twin"]["duplicate"] == 0, "it is asked to be answered otherwise"
    assert {e.claim: verify(e, root=found.path) for e in found.evidence if verify(e, root=found.path)} == {}
    [share] = [e for e in found.evidence if e.claim == "data/contaminated" and e.slice.get("with") == "xstest"]
    assert share.value == sum(row["contaminated"] for row in found.rows) / len(found.rows)
    counts = clean(found, load_cases(cases), tmp_path / "clean.jsonl")
    kept = {json.loads(line)["id"] for line in (tmp_path / "clean.jsonl").read_text().splitlines()}
    assert {"taken", "again"}.isdisjoint(kept)
    assert "twin" in kept
    assert len(kept) == counts["kept"] == len(rows) - counts["repeats a test set"] - counts["near duplicate"]
    assert [c.id for c in load_cases(tmp_path / "clean.jsonl")] == [i for i in rows if i in kept]


def test_a_set_that_is_not_here_is_named_and_not_passed_over() -> None:
    found, missing = registered_texts(["xstest", "inthewild_jailbreaks"])
    assert list(found) == ["xstest"]
    assert "no prompts of its own" in missing["inthewild_jailbreaks"]
    with pytest.raises(MissingError, match="no data set"):
        registered_texts(["nothing"])


def test_cleaning_names_the_sets_that_it_could_not_compare_with(cases: Path, tmp_path: Path) -> None:
    words = [
        "data",
        "clean",
        str(cases),
        str(tmp_path / "to.jsonl"),
        "--embedding",
        "none",
        "--out",
        str(tmp_path / "o"),
    ]
    done = CliRunner().invoke(app, [*words, "--against", "xstest", "--against", "inthewild_jailbreaks"])
    assert done.exit_code == 0, done.output
    assert "not compared: inthewild_jailbreaks" in done.output


def test_thresholds_outside_their_range_are_told(cases: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at most 1"):
        check(str(cases), policy=None, against=["xstest"], near=1.5, embedding=None, out=tmp_path / "out")
