"""What an audit of a model takes beside one score of one stage: weights, thresholds, stages, classes, membership, pairs, numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from precepts.audits import Decision, audit_model, model_cells, run_audit
from precepts.audits.run import Audited
from precepts.cli import app
from precepts.errors import InputError
from precepts.stats import counted_auc, estimate, verify
from precepts.stats.abroca import roc
from precepts.types import Evidence, Input

Record = Callable[..., Decision]
RecordFile = Callable[..., Path]
SOURCE = Input(path="cells.jsonl", sha256="0")


def _scores(rng, n=900):
    group = rng.choice(["a", "b", "c"], n)
    score = rng.beta(2, 3, n)
    return pl.DataFrame({"group": group, "score": score, "outcome": (rng.random(n) < score).astype(int)})


def _run(frame: pl.DataFrame, path: Path, tmp_path: Path) -> Audited:
    frame.write_parquet(tmp_path / "scores.parquet")
    return run_audit("model", str(tmp_path / "scores.parquet"), decision=path, out=tmp_path / "run")


def _verified(done: Audited) -> int:
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    for row in rows:
        assert verify(row, root=done.run.path) == []
    return len(rows)


def _value(done: Audited, claim: str, group: str, **slices: str) -> float | None:
    for row in [*done.report.levels, *done.report.contrasts]:
        wanted = {"group": group, **slices}
        if row.claim == f"audit/model/{claim}" and all(row.slice.get(key) == value for key, value in wanted.items()):
            return row.value
    raise AssertionError(f"no {claim} of {group}")


def test_weights_of_one_change_nothing_and_weights_count_as_copies_in_the_value(record: Record):
    frame = _scores(np.random.default_rng(0))
    plain = audit_model(model_cells(frame.lazy(), record(), where="t"), record(), SOURCE, model="m")
    weighted = record(columns={"weight": "w"})
    ones = audit_model(model_cells(frame.with_columns(w=1.0).lazy(), weighted, where="t"), weighted, SOURCE, model="m")
    by = {(row.claim, row.slice["group"]): row for row in ones.levels}
    for row in plain.levels:
        if (key := (row.claim, row.slice["group"])) in by:
            assert (by[key].value, by[key].low, by[key].high) == pytest.approx((row.value, row.low, row.high), abs=1e-9)
    twice = frame.with_columns(w=pl.when(pl.col("score") > 0.5).then(2.0).otherwise(1.0))
    copies = pl.concat([frame, frame.filter(pl.col("score") > 0.5)])
    two = audit_model(model_cells(twice.lazy(), weighted, where="t"), weighted, SOURCE, model="m")
    many = audit_model(model_cells(copies.lazy(), record(), where="t"), record(), SOURCE, model="m")
    wanted = {(row.claim, row.slice["group"]): row for row in many.levels}
    for row in two.levels:
        if row.claim.endswith("ecce_sigma"):
            continue  # a walk of fewer rows, as unlike weights make them, has a larger sigma
        other = wanted[row.claim, row.slice["group"]]
        assert row.value == pytest.approx(other.value, abs=1e-3 if "auc" in row.claim or "calib" in row.claim else 1e-9)
        assert row.n < other.n


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_weighted_intervals_cover_where_forgetting_weights_does_not(seed: int):
    rng, held, plain, runs = np.random.default_rng(seed), 0, 0, 300
    for _ in range(runs):
        stratum = rng.random(400) < 0.5
        y, w = rng.random(400) < np.where(stratum, 0.2, 0.6), np.where(stratum, 1.0, 5.0)
        rows = [{"score": int(a), "score_b": b, "score_c": b * b, "count": 1} for a, b in zip(y, w, strict=True)]
        truth = (0.2 + 5 * 0.6) / 6
        found = estimate("weighted_group@1", rows, params={"measure": "rate"})
        held += found.low <= truth <= found.high
        other = estimate("wilson@1", rows)
        plain += other.low <= truth <= other.high
    assert held / runs >= 0.91
    assert plain / runs < 0.5


def test_further_thresholds_are_shown_and_binned_scores_are_cut_there(record: Record):
    rng = np.random.default_rng(1)
    frame = _scores(rng, 5000)
    decision = record(thresholds=[0.3335, 0.7])
    cells = model_cells(frame.lazy(), decision, where="t")
    assert not cells.exact
    found = audit_model(cells, decision, SOURCE, model="m")
    for row in found.levels:
        if row.claim == "audit/model/selection_rate_at_0_3335":
            mine = frame.filter(pl.col("group") == row.slice["group"])["score"]
            assert row.value == pytest.approx(float((mine >= 0.3335).mean()), abs=1e-12)
        if row.claim == "audit/model/selection_rate":
            mine = frame.filter(pl.col("group") == row.slice["group"])["score"]
            assert row.value == pytest.approx(float((mine >= 0.5).mean()), abs=1e-12)
        if row.claim == "audit/model/threshold_outcome":
            mine = frame.filter((pl.col("group") == row.slice["group"]) & ((pl.col("score") - 0.5).abs() <= 0.05))
            assert row.n == len(mine)


def test_scores_that_are_few_at_first_and_many_later_are_binned(record: Record):
    n = 210_000
    score = np.where(np.arange(n) < 205_000, 0.5, np.linspace(0, 1, n))
    frame = pl.DataFrame({"group": ["a", "b"] * (n // 2), "score": score, "outcome": [0, 1] * (n // 2)})
    cells = model_cells(frame.lazy(), record(), where="t")
    assert not cells.exact
    assert cells.frame["count"].sum() == n
    assert cells.frame["bin"].n_unique() <= 1000


def test_stages_say_where_a_gap_arises_and_every_number_verifies(tmp_path: Path, record_file: RecordFile):
    rng = np.random.default_rng(2)
    first = _scores(rng, 1500).with_columns(stage=pl.lit("model"), passed=pl.lit(1).cast(pl.Int64))
    keep = rng.random(1500) < 0.7
    first = first.with_columns(passed=pl.Series(keep.astype(int)))
    reviewed = first.filter(pl.col("passed") == 1)
    harsher = np.where(reviewed["group"] == "a", 0.3, 0.8)
    second = reviewed.with_columns(
        stage=pl.lit("reviewer"), passed=pl.Series((rng.random(len(reviewed)) < harsher).astype(int))
    )
    path = record_file(margins={"selection_rate": 0.1}, columns={"stage": "stage", "decision": "passed"})
    done = _run(pl.concat([first, second]), path, tmp_path)
    gaps = {stage: _value(done, "selection_rate_gap", "a", stage=stage) for stage in ("model", "reviewer")}
    assert abs(gaps["model"]) < 0.1
    assert gaps["reviewer"] < -0.4
    outside = [(f.group, f.evidence.slice["stage"]) for f in done.report.findings if f.verdict == "outside margin"]
    assert ("a", "reviewer") in outside
    assert all(stage == "reviewer" for _, stage in outside)
    assert "stage reviewer" in (done.run.path / "audit.html").read_text("utf-8")
    assert _verified(done) > 40


def test_classes_are_audited_one_against_the_rest(tmp_path: Path, record_file: RecordFile):
    rng, n = np.random.default_rng(3), 900
    shares = rng.dirichlet([2, 2, 2], n)
    truth = [["x", "y", "z"][int(np.searchsorted(np.cumsum(row), rng.random()))] for row in shares]
    frame = pl.DataFrame(
        {
            "group": rng.choice(["a", "b"], n),
            "outcome": truth,
            **{f"score_{c}": shares[:, k] for k, c in enumerate("xyz")},
        }
    )
    path = record_file(classes=["x", "y", "z"], margins={"calibration": 0.2})
    done = _run(frame, path, tmp_path)
    for name in "xyz":
        mine = frame.filter(pl.col("group") == "a")
        rate = _value(done, "base_rate", "a", **{"class": name})
        assert rate == pytest.approx((mine["outcome"] == name).mean())
    assert {f.verdict for f in done.report.findings} == {"within margin"}
    assert _verified(done) > 60


def test_groups_known_by_probability_count_by_it(tmp_path: Path, record_file: RecordFile):
    rng = np.random.default_rng(4)
    frame = _scores(rng, 800)
    hard = frame.with_columns(
        is_a=(pl.col("group") == "a").cast(pl.Float64), is_b=(pl.col("group") != "a").cast(pl.Float64)
    ).drop("group")
    path = record_file(membership={"group": {"a": "is_a", "b": "is_b"}}, margins={"calibration": 0.2})
    done = _run(hard, path, tmp_path)
    mine = frame.filter(pl.col("group") == "a")
    assert _value(done, "base_rate", "a") == pytest.approx(mine["outcome"].mean())
    assert any("probability" in note for note in done.report.notes)
    assert _verified(done) > 10


def test_pairs_show_a_score_that_moves_with_the_word(tmp_path: Path, record_file: RecordFile):
    rng, pairs = np.random.default_rng(5), 120
    base = rng.uniform(0.2, 0.6, pairs)
    frame = pl.concat([
        pl.DataFrame({"pair": np.arange(pairs), "group": [g] * pairs, "score": base + shift + rng.normal(0, 0.02, pairs),
                      "outcome": rng.integers(0, 2, pairs)})
        for g, shift in (("a", 0.1), ("b", 0.0), ("c", 0.0))
    ])  # fmt: skip
    path = record_file(margins={"counterfactual": 0.03}, columns={"pair": "pair"})
    done = _run(frame, path, tmp_path)
    assert _value(done, "counterfactual_gap", "a") == pytest.approx(0.1, abs=0.01)
    verdicts = {f.group: f.verdict for f in done.report.findings if f.measure == "counterfactual"}
    assert verdicts["a"] == "outside margin"
    assert _verified(done) > 10


def test_predictions_that_are_numbers_are_audited_by_their_errors(tmp_path: Path, record_file: RecordFile):
    rng, n = np.random.default_rng(6), 600
    group = rng.choice(["a", "b", "c"], n)
    outcome = rng.normal(50, 10, n)
    frame = pl.DataFrame(
        {"group": group, "outcome": outcome, "score": outcome + rng.normal(0, 3, n) + 4 * (group == "a")}
    )
    path = record_file(score="value", margins={"mean_error": 1.0})
    done = _run(frame, path, tmp_path)
    error = (frame["score"] - frame["outcome"]).filter(frame["group"] == "a")
    assert _value(done, "mean_error", "a") == pytest.approx(error.mean())
    from scipy.stats import ttest_ind

    others = (frame["score"] - frame["outcome"]).filter(frame["group"] != "a")
    rows = [
        {"score": float(e), "score_b": float(e) ** 2, "count": 1, "arm": g}
        for e, g in zip(frame["score"] - frame["outcome"], group, strict=True)
    ]
    found = estimate("moment_mean@1", rows, params={"of": "a", "against": "others"})
    welch = ttest_ind(error, others, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high), rel=1e-3)
    assert {f.group: f.verdict for f in done.report.findings}["a"] == "outside margin"
    assert _verified(done) > 10


def test_curves_of_equal_area_and_unlike_shape_are_told_apart():
    rng, n = np.random.default_rng(7), 4000

    def rows(arm, low, high):
        y = rng.random(n) < 0.5
        score = np.where(y, rng.normal(0, high, n), rng.normal(low, 1, n))
        return [{"score": round(float(s), 2), "label": int(t), "arm": arm} for s, t in zip(score, y, strict=True)]

    same = estimate("abroca@1", [*rows("a", -1, 1), *rows("b", -1, 1)], params={"of": "a"})
    assert same.low == 0
    assert same.value > 0
    unlike = [*rows("a", -1.0, 1.0), *rows("b", -1.75, 2.3)]
    areas = []
    for arm in "ab":
        mine = [row for row in unlike if row["arm"] == arm]
        found = counted_auc(
            *(np.array([row[key] for row in mine], dtype=float) for key in ("score", "label")), np.ones(len(mine))
        )
        areas.append(found.value)
    assert areas[0] == pytest.approx(areas[1], abs=0.03)
    assert estimate("abroca@1", unlike, params={"of": "a"}).low > 0.01


def test_a_roc_curve_by_hand():
    curve = roc(
        np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0])
    )  # highest score: one of two positives, no negative
    assert curve[256] == pytest.approx(1.0)
    assert curve[128] == pytest.approx(0.75)


def test_fifty_thousand_groups_of_a_model_are_refused_with_a_way_out(record: Record):
    n = 50_000
    frame = pl.DataFrame({"group": [str(k) for k in range(n)], "score": [0.5] * n, "outcome": [0, 1] * (n // 2)})
    with pytest.raises(InputError, match="smallest_cell"):
        model_cells(frame.lazy(), record(), where="t")
    cells = model_cells(frame.lazy(), record(smallest_cell=2), where="t")
    assert (cells.num_suppressed, cells.frame["count"].sum()) == (n, n)


def test_outcomes_as_words_need_the_positive_one_named(record: Record):
    frame = pl.DataFrame({"group": ["a", "b"], "score": [0.5, 0.6], "outcome": ["yes", "no"]})
    with pytest.raises(InputError, match="positive"):
        model_cells(frame.lazy(), record(), where="t")
    cells = model_cells(frame.lazy(), record(columns={"positive": ["yes"]}), where="t")
    assert sorted(row["outcome"] for row in cells.rows()) == [0, 1]


def test_a_record_that_cannot_be_meant_is_refused(tmp_path: Path, record_file: RecordFile):
    path = record_file(membership={"other": {"a": "p"}})
    done = CliRunner().invoke(app, ["audit", "freeze", str(path)])
    assert "membership" in str(done.exception)
