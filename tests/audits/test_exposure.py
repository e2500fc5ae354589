"""Ranked lists: exposure by group against items and merit, lists as what was sampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from precepts.audits import Decision, run_audit
from precepts.audits.exposure import exposure_cells
from precepts.cli import app
from precepts.errors import InputError
from precepts.stats import estimate, verify
from precepts.types import Evidence

Record = Callable[..., Decision]
RecordFile = Callable[..., Path]
LISTS = {"score": "ranking", "columns": {"list": "query"}, "margins": {"exposure_merit": 0.05}}


def _rows(lists: int, seed: int, *, push: float = 0.0) -> pl.DataFrame:
    """Lists of 4 to 12 items of merit 0 to 3; scores follow merit, and `push` lowers those of group b."""
    rng, out = np.random.default_rng(seed), []
    for query in range(lists):
        size = rng.integers(4, 13)
        merit, group = rng.integers(0, 4, size), rng.choice(["a", "b"], size, p=[0.7, 0.3])
        score = merit + rng.normal(0, 1, size) - push * (group == "b")
        out.append(pl.DataFrame({"query": query, "group": group, "score": score, "outcome": merit}))
    return pl.concat(out)


def _cells(frame: pl.DataFrame, decision: Decision) -> list[dict[str, object]]:
    rows, _ = exposure_cells(frame.lazy(), decision, where="t")
    return [
        {
            "score": r["exposure"],
            "score_b": r["merit"],
            "count": r["count"],
            "arm": r["groups"]["group"],
            "cluster": r["list"],
        }
        for r in rows
    ]


def test_two_lists_by_hand(record: Record):
    frame = pl.DataFrame(
        {"query": [1, 1, 2, 2, 2], "group": list("abbaa"), "score": [9.0, 1, 5, 5, 1], "outcome": [1, 1, 2, 0, 0]}
    )
    rows = _cells(frame, record(**LISTS))
    second, third = 1 / math.log2(3), 1 / 2
    both = (1 + second) / 2  # equal scores share the first two places of list 2
    exposure = {"a": 1 + both + third, "b": second + both}
    share = exposure["b"] / sum(exposure.values())
    found = {
        s: estimate("exposure@1", rows, params={"of": "b", "statistic": s})
        for s in ("share", "representation", "merit")
    }
    assert [found[s].value for s in found] == pytest.approx([share, 0.4, 0.75])
    for statistic, value in (
        ("less_merit", share - 0.75),
        ("per_merit", share / 0.75),
        ("per_representation", share / 0.4),
    ):
        assert estimate("exposure@1", rows, params={"of": "b", "statistic": statistic}).value == pytest.approx(value)


def test_discounts_tops_and_given_positions(record: Record):
    frame = pl.DataFrame({"query": ["x"] * 3, "group": list("abb"), "place": [1, 2, 3], "outcome": [True, False, True]})
    given = {"list": "query", "position": "place"}
    for exposure, wanted in (
        ({}, 1 / (1 + 1 / math.log2(3) + 0.5)),
        ({"discount": "reciprocal"}, 6 / 11),
        ({"top": 1}, 1.0),
    ):
        rows = _cells(frame, record(score="ranking", columns=given, exposure=exposure, margins={"exposure_merit": 0.1}))
        assert estimate("exposure@1", rows, params={"of": "a"}).value == pytest.approx(wanted)
    with pytest.raises(InputError, match="first place is 1"):
        _cells(
            frame.with_columns(pl.col("place") - 1),
            record(score="ranking", columns=given, margins={"exposure_merit": 0.1}),
        )
    with pytest.raises(InputError, match="merit"):
        _cells(
            frame.with_columns(outcome=pl.lit(-1)),
            record(score="ranking", columns=given, margins={"exposure_merit": 0.1}),
        )


def test_items_without_a_place_or_merit_are_unscored_and_move_nothing(record: Record):
    frame = _rows(20, 0)
    extra = pl.DataFrame(
        {"query": [3, None, 3], "group": ["b", "b", "b"], "score": [None, 9.0, None], "outcome": [3, 3, None]}
    )
    whole = pl.concat([frame, extra.cast(dict(frame.schema))])
    for statistic, lacking in (("share", 3), ("less_merit", 3)):
        plain, more = (
            estimate("exposure@1", _cells(f, record(**LISTS)), params={"of": "b", "statistic": statistic})
            for f in (frame, whole)
        )
        assert (more.value, more.low, more.high, more.n) == pytest.approx((plain.value, plain.low, plain.high, plain.n))
        assert more.n_unscored == lacking


def test_the_error_is_that_of_a_bootstrap_of_lists(record: Record):
    rows = _cells(_rows(120, 1, push=1.0), record(**LISTS))
    lists = sorted({row["cluster"] for row in rows})
    by = {name: [row for row in rows if row["cluster"] == name] for name in lists}
    sums = np.array(
        [
            [[sum(r[k] for r in by[q] if r["arm"] in arms) for k in ("score", "score_b")] for arms in ("b", "ab")]
            for q in lists
        ]
    )
    rng = np.random.default_rng(0)
    drawn = sums[rng.integers(0, len(lists), (4000, len(lists)))].sum(axis=1)
    gaps = drawn[:, 0, 0] / drawn[:, 1, 0] - drawn[:, 0, 1] / drawn[:, 1, 1]
    found = estimate("exposure@1", rows, params={"of": "b", "statistic": "less_merit"})
    assert (found.high - found.low) / 2 / 1.98 == pytest.approx(gaps.std(), rel=0.07)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_intervals_hold_the_share_of_many_lists_and_those_that_forget_lists_do_not(seed: int):
    rng, runs, lists = np.random.default_rng(seed), 300, 30
    discount = 1 / np.log2(np.arange(2, 12))

    def draw(many: int) -> np.ndarray:  # items of a list are of one group more often than by chance
        rate = rng.beta(1.5, 3, many)
        return rng.random((many, 10)) < rate[:, None]

    truth = float((draw(200_000) @ discount).mean() / discount.sum())
    held = naive = 0
    for _ in range(runs):
        b = draw(lists) @ discount
        rows = [
            {"score": x, "arm": g, "cluster": q, "count": 5}
            for q, one in enumerate(b)
            for g, x in (("b", one), ("a", discount.sum() - one))
        ]
        found = estimate("exposure@1", rows, params={"of": "b"})
        held += found.low <= truth <= found.high
        wide = 1.96 * (found.value * (1 - found.value) / (10 * lists)) ** 0.5
        naive += abs(found.value - truth) <= wide
    assert 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5 <= held / runs <= 0.99
    assert naive / runs < 0.88


def test_a_group_that_is_pushed_down_is_found_and_every_number_verifies(tmp_path: Path, record_file: RecordFile):
    _rows(400, 2, push=3.0).write_parquet(tmp_path / "s.parquet")
    done = run_audit("model", str(tmp_path / "s.parquet"), decision=record_file(**LISTS), out=tmp_path / "run")
    finding = {one.group: one for one in done.report.findings}["b"]
    assert (finding.verdict, finding.kind) == ("outside margin", "trade-off")
    assert finding.evidence.high < -0.05
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    assert len(rows) == 2 * (5 + 2)
    for row in rows:
        assert verify(row, root=done.run.path) == []
    page = (done.run.path / "audit.html").read_text("utf-8")
    assert "share of exposure" in page
    assert "400 lists" in page


def test_the_command_asks_for_the_lists(tmp_path: Path, record_file: RecordFile):
    path = record_file(score="ranking", margins={"exposure_merit": 0.1})
    done = CliRunner().invoke(app, ["audit", "freeze", str(path)])
    assert "columns: {list: query}" in str(done.exception)


def test_one_list_has_no_interval(record: Record):
    found = estimate("exposure@1", _cells(_rows(1, 0), record(**LISTS)), params={"of": "b", "statistic": "less_merit"})
    assert found.value is not None
    assert found.low is None
