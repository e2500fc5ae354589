"""What a record asks is answered, said to belong elsewhere, or refused before it is frozen: never left out in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import Decision, example_names, example_record, load_decision, run_audit
from precepts.audits.answerable import check_answerable
from precepts.audits.freeze import frozen_path
from precepts.audits.run import Audited
from precepts.audits.sources import SOURCES
from precepts.errors import InputError, MissingError
from precepts.stats import verify
from precepts.types import Evidence

Record = Callable[..., Decision]
RecordFile = Callable[..., Path]
COSTS = {"false_positive": 1, "false_negative": 4}


def _scores(seed: int = 0, n: int = 600) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 3, n).round(2)
    return pl.DataFrame(
        {"group": rng.choice(["a", "b"], n), "score": score, "outcome": (rng.random(n) < score).astype(int)}
    )


def _verified(done: Audited) -> list[Evidence]:
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    assert rows
    for row in rows:
        assert verify(row, root=done.run.path) == []
    return rows


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"margins": {"mean_error": 1}}, "score: value"),
        ({"margins": {"exposure_merit": 0.1}}, "score: ranking"),
        ({"margins": {"counterfactual": 0.1}}, "pair"),
        ({"margins": {"calibration": 0.1}, "score": "value"}, "mean_error"),
        ({"margins": {"mean_error": 1}, "score": "value", "minimum": {"accuracy": 0.9}}, "bars for decisions"),
        ({"margins": {"threshold_outcome": 0.1}, "score": "rank"}, "cut"),
        ({"margins": {"abroca": 0.1}, "columns": {"weight": "w"}}, "abroca"),
        ({"margins": {"calibration": 0.1}, "columns": {"cluster": "user", "weight": "w"}}, "weights or membership"),
        ({"margins": {"mean_error": 1}, "score": "value", "columns": {"cluster": "user"}}, "score: value"),
    ],
)
def test_what_an_audit_of_a_model_cannot_answer_is_refused_before_the_record_is_frozen(
    record_file: RecordFile, tmp_path: Path, changes: dict[str, object], said: str
):
    path = record_file(**changes)
    with pytest.raises(InputError, match=said):
        run_audit("model", _scores(), decision=path, out=tmp_path / "run")
    assert not frozen_path(path).exists()


def test_what_is_for_the_other_audit_is_said_on_the_page(record: Record):
    both = record(margins={"criterion": 0.2, "calibration": 0.1}, minimum={"hit_rate": 0.9, "accuracy": 0.8})
    (of_model,) = check_answerable("model", both)
    (of_labels,) = check_answerable("labels", both)
    assert "criterion, hit_rate: for an audit of labels" in of_model
    assert "calibration, accuracy: for an audit of the model" in of_labels


def test_decided_costs_and_a_bar_for_true_negatives_get_verdicts_that_verify(record_file: RecordFile, tmp_path: Path):
    frame = _scores()
    path = record_file(
        costs=COSTS, margins={"cost": 0.2}, minimum={"true_negative_rate": 0.05, "true_positive_rate": 0.99}
    )
    done = run_audit("model", frame, decision=path, out=tmp_path / "run")
    verdicts = {(one.kind, one.measure, one.group): one for one in done.report.findings}
    assert {key[:2] for key in verdicts} == {
        ("gap", "cost"),
        ("bar", "true_negative_rate"),
        ("bar", "true_positive_rate"),
    }
    mine, act = frame.filter(pl.col("group") == "a"), pl.col("score") >= 0.2
    cost = mine.select(
        (act & (pl.col("outcome") == 0)).sum() * 1 + (~act & (pl.col("outcome") == 1)).sum() * 4
    ).item() / len(mine)
    level = next(r for r in _verified(done) if r.claim == "audit/model/cost" and r.slice["group"] == "a")
    assert level.value == pytest.approx(cost)
    rejected = mine.filter(pl.col("outcome") == 0).select((~act).mean()).item()
    assert verdicts["bar", "true_negative_rate", "a"].evidence.value == pytest.approx(rejected)
    assert verdicts["bar", "true_negative_rate", "a"].verdict == "within margin"


def test_each_group_has_its_own_costs_where_they_were_decided_so(record_file: RecordFile, tmp_path: Path):
    frame = _scores(1)
    path = record_file(
        principle="equity",
        costs={"false_positive": 1, "false_negative": 1},
        costs_by_group={"a": COSTS},
        margins={"cost": 0.5},
    )
    done = run_audit("model", frame, decision=path, out=tmp_path / "run")
    act = pl.col("score") >= pl.when(pl.col("group") == "a").then(0.2).otherwise(0.5)
    missed = pl.when(pl.col("group") == "a").then(4.0).otherwise(1.0)
    costs = (act & (pl.col("outcome") == 0)).cast(pl.Float64) + (~act & (pl.col("outcome") == 1)) * missed
    wanted = dict(frame.group_by("group").agg(costs.mean().alias("cost")).iter_rows())
    found = {row.slice["group"]: row.value for row in _verified(done) if row.claim == "audit/model/cost"}
    assert found == pytest.approx(wanted)


def test_ranks_need_to_say_where_the_system_acts_and_are_then_compared_there(record_file: RecordFile, tmp_path: Path):
    rng, n = np.random.default_rng(2), 4000
    group, decile = rng.choice(["a", "b"], n), rng.integers(1, 11, n)
    risk = 0.05 * decile + np.where((group == "a") & (decile <= 5) & (decile >= 4), 0.3, 0.0)
    frame = pl.DataFrame({"group": group, "score": decile, "outcome": (rng.random(n) < risk).astype(int)})
    plain = record_file(score="rank", margins={"calibration": 0.1})
    with pytest.raises(InputError, match=r"1 to 10.*cut"):
        run_audit("model", frame, decision=plain, out=tmp_path / "none")
    path = record_file(score="rank", cut=4.5, window=0.5, margins={"threshold_outcome": 0.1})
    done = run_audit("model", frame, decision=path, out=tmp_path / "run")
    rows = _verified(done)
    selected = {r.slice["group"]: r.value for r in rows if r.claim == "audit/model/selection_rate"}
    assert selected["a"] == pytest.approx(
        frame.filter(pl.col("group") == "a").select((pl.col("score") >= 5).mean()).item()
    )
    near = next(r for r in rows if r.claim == "audit/model/threshold_outcome" and r.slice["group"] == "a")
    assert near.n == frame.filter((pl.col("group") == "a") & pl.col("score").is_in([4, 5])).height
    verdicts = {one.group: one for one in done.report.findings}
    assert verdicts["a"].verdict == "outside margin"
    assert verdicts["a"].evidence.value == pytest.approx(-0.3, abs=0.1)  # under-predicted at the cut


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cut": 5}, "cut"),
        ({"cut": 5, "score": "rank", "columns": {"decision": "d"}}, "not both"),
        ({"window": 1.5}, "window"),
    ],
)
def test_a_cut_is_for_ranks(record_file: RecordFile, changes: dict[str, object], said: str):
    with pytest.raises(InputError, match=said):
        load_decision(record_file(**changes))


def test_weights_reach_slope_and_ecce_as_copies_of_rows_would(record_file: RecordFile, tmp_path: Path):
    frame = _scores(3).with_columns(w=pl.when(pl.col("score") > 0.5).then(2.0).otherwise(1.0))
    copies = pl.concat([frame, frame.filter(pl.col("score") > 0.5)])
    weighted = run_audit(
        "model",
        frame,
        decision=record_file(columns={"weight": "w"}, margins={"calibration": 0.1}),
        out=tmp_path / "weighted",
    )
    frozen_path(tmp_path / "decision.yaml").unlink()
    plain = run_audit("model", copies, decision=record_file(margins={"calibration": 0.1}), out=tmp_path / "plain")
    for claim in ("calibration_slope", "calibration_intercept", "ecce", "cost"):
        one, other = (
            {row.slice["group"]: row for row in _verified(done) if row.claim == f"audit/model/{claim}"}
            for done in (weighted, plain)
        )
        for name in "ab":
            assert one[name].value == pytest.approx(other[name].value, abs=1e-6)
            assert one[name].n < other[name].n
            if other[name].low is not None:  # unlike weights say less than as many rows
                assert one[name].high - one[name].low > other[name].high - other[name].low


def test_a_frame_is_audited_as_its_file_is(record_file: RecordFile, tmp_path: Path):
    frame, pd = _scores(4), pytest.importorskip("pandas")
    frame.write_parquet(tmp_path / "scores.parquet")
    path = record_file(margins={"calibration": 0.1})
    given = pd.DataFrame(frame.to_dict(as_series=False))
    sources = {
        "file": str(tmp_path / "scores.parquet"),
        "path": tmp_path / "scores.parquet",
        "pandas": given,
        "polars": frame,
    }
    found = {k: run_audit("model", s, decision=path, out=tmp_path / k).report for k, s in sources.items()}
    values = {
        k: {(r.claim, r.slice["group"]): r.value for r in report.levels if r.value is not None}
        for k, report in found.items()
    }
    for k in ("path", "pandas", "polars"):
        assert values[k] == pytest.approx(values["file"], abs=1e-12)
    assert found["pandas"].source == "a frame"
    with pytest.raises(InputError):  # another frame is another audit
        run_audit("model", _scores(5), decision=path, out=tmp_path / "polars")


def test_an_audit_of_labels_stands_before_the_models_calibration(record_file: RecordFile, tmp_path: Path):
    rng, n = np.random.default_rng(6), 900
    gold, group = rng.integers(0, 2, n), rng.choice(["a", "b"], n)
    label = (rng.random(n) < np.where(gold == 0, 0.1, np.where(group == "a", 0.55, 0.9))).astype(int)
    ratings = pl.DataFrame(
        {"item": np.arange(n), "rater": np.arange(n) % 3, "group": group, "gold": gold, "label": label}
    )
    path = record_file(generalise_to="items")
    labelled = run_audit("labels", ratings, decision=path, out=tmp_path / "labels")
    assert labelled.report.counts()["outside margin"]
    done = run_audit("model", _scores(7), decision=path, out=tmp_path / "run", labels=tmp_path / "labels")
    page = (tmp_path / "run" / "audit.html").read_text("utf-8")
    order = ("Is there enough data?", "Labels, by group", "Labels: verdicts", "Calibration and discrimination", "Decisions, by group",
             ">Verdicts<", "Open normative questions", "Escalate to")  # fmt: skip
    places = [page.index(heading) for heading in order]
    assert places == sorted(places)
    assert "Of those who gave the labels" in page
    assert done.report.document()["labels"]["verdicts"] == labelled.report.counts()
    with pytest.raises(InputError, match="takes one of labels"):
        run_audit("model", _scores(7), decision=path, out=tmp_path / "other", labels=tmp_path / "run")
    with pytest.raises(MissingError, match="no finished audit"):
        run_audit("model", _scores(7), decision=path, out=tmp_path / "other", labels=tmp_path / "nothing")


@pytest.mark.parametrize("name", example_names())
def test_every_example_is_a_record_that_its_audit_can_answer(name: str, tmp_path: Path):
    (tmp_path / "decision.yaml").write_text(example_record(name), "utf-8")
    kind = "labels" if name == "hatecheck" else "model"
    assert check_answerable(kind, load_decision(tmp_path / "decision.yaml")) == []
    assert name in SOURCES


def test_an_example_that_there_is_not_names_those_there_are():
    with pytest.raises(InputError, match="compas_aequitas, hatecheck"):
        example_record("compass")
