"""Small cells are not printed, and no hidden one follows from what is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.audits import run_audit
from precepts.audits.run import Audited
from precepts.audits.suppression import closed
from precepts.stats import verify
from precepts.types import Evidence

RecordFile = Callable[..., Path]


def test_one_small_cell_of_a_total_takes_the_next_smallest_with_it():
    sizes = {("g", name): n for name, n in (("a", 3), ("b", 40), ("c", 12), ("d", 0))}
    line = dict.fromkeys(sizes, 1.0)
    assert closed(sizes, {("g", "a")}, [line], least=5) == {("g", "a"), ("g", "c")}
    assert closed(sizes, {("g", "a")}, [], least=5) == {("g", "a")}
    two = {**sizes, ("g", "d"): 1}  # 3 and 1 together are still a small count
    assert closed(two, {("g", "a"), ("g", "d")}, [line], least=5) == {("g", "a"), ("g", "d"), ("g", "c")}


def test_a_cell_that_follows_from_two_margins_is_found_where_no_line_shows_it_alone():
    """Two hidden cells in every row and column touched, but one of them a bridge: rows minus columns give it."""
    hidden = {(r, c) for r, c in ("ax", "ay", "bx", "by", "cz", "cw", "dz", "dw", "bz")}
    keys = [(r, c) for r in "abcd" for c in "xyzw"]
    lines = [{k: 1.0 for k in keys if k[0] == r} for r in "abcd"] + [
        {k: 1.0 for k in keys if k[1] == c} for c in "xyzw"
    ]
    sizes = {key: 10 + place for place, key in enumerate(keys)}
    assert min(sum(key in hidden for key in line) for line in lines) == 2
    found = closed(sizes, hidden, lines, least=5)
    assert found > hidden
    assert not _follows(("b", "z"), found, lines)


def _follows(key: tuple[str, ...], hidden: set[tuple[str, ...]], lines: list[dict[tuple[str, ...], float]]) -> bool:
    """Whether the cell alone is a combination of the lines, over the hidden cells: by rank, and not by a null space."""
    order = sorted(hidden)
    matrix = np.array([[line.get(one, 0.0) for one in order] for line in lines])
    alone = np.array([[float(one == key) for one in order]])
    return bool(np.linalg.matrix_rank(np.vstack([matrix, alone])) == np.linalg.matrix_rank(matrix))


@settings(max_examples=60, deadline=None)
@given(table=st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=3, max_size=5))
def test_no_hidden_cell_follows_from_margins_while_one_is_left_to_hide(table: list[list[int]]):
    keys = [("j", str(r), str(c)) for r in range(len(table)) for c in range(4)]
    sizes = {key: table[int(key[1])][int(key[2])] for key in keys}
    lines: list[dict[tuple[str, ...], float]] = []
    for axis, many in ((1, len(table)), (2, 4)):
        for place in range(many):
            mine = [key for key in keys if key[axis] == str(place)]
            margin = ("m", str(axis), str(place))
            sizes[margin] = sum(sizes[key] for key in mine)
            lines.append({**dict.fromkeys(mine, 1.0), margin: -1.0})
    small = {key for key, n in sizes.items() if 0 < n < 5}
    found = closed(sizes, small, lines, least=5)
    assert small <= found
    for key in found:
        if _follows(key, found, lines):
            assert not any(sizes[one] and one not in found for line in lines if key in line for one in line)


def _frame(seed: int = 0) -> pl.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    for (a, b), n in zip(itertools.product("pqr", "xyz"), (300, 280, 260, 240, 3, 200, 180, 160, 140), strict=True):
        score = rng.beta(2, 2, n)
        rows.append(
            pl.DataFrame({"a": a, "b": b, "score": score.round(2), "outcome": (rng.random(n) < score).astype(int)})
        )
    return pl.concat(rows)


def _run(frame: pl.DataFrame, path: Path, tmp_path: Path) -> Audited:
    frame.write_parquet(tmp_path / "s.parquet")
    return run_audit("model", str(tmp_path / "s.parquet"), decision=path, out=tmp_path / "run")


def test_a_small_intersection_is_hidden_with_others_and_the_run_still_verifies(tmp_path: Path, record_file: RecordFile):
    path = record_file(groups=["a", "b"], intersections=True, suppress_below=5, margins={"calibration": 0.1})
    done = _run(_frame(), path, tmp_path)
    hidden = {one["name"] for one in done.report.groups if one["n"] is None}
    assert "q × y" in hidden
    rows = [name for name in hidden if name.startswith("q ×")]
    columns = [name for name in hidden if name.endswith("× y")]
    assert len(rows) > 1
    assert len(columns) > 1
    shown = {one["name"]: one["n"] for one in done.report.groups if one["n"] is not None}
    assert {"p", "q", "r", "x", "y", "z"} <= set(shown)
    for row in [
        *done.report.levels,
        *done.report.contrasts,
        *done.report.curves,
        *(f.evidence for f in done.report.findings),
    ]:
        if row.slice["group"] in hidden:
            assert (row.value, row.low, row.high, row.n) == (None, None, None, 0)
    document = done.report.document()
    assert all(one["n"] != 3 for one in document["levels"])
    page = (done.run.path / "audit.html").read_text("utf-8")
    assert "suppressed" in page
    assert "are not for publication" in page
    evidence = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    assert any(row.slice["group"] == "q × y" and row.n == 3 for row in evidence)  # the run keeps what the page does not
    for row in evidence[::7]:
        assert verify(row, root=done.run.path) == []


def test_few_errors_hide_decisions_and_leave_the_outcome_rate(tmp_path: Path, record_file: RecordFile):
    n = 200
    frame = pl.DataFrame({
        "group": ["a"] * n + ["b"] * n + ["c"] * n,
        "score": [0.9] * 100 + [0.1] * 98 + [0.9] * 2 + ([0.9] * 90 + [0.1] * 90 + [0.9] * 20) * 2,
        "outcome": [1] * 100 + [0] * 100 + ([1] * 90 + [0] * 110) * 2,
    })  # fmt: skip
    done = _run(frame, record_file(suppress_below=5, margins={"selection_rate": 0.1}), tmp_path)
    by = {(row.claim.rsplit("/", 1)[1], row.slice["group"]): row for row in done.report.levels}
    assert by["base_rate", "a"].value == 0.5
    assert by["false_positive_rate", "a"].unit == by["selection_rate", "a"].unit == "suppressed"
    hidden = [g for g in "abc" if by["selection_rate", g].unit == "suppressed"]
    assert len(hidden) == 2  # the other one would follow from the total
    spread = {row.claim.rsplit("/", 1)[1]: row.unit for row in done.report.spreads}
    assert spread["selection_rate_dispersion"] == "suppressed"
    assert spread["base_rate_dispersion"] != "suppressed"
    assert {one.verdict for one in done.report.findings} <= {"within margin", "outside margin", "not enough data"}


@pytest.mark.parametrize("asked", [{}, {"suppress_below": 2}])
def test_nothing_small_or_nothing_asked_hides_nothing(asked: dict[str, int], tmp_path: Path, record_file: RecordFile):
    frame = pl.DataFrame(
        {"group": ["a", "b"] * 400, "score": [0.2, 0.2, 0.8, 0.8] * 200, "outcome": [0, 1, 1, 0, 1, 0, 0, 1] * 100}
    )
    done = _run(frame, record_file(margins={"calibration": 0.1}, **asked), tmp_path)
    assert all(row.unit != "suppressed" for row in [*done.report.levels, *done.report.curves])


def test_labels_with_few_mistakes_in_a_group_are_hidden_with_another(tmp_path: Path, record_file: RecordFile):
    rows = [
        {"item": f"{g}{i}", "rater": str(r), "gold": i % 2, "group": g, "label": (i % 2) ^ (i < wrong)}
        for g, wrong in (("a", 1), ("b", 20), ("c", 25)) for i in range(80) for r in range(3)
    ]  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "r.csv")
    path = record_file(suppress_below=5, generalise_to="items")
    done = run_audit("labels", str(tmp_path / "r.csv"), decision=path, out=tmp_path / "run")
    hidden = {row.slice["group"] for row in done.report.levels if row.unit == "suppressed"}
    assert len(hidden) == 2
    assert "a" in hidden
    assert all(one["num_ratings"] is None for one in done.report.groups if one["name"] in hidden)
