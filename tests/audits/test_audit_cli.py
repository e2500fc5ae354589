from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from precepts.audits import example_record
from precepts.cli import app
from precepts.stats import verify
from precepts.types import Evidence

DATA = Path(os.environ.get("PRECEPTS_DATA", ""))
needs_data = pytest.mark.skipif(not (DATA / "hatecheck").is_dir(), reason="needs the public sets")


@needs_data
def test_hatecheck_finds_the_rater_and_the_gap_for_women(tmp_path: Path) -> None:
    record = tmp_path / "decision.yaml"
    record.write_text(example_record(), "utf-8")
    out = tmp_path / "run"
    argv = ["audit", "labels", "hatecheck", "--decision", str(record), "--out", str(out), "--json"]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 1, done.output
    document = json.loads(done.stdout)
    worst = document["raters"][0]
    assert (worst["group"], worst["measure"]) == ("women", "hit_rate")
    assert worst["evidence"]["value"] == pytest.approx(143 / 187)
    assert worst["others"] > 0.97
    gaps = {(e["claim"], e["slice"]["group"]): e for e in document["gaps"]}
    criterion, dprime = gaps["audit/labels/criterion_gap", "women"], gaps["audit/labels/dprime_gap", "women"]
    assert criterion["low"] > 0.2
    assert criterion["value"] == pytest.approx(0.44, abs=0.02)
    assert dprime["high"] < 0
    assert dprime["value"] == pytest.approx(-0.51, abs=0.02)
    outside = [(f["measure"], f["group"]) for f in document["findings"] if f["verdict"] == "outside margin"]
    assert ("criterion", "women") in outside
    rows = [Evidence.model_validate_json(line) for line in (out / "evidence.jsonl").read_text("utf-8").splitlines()]
    # Every kind of number once; `precepts audit verify` does all.
    for row in {(r.claim): r for r in rows}.values():
        assert verify(row, root=out) == []
    page = (out / "audit.html").read_text("utf-8")
    assert "women" in page
    assert "Open normative questions" in page
    assert "| women |" in (out / "audit.md").read_text("utf-8")


@needs_data
def test_compas_is_audited_by_race_and_sex(tmp_path: Path) -> None:
    record = tmp_path / "decision.yaml"
    record.write_text(
        "question: Does the flag mean the same risk?\nprinciple: equality\ndecided: {by: board, on: 2026-11-02}\n"
        "groups: [race, sex]\nintersections: true\ncosts: {false_positive: 1, false_negative: 1}\nscore: rank\n"
        "margins: {calibration: 0.05, false_positive_rate: 0.1}\nsampling: all\nescalate_to: board\n",
        "utf-8",
    )
    out = tmp_path / "run"
    argv = ["audit", "model", "compas_aequitas", "--decision", str(record), "--out", str(out)]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 1, done.output
    assert "Caucasian" in done.stdout
    document = json.loads((out / "audit.json").read_text("utf-8"))
    rates = {
        e["slice"]["group"]: e["value"] for e in document["levels"] if e["claim"] == "audit/model/false_positive_rate"
    }
    # ProPublica's published figures: 44.8 % and 23.5 %.
    assert rates["African-American"] == pytest.approx(0.4485, abs=0.001)
    assert rates["Caucasian"] == pytest.approx(0.2345, abs=0.001)
    again = CliRunner().invoke(app, ["audit", "verify", str(out)])
    assert again.exit_code == 0, again.output
    assert " 0 differences" in again.stdout
    assert {g["grouping"] for g in document["groups"]} == {"race", "sex", "race × sex"}


def test_a_record_changed_after_it_was_frozen_stops_the_audit(tmp_path: Path) -> None:
    record, table = tmp_path / "decision.yaml", tmp_path / "labels.csv"
    record.write_text(example_record(), "utf-8")
    assert CliRunner().invoke(app, ["audit", "freeze", str(record)]).exit_code == 0
    record.write_text(example_record().replace("criterion: 0.2", "criterion: 0.9"), "utf-8")
    table.write_text("item,rater,label,gold,target,template\n1,a,hateful,hateful,x,1\n", "utf-8")
    done = CliRunner().invoke(app, ["audit", "labels", str(table), "--decision", str(record)])
    assert "changed since it was frozen" in str(done.exception)
