"""Ratings that go together by rater and by item where all of them are alike, where a group has one truth only, and of one rater."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import Decision, LabelAudit, audit_labels, label_cells
from precepts.audits.run import run_audit
from precepts.stats import wilson_interval
from precepts.types import Input

Record = Callable[..., Decision]
SOURCE = Input(path="cells.jsonl", sha256="0")


def _rated(
    signal: int, noise: int, raters: int, hit: Callable[[int], int], group: str = "a"
) -> list[dict[str, object]]:
    """Every rater on every item: items of signal answered by `hit`, of noise with no but for each seventh."""
    return [
        {"item": f"{group}{i}", "rater": f"r{r}", "group": group, "gold": int(i < signal), "label": hit(i) if i < signal else int(i % 7 == 0)}
        for i in range(signal + noise) for r in range(raters)
    ]  # fmt: skip


def _audit(rows: list[dict[str, object]], decision: Decision) -> LabelAudit:
    return audit_labels(label_cells(pl.LazyFrame(rows), decision, where="t"), decision, SOURCE)


def _hit_rates(found: LabelAudit) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {e.slice["group"]: (e.value, e.low, e.high) for e in found.levels if e.claim.endswith("/hit_rate")}


@pytest.mark.parametrize(("to", "n"), [("items", 10), ("raters", 20), ("raters and items", 10), ("neither", 200)])
def test_answers_that_are_all_alike_are_as_many_as_their_clusters(to: str, n: int, record: Record) -> None:
    found = _audit(_rated(10, 30, 20, lambda _: 1), record(generalise_to=to, minimum={"hit_rate": 0.9}))
    assert _hit_rates(found)["a"] == (1.0, pytest.approx(wilson_interval(n, n)[0]), 1.0)
    assert [one.verdict for one in found.findings if one.kind == "bar"] == [
        "within margin" if to == "neither" else "not enough data"
    ]


def test_a_group_with_signal_alone_keeps_its_clusters(record: Record) -> None:
    rows = _rated(10, 0, 10, lambda i: int(i < 8))  # whole items hit or missed
    both = _rated(10, 10, 10, lambda i: int(i < 8))
    decision = record(generalise_to="items", minimum={"hit_rate": 0.6})
    found = _audit(rows, decision)
    assert _hit_rates(found) == _hit_rates(_audit(both, decision))
    low = _hit_rates(found)["a"][1]
    assert low is not None
    assert low < 0.55  # of a hundred answers that were independent it would be 0.71
    assert [one.verdict for one in found.findings] == ["not enough data"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bars_hold_where_items_are_hit_or_missed_by_all(seed: int, record: Record) -> None:
    rng, decision, wrong, runs = np.random.default_rng(seed), record(generalise_to="items"), 0, 60
    for _ in range(runs):
        easy = rng.random(10) < 0.9
        low = _hit_rates(_audit(_rated(10, 10, 5, lambda i, easy=easy: int(easy[i])), decision))["a"][1]
        wrong += low is not None and low > 0.9
    assert wrong / runs <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / runs)  # it was 0.35, the chance that all ten are easy


def test_one_rater_gets_no_verdict_about_raters(
    record: Record, tmp_path: Path, record_file: Callable[..., Path]
) -> None:
    rows = _rated(40, 40, 1, lambda i: int(i % 9 > 0)) + _rated(40, 40, 1, lambda i: int(i % 9 > 0), group="b")
    found = _audit(
        rows,
        record(generalise_to="raters and items", margins={"criterion": 2, "cost_ratio": 90}, minimum={"hit_rate": 0.3}),
    )
    assert {one.kind for one in found.findings} == {"gap", "trade-off", "bar"}
    assert {one.verdict for one in found.findings} == {"not enough data"}
    assert all("one rater" in one.reason and one.p is None for one in found.findings)
    found = _audit(
        rows, record(generalise_to="items", margins={"criterion": 2, "cost_ratio": 90}, minimum={"hit_rate": 0.3})
    )
    assert {one.verdict for one in found.findings} == {"within margin"}
    path = record_file(generalise_to="raters")
    notes = run_audit("labels", pl.DataFrame(rows), decision=path, out=tmp_path / "run").report.notes
    assert any("one rater cannot speak for others" in note for note in notes)


def test_an_intersection_has_the_costs_of_its_part(record: Record) -> None:
    rows = [
        {**row, "sex": "f" if str(row["item"])[-1] in "02468" else "m"}
        for row in _rated(40, 40, 3, lambda i: int(i % 9 > 0))
    ]
    decision = record(groups=["group", "sex"], intersections=True, principle="equity",
                      costs_by_group={"f": {"false_positive": 4, "false_negative": 1}})  # fmt: skip
    ratios = {
        e.slice["group"]: e.params["cost_ratio"]
        for e in _audit(rows, decision).levels
        if e.claim.endswith("/log_cost_ratio")
    }
    assert ratios == {"a": 1.0, "f": 4.0, "m": 1.0, "a × f": 4.0, "a × m": 1.0}


def test_ratings_without_a_rater_repeat_nobody(record: Record) -> None:
    rows = [{"item": k // 2, "rater": None, "group": "a", "label": 1, "gold": k % 2} for k in range(8)]
    assert (
        label_cells(pl.LazyFrame(rows, schema_overrides={"rater": pl.String}), record(), where="t").num_duplicates == 0
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_groups_at_their_minimum_are_seldom_called_below_it(seed: int, record: Record) -> None:
    rng, runs, called = np.random.default_rng(seed), 100, 0
    decision = record(generalise_to="neither", minimum={"hit_rate": 0.8})
    groups = [f"g{k}" for k in range(10)]
    for _ in range(runs):
        yes = rng.random((10, 200)) < 0.8
        rows = {"item": np.arange(2000), "rater": ["r", "s"] * 1000, "group": np.repeat(groups, 200), "gold": [1] * 2000,
                "label": yes.ravel().astype(int)}  # fmt: skip
        cells = label_cells(pl.LazyFrame(rows), decision, where="t")
        called += any(one.verdict == "outside margin" for one in audit_labels(cells, decision, SOURCE).findings)
    assert called / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)  # one by one at alpha it was 0.4
