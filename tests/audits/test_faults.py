"""Tables as they come: missing groups, groups of one, no positives, equal scores, words for labels, fifty thousand groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import (
    Decision,
    LabelCells,
    ModelAudit,
    as_lazy,
    audit_model,
    label_cells,
    model_cells,
)
from precepts.audits.run import run_audit
from precepts.audits.tables import MISSING
from precepts.errors import InputError
from precepts.types import Input

Record = Callable[..., Decision]
Write = Callable[..., Path]
SOURCE = Input(path="cells.jsonl", sha256="0")


def _model(table: dict[str, list[object]], decision: Decision) -> ModelAudit:
    return audit_model(model_cells(pl.LazyFrame(table), decision, where="t"), decision, SOURCE, model="m")


def _labels(decision: Decision, **columns: list[object]) -> LabelCells:
    return label_cells(pl.LazyFrame(columns), decision, where="t")


def test_equal_groups_hold_zero_at_the_level(record: Record) -> None:
    decision, rng, misses, runs = record(margins={"selection_rate": 0.1}), np.random.default_rng(0), 0, 60
    for _ in range(runs):
        table = {"group": np.repeat(list("abcde"), 200).tolist(), "score": rng.beta(1, 4, 1000).round(2).tolist(),
                 "outcome": rng.integers(0, 2, 1000).tolist()}  # fmt: skip
        gaps = [e for e in _model(table, decision).contrasts if e.value is not None]
        misses += any(not (e.low or 0) <= 0 <= (e.high or 0) for e in gaps if e.claim.endswith("selection_rate_gap"))
    assert misses / runs <= 0.12  # 5 % at most by design; 0.12 is three standard errors above


def test_a_group_without_positives_and_a_group_of_one_are_shown_and_not_decided(record: Record) -> None:
    table = {
        "group": ["a"] * 50 + ["b"] * 50 + ["one"],
        "score": [0.2, 0.8] * 50 + [0.4],
        "outcome": [0] * 50 + [0, 1] * 25 + [0],
    }
    found = _model(table, record(margins={"true_positive_rate": 0.1, "auc": 0.1}))
    assert [g.name for g in found.groups] == ["a", "b", "one"]
    rates = {e.slice["group"]: e for e in found.levels if e.claim.endswith("true_positive_rate")}
    assert rates["a"].value is None
    assert rates["a"].n == 0
    verdicts = {(f.group, f.measure): f for f in found.findings}
    assert verdicts["a", "true_positive_rate"].verdict == "not enough data"
    assert verdicts["a", "true_positive_rate"].reason
    assert verdicts["one", "auc"].verdict == "not enough data"


def test_equal_scores_rank_nothing(record: Record) -> None:
    table = {"group": ["a", "b"] * 40, "score": [0.5] * 80, "outcome": [0, 0, 1, 1] * 20}
    found = _model(table, record(margins={"auc": 0.1}))
    areas = [e for e in found.levels if e.claim.endswith("/auc")]
    assert [e.value for e in areas] == [0.5, 0.5]
    assert all(e.low is not None and e.low < 0.5 for e in areas)


def test_missing_groups_are_a_group_of_their_own_and_missing_outcomes_are_unscored(record: Record) -> None:
    table = {"group": ["a", "b", None] * 20, "score": [0.3, 0.6, 0.9] * 20, "outcome": [0, 1, 1] * 19 + [None, 1, 0]}
    found = _model(table, record())
    assert {g.name: g.contrasted for g in found.groups} == {MISSING: False, "a": True, "b": True}
    assert {g.name: g.num_unscored for g in found.groups}["a"] == 1
    assert all(e.slice["group"] != MISSING for e in found.contrasts)


def test_words_for_labels_need_the_positive_one_named(record: Record) -> None:
    columns = {
        "item": [1, 2, 3, 4],
        "rater": ["r"] * 4,
        "group": ["a"] * 4,
        "label": ["yes", "no", "yes", "no"],
        "gold": ["yes"] * 2 + ["no"] * 2,
    }
    with pytest.raises(InputError, match="positive"):
        _labels(record(), **columns)
    cells = _labels(record(columns={"positive": ["yes"]}), **columns)
    assert sorted((row["gold"], row["label"]) for row in cells.rows) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    with pytest.raises(InputError, match="no 'label' is among"):
        _labels(record(columns={"positive": ["ja"]}), **columns)


def test_a_rater_who_rated_an_item_twice_is_counted_and_named(record: Record) -> None:
    cells = _labels(record(), item=[1, 1, 2], rater=["r", "r", "r"], group=["a"] * 3, label=[1, 0, 1], gold=[1, 1, 0])
    assert (cells.num_duplicates, cells.num_contradictions) == (1, 1)
    assert sum(row["count"] for row in cells.rows) == 3


def test_fifty_thousand_groups_are_refused_for_raters_with_a_way_out(record: Record) -> None:
    n = 50_000
    columns = {
        "rater": ["r"] * n,
        "item": [1] * n,
        "gold": [1] * n,
        "label": [1] * n,
        "group": [str(i) for i in range(n)],
    }
    with pytest.raises(InputError, match="coarser groups"):
        _labels(record(), **columns)


def test_small_groups_are_merged_and_named_when_cells_are_suppressed(record: Record) -> None:
    table = {"group": ["a"] * 30 + ["b"] * 30 + ["rare"] * 3, "score": [0.2, 0.6, 0.9] * 21, "outcome": [0, 1, 1] * 21}
    cells = model_cells(pl.LazyFrame(table), record(smallest_cell=10), where="t")
    assert cells.num_suppressed == 1
    assert not any("rare" in str(row) for row in cells.rows())


def test_frames_of_other_libraries_are_read_alike(record: Record) -> None:
    table = {"group": ["a", "b"] * 10, "score": [0.25, 0.5] * 10, "outcome": [0, 1] * 10}
    frame = pl.DataFrame(table)
    pa, pd = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    wanted = model_cells(frame.lazy(), record(), where="t").rows()
    for other in (pa.table(table), pd.DataFrame(table)):
        assert model_cells(as_lazy(other), record(), where="t").rows() == wanted


def test_a_duckdb_relation_is_read_alike(record: Record) -> None:
    duckdb, _ = pytest.importorskip("duckdb"), pytest.importorskip("pyarrow")
    frame = pl.DataFrame({"group": ["a", "b"] * 10, "score": [0.25, 0.5] * 10, "outcome": [0, 1] * 10})
    relation = duckdb.connect().from_arrow(frame.to_arrow())
    wanted = model_cells(frame.lazy(), record(), where="t").rows()
    assert model_cells(as_lazy(relation), record(), where="t").rows() == wanted


def test_a_misspelt_column_is_named_with_the_nearest(record: Record) -> None:
    with pytest.raises(InputError, match="did you mean `outcom`"):
        _model({"group": ["a"], "score": [0.1], "outcom": [1]}, record())


@pytest.mark.parametrize(("positive", "values"), [("true", ["True", "False"]), ("True", [True, False]), ("TRUE", ["true", "false"]),
                                                  ("1", [1.0, 0.0]), ("yes", ["yes", "no"])])  # fmt: skip
def test_a_positive_value_is_read_however_it_is_written(positive: str, values: list[object], record: Record) -> None:
    table = {"group": ["a", "b"] * 20, "score": [0.2, 0.8] * 20, "outcome": values * 20}
    found = _model(table, record(columns={"positive": [positive]}))
    assert {g.name: g.num_positive for g in found.groups} == {"a": 20, "b": 0}


@pytest.mark.parametrize("positive", [[], ["1"]])
def test_an_outcome_that_is_nan_is_missing_and_not_negative(positive: list[str], record: Record) -> None:
    table = {"group": ["a", "b"] * 20, "score": [0.2, 0.8] * 20, "outcome": [0.0, 1.0] * 18 + [float("nan")] * 4}
    found = _model(table, record(columns={"positive": positive}))
    assert {g.name: (g.num_positive, g.num_unscored) for g in found.groups} == {"a": (0, 2), "b": (18, 2)}


def test_a_positive_value_is_found_among_many_classes(record: Record) -> None:
    table = {"group": ["a", "b"] * 90, "score": [0.2, 0.8] * 90, "outcome": [f"c{k % 90}" for k in range(180)]}
    for name in ("c0", "c89", "c45"):
        assert sum(g.num_positive for g in _model(table, record(columns={"positive": [name]})).groups) == 2


def test_words_for_decisions_are_read_by_the_same_list_as_words_for_outcomes(record: Record) -> None:
    table = {
        "group": ["a", "b"] * 20,
        "score": [0.2, 0.8] * 20,
        "outcome": ["bad", "good"] * 20,
        "act": ["deny", "grant"] * 20,
    }
    with pytest.raises(InputError, match="'decision' is among"):
        _model(table, record(columns={"positive": ["good"], "decision": "act"}))
    found = _model(table, record(columns={"positive": ["good", "grant"], "decision": "act"}))
    rates = {e.slice["group"]: e.value for e in found.levels if e.claim.endswith("/selection_rate")}
    assert rates == {"a": 0.0, "b": 1.0}


@pytest.mark.parametrize("weight", [None, -1.0, float("nan"), float("inf")])
def test_one_bad_weight_is_refused_beside_good_ones_of_its_cell(weight: float | None, record: Record) -> None:
    table = {"group": ["a", "b"] * 20, "score": [0.2, 0.8] * 20, "outcome": [0, 1] * 20, "w": [weight, *[2.0] * 39]}
    with pytest.raises(InputError, match="missing or negative"):
        _model(table, record(columns={"weight": "w"}))


@pytest.mark.parametrize(
    "name", ["cost", "weight", "near", "score", "cluster", "count", "decision", "stretch", "at_risk"]
)
def test_a_group_called_as_a_column_of_cells_is_refused_before_the_record_is_frozen(
    name: str, tmp_path: Path, record_file: Write
) -> None:
    table = pl.DataFrame({name: ["a", "b"] * 20, "s": [0.2, 0.8] * 20, "y": [0, 1] * 20})
    path = record_file(groups=[name], columns={"score": "s", "outcome": "y"})
    with pytest.raises(InputError, match=f"{name}_group"):
        run_audit("model", table, decision=path, out=tmp_path / "run")
    assert not (tmp_path / "decision.frozen.json").exists()


def test_a_table_in_which_nothing_varies_is_audited(record: Record) -> None:
    found = _model({"group": ["a", "b"] * 20, "score": [0.5] * 40, "outcome": [0] * 40}, record())
    assert {one.verdict for one in found.findings} <= {"not enough data", "within margin", "outside margin"}
    assert all(e.value == 0 for e in found.levels if e.claim.endswith("base_rate"))


def test_infinite_scores_are_refused(record: Record) -> None:
    table = {"group": ["a", "b"], "score": [0.2, float("inf")], "outcome": [0, 1]}
    with pytest.raises(InputError, match="infinite"):
        _model(table, record(score="rank", cut=1.0, margins={"auc": 0.1}))


@pytest.mark.parametrize(("text", "message"), [
    ("0.1,1,a\n" * 12_000 + "unknown,1,a\n", "could not parse `unknown`"), ("0.1,1,a\n0.2,0,b,9\n", "more fields"), ("", "has no rows"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_to_its_end_is_said_in_one_line(
    text: str, message: str, tmp_path: Path, record_file: Write
) -> None:
    (tmp_path / "t.csv").write_text("score,outcome,group\n" + text, "utf-8")
    with pytest.raises(InputError, match=message) as caught:
        run_audit("model", str(tmp_path / "t.csv"), decision=record_file(), out=tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_groups_that_only_the_record_knows_are_named(tmp_path: Path, record_file: Write) -> None:
    table = pl.DataFrame(
        {"group": ["women", "men"] * 50, "score": [0.2, 0.8, 0.6, 0.4] * 25, "outcome": [0, 1, 1, 0] * 25}
    )
    path = record_file(principle="equity", costs_by_group={"Women": {"false_positive": 5, "false_negative": 1}},
                       population={"group": {"women": 0.5, "man": 0.5}})  # fmt: skip
    notes = run_audit("model", table, decision=path, out=tmp_path / "run").report.notes
    assert any("'Women'" in note and "costs_by_group" in note for note in notes)
    assert any("'man'" in note and "did you mean `men`" in note for note in notes)
    assert not any("'women'" in note for note in notes)


def test_rows_without_a_stage_are_a_stage_and_texts_without_a_pair_are_compared_with_nothing(
    tmp_path: Path, record_file: Write
) -> None:
    table = pl.DataFrame({"group": ["a", "b"] * 40, "score": [0.2, 0.4] * 20 + [0.9, 0.1] * 20, "outcome": [0, 1] * 40,
                          "stage": ["one"] * 50 + [None] * 30, "pair": [str(k // 2) for k in range(40)] + [None] * 40})  # fmt: skip
    staged = run_audit("model", table, decision=record_file(columns={"stage": "stage"}), out=tmp_path / "staged").report
    assert {(g["stage"], g["name"]): g["n"] for g in staged.groups}[MISSING, "a"] == 15
    (tmp_path / "pairs").mkdir()
    path = record_file(columns={"pair": "pair"}, margins={"counterfactual": 0.1}).rename(tmp_path / "pairs/d.yaml")
    paired = run_audit("model", table, decision=path, out=tmp_path / "paired").report
    gap = next(e for e in paired.contrasts if e.claim.endswith("counterfactual_gap") and e.slice["group"] == "a")
    assert gap.value == pytest.approx(-0.2)  # with the texts without a pair taken as one pair it was -0.15
    assert (gap.n, gap.n_unscored) == (40, 40)


def test_membership_is_a_probability_of_every_row_and_shares_go_by_it(tmp_path: Path, record_file: Write) -> None:
    table = pl.DataFrame({"score": [0.2, 0.8] * 50, "outcome": [0, 1] * 50, "pa": [0.9] * 100, "pb": [0.1] * 100})
    path = record_file(groups=["race"], membership={"race": {"a": "pa", "b": "pb"}})
    groups = run_audit("model", table, decision=path, out=tmp_path / "run").report.groups
    assert {g["name"]: round(g["share"], 6) for g in groups} == {"a": 0.9, "b": 0.1}
    assert all(g["low"] < g["share"] < g["high"] for g in groups)
    for bad in (None, 1.7, -0.1):
        wrong = table.with_columns(pa=pl.Series([bad, *[0.9] * 99], dtype=pl.Float64))
        with pytest.raises(InputError, match=r"missing or outside \[0, 1\] in 1 rows"):
            run_audit("model", wrong, decision=path, out=tmp_path / f"run{bad}")


def test_predictions_of_numbers_share_by_probability_and_say_how_much_more_is_needed(
    tmp_path: Path, record_file: Write
) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {"score": rng.normal(size=60), "outcome": rng.normal(size=60), "pa": [0.75] * 60, "pb": [0.25] * 60}
    )
    path = record_file(
        groups=["race"], score="value", margins={"mean_error": 0.2}, membership={"race": {"a": "pa", "b": "pb"}}
    )
    report = run_audit("model", table, decision=path, out=tmp_path / "run").report
    assert {g["name"]: round(g["share"], 6) for g in report.groups} == {"a": 0.75, "b": 0.25}
    assert {one.verdict for one in report.findings} == {"not enough data"}
    assert all(one.times_more is not None and one.times_more > 1 for one in report.findings)
