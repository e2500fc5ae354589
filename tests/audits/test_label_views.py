"""Labels of a scale or of classes, gold that is partial, wrong or absent, and judges that are no people, by the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import run_audit
from precepts.audits.run import Audited
from precepts.errors import InputError
from precepts.stats import verify
from precepts.types import Evidence

RecordFile = Callable[..., Path]


def _ratings(rng, *, items=120, raters=4):
    rows = []
    for group, shift in (("a", 0.6), ("b", 0.0)):
        for item in range(items):
            gold = item % 2
            for rater in range(raters):
                evidence = 2 * (gold - 0.5) - shift + rng.normal()
                level = "none" if evidence < -0.5 else "some" if evidence < 0.5 else "much"
                rows.append({"item": f"{group}{item}", "rater": f"r{rater}", "group": group, "gold": gold, "level": level,
                             "label": int(evidence > 0)})  # fmt: skip
    return pl.DataFrame(rows)


def _run(frame: pl.DataFrame, path: Path, tmp_path: Path) -> Audited:
    frame.write_parquet(tmp_path / "ratings.parquet")
    return run_audit("labels", str(tmp_path / "ratings.parquet"), decision=path, out=tmp_path / "run")


def _verified(done: Audited) -> None:
    rows = {(row.claim, row.slice.get("label")): row for row in map(Evidence.model_validate, done.run.rows("evidence"))}
    for row in rows.values():
        assert verify(row, root=done.run.path) == [], row.claim


def test_a_scale_is_audited_at_every_cut_and_decided_at_one(tmp_path: Path, record_file: RecordFile):
    frame = (
        _ratings(np.random.default_rng(0))
        .drop("label")
        .rename({"level": "label"})
        .with_columns(pl.col("gold").cast(pl.String))
    )
    path = record_file(
        levels=["none", "some", "much"], columns={"positive": ["1", "some", "much"]}, margins={"criterion": 0.2}
    )
    done = _run(frame, path, tmp_path)
    at = {
        row.slice.get("label", ""): row.value
        for row in done.report.levels
        if row.claim.endswith("/criterion") and row.slice["group"] == "b"
    }
    assert at["at least some"] < at["at least much"]
    assert at[""] == pytest.approx(at["at least some"])
    assert all("label" not in one.evidence.slice for one in done.report.findings)
    frame.with_columns(label=pl.lit("other")).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="levels"):
        run_audit("labels", str(tmp_path / "other.parquet"), decision=path, out=tmp_path / "other")


def test_classes_are_audited_one_against_the_rest(tmp_path: Path, record_file: RecordFile):
    rng = np.random.default_rng(1)
    gold = rng.choice(["x", "y", "z"], 300)
    said = np.where(rng.random(300) < 0.8, gold, rng.choice(["x", "y", "z"], 300))
    frame = pl.DataFrame({"item": np.arange(300), "rater": rng.choice(["r", "s", "t"], 300), "group": rng.choice(["a", "b"], 300),
                          "gold": gold, "label": said})  # fmt: skip
    done = _run(frame, record_file(classes=["x", "y", "z"], margins={"criterion": 0.2}), tmp_path)
    mine = frame.filter((pl.col("group") == "a") & (pl.col("gold") == "x"))
    rates = {
        row.slice["label"]: row.value
        for row in done.report.levels
        if row.claim.endswith("hit_rate") and row.slice["group"] == "a"
    }
    assert rates["x"] == pytest.approx((mine["label"] == "x").mean())
    assert set(rates) == {"x", "y", "z"}
    _verified(done)


def test_partial_gold_is_corrected_and_says_so(tmp_path: Path, record_file: RecordFile):
    rng = np.random.default_rng(2)
    frame = _ratings(rng, items=400, raters=1)
    drop = rng.random(len(frame)) < np.where(frame["label"] == 1, 0.2, 0.8)
    frame = frame.with_columns(gold=pl.when(pl.Series(drop)).then(None).otherwise(pl.col("gold")))
    done = _run(frame, record_file(), tmp_path)
    values = {row.claim: row for row in done.report.levels if row.slice["group"] == "b"}
    plain, corrected = values["audit/labels/hit_rate"], values["audit/labels/hit_rate_corrected"]
    assert corrected.value < plain.value
    assert any("no gold label" in note for note in done.report.notes)
    _verified(done)


def test_without_gold_levels_come_from_agreement_and_there_is_no_verdict(tmp_path: Path, record_file: RecordFile):
    frame = _ratings(np.random.default_rng(3), items=80).drop("gold")
    done = _run(frame, record_file(without_gold=True), tmp_path)
    assert done.report.findings == []
    assert {row.estimator for row in done.report.levels} == {"dawid_skene@1"}
    assert any("not identified" in note for note in done.report.notes)
    gap = next(
        r for r in done.report.contrasts if r.claim.endswith("criterion_gap_without_gold") and r.slice["group"] == "a"
    )
    assert gap.low > 0
    _verified(done)


def test_a_strict_rater_is_told_from_the_group_in_the_report(tmp_path: Path, record_file: RecordFile):
    frame = _ratings(np.random.default_rng(4), raters=6)
    strict = (pl.col("rater") == "r0") & (pl.col("group") == "a") & (pl.col("label") == 1)
    done = _run(frame.with_columns(label=pl.when(strict).then(0).otherwise("label")), record_file(), tmp_path)
    claims = {row.claim for row in done.report.contrasts}
    assert "audit/labels/criterion_gap_typical_rater" in claims
    of = next(r for r in done.report.contrasts if r.claim == "audit/labels/criterion_of_rater")
    assert (of.slice["rater"], of.slice["group"]) == ("r0", "a")
    assert of.low > 0.5
    gaps = {
        r.claim: r.value
        for r in done.report.contrasts
        if r.slice["group"] == "a" and r.slice.get("rater", "r0") == "r0" and r.params.get("sampled") != "b"
    }
    assert gaps["audit/labels/criterion_gap_without_rater"] + 0.1 < gaps["audit/labels/criterion_gap"]
    page = (done.run.path / "audit.html").read_text("utf-8")
    assert "Gaps in another light" in page
    _verified(done)


def test_a_calibrated_judge_is_audited_as_a_rater(tmp_path: Path, record_file: RecordFile):
    rng, run = np.random.default_rng(5), tmp_path / "calibration"
    run.mkdir()
    rows, ratings = [], []
    for k in range(80):
        label, group = k % 2, "a" if k < 40 else "b"
        rows.append({"id": str(k), "completion": "c", "groups": {"group": group}, "label": label, "category": "x"})
        said = int(rng.random() < (0.85 if label else 0.2))
        ratings.append({"id": str(k), "rater": "llm", "by": "judge", "said": said})
        ratings += [
            {"id": str(k), "rater": f"p{j}", "by": "people", "said": int(rng.random() < (0.9 if label else 0.1))}
            for j in range(2)
        ]
    for name, table in (("rows", rows), ("ratings", ratings)):
        (run / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    done = run_audit("labels", str(run), decision=record_file(), out=tmp_path / "run")
    assert {row["rater"] for row in done.run.rows("cells")} == {"llm", "p0", "p1"}
    assert done.report.groups[0]["num_ratings"] == 120
    with pytest.raises(InputError, match="calibration"):
        run_audit("labels", str(tmp_path), decision=tmp_path / "decision.yaml", out=tmp_path / "run2")
