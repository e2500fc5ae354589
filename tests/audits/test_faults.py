"""Tables as they come: missing groups, groups of one, no positives, equal scores, words for labels, fifty thousand groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from precepts.audits import (
    Decision,
    LabelCells,
    ModelAudit,
    as_lazy,
    audit_labels,
    audit_model,
    label_cells,
    model_cells,
)
from precepts.audits.tables import MISSING
from precepts.errors import InputError
from precepts.types import Input

Record = Callable[..., Decision]
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
    cell = {"rater": "r", "item": "1", "gold": 1, "label": 1, "count": 1}
    cells = LabelCells([{**cell, "groups": {"group": str(i)}} for i in range(n)], ("group",), 0, 0)
    with pytest.raises(InputError, match="coarser groups"):
        audit_labels(cells, record(), SOURCE)


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
