"""What is wrong with a table is said before the record is frozen or a file is written, so the record is mended and the command stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from precepts.audits.freeze import frozen_path
from precepts.cli import app
from precepts.errors import InputError, MissingError

Write = Callable[..., Path]
RATINGS = {
    "item": range(40),
    "rater": ["r", "s"] * 20,
    "group": ["a", "a", "b", "b"] * 10,
    "label": [0, 1, 1, 0] * 10,
    "gold": [0, 1] * 20,
}
SCORES = {"group": ["a", "b"] * 20, "score": [0.2, 0.8, 0.6, 0.4] * 10, "outcome": [0, 1] * 20}


def _audit(kind: str, table: Path, record: Path, out: Path) -> Any:
    return CliRunner().invoke(app, ["audit", kind, str(table), "--decision", str(record), "--out", str(out)])


def _table(path: Path, columns: dict[str, Any], **changes: Any) -> Path:
    pl.DataFrame({**columns, **changes}, strict=False).write_csv(path)
    return path


@pytest.mark.parametrize(
    ("kind", "columns", "wrong", "right", "said"),
    [
        ("labels", RATINGS, {"columns": {"gold": "gould"}}, {}, "no column 'gould'"),
        ("labels", RATINGS, {"levels": ["no", "yes"]}, {}, "not among no, yes"),
        ("labels", {**RATINGS, "gold": ["n", "y"] * 20, "label": ["n", "y", "y", "n"] * 10}, {}, {"columns": {"positive": ["y"]}}, "must be 0 or 1"),
        ("model", SCORES, {"groups": ["grp"]}, {}, "no column 'grp'"),
        ("model", SCORES, {"columns": {"score": "group"}}, {}, "is text"),
        ("model", {**SCORES, "score": [2, 8, 6, 4] * 10}, {}, {"score": "rank", "cut": 5, "margins": {"selection_rate": 0.1}}, "no probabilities"),
        ("model", SCORES, {"columns": {"pair": "twin"}}, {}, "no column 'twin'"),
        ("model", SCORES, {"margins": {"mean_error": 1}, "score": "value", "columns": {"weight": "w"}}, {}, "no column 'w'"),
        ("model", SCORES, {"margins": {"exposure_merit": 0.1}, "score": "ranking", "columns": {"list": "query"}}, {}, "no column 'query'"),
        ("monitor", SCORES, {"groups": ["grp"]}, {}, "no column 'grp'"),
    ],
)  # fmt: skip
def test_a_record_that_does_not_fit_its_table_is_mended_and_the_same_command_used(
    kind: str, columns: dict[str, Any], wrong: dict[str, Any], right: dict[str, Any], said: str, tmp_path: Path, record_file: Write
) -> None:  # fmt: skip
    table, record, out = _table(tmp_path / "t.csv", columns), record_file(**wrong), tmp_path / "runs" / "audit"
    found = _audit(kind, table, record, out)
    assert isinstance(found.exception, InputError), found.output
    assert said in str(found.exception)
    assert "frozen" not in str(found.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decision.yaml", "t.csv"]
    record_file(**right)
    again = _audit(kind, table, record, out)
    assert again.exit_code in (0, 1, 3), again.exception
    assert frozen_path(record).exists()
    assert (out / "audit.json").exists()


def test_a_stage_that_comes_late_is_checked_before_the_record_is_frozen(tmp_path: Path, record_file: Write) -> None:
    columns = {**SCORES, "stage": ["one", "one", "two", "two"] * 10, "score": [0.2, 0.8, None, None] * 10}
    record = record_file(columns={"stage": "stage"}, margins={"selection_rate": 0.1})
    found = _audit("model", _table(tmp_path / "t.csv", columns), record, tmp_path / "run")
    assert "no row with a score" in str(found.exception)
    assert not frozen_path(record).exists()
    assert not (tmp_path / "run").exists()


def test_a_missing_table_or_run_of_labels_freezes_nothing(tmp_path: Path, record_file: Write) -> None:
    record = record_file()
    assert isinstance(_audit("labels", tmp_path / "nope.csv", record, tmp_path / "runs" / "x").exception, MissingError)
    argv = [
        "audit",
        "model",
        str(_table(tmp_path / "t.csv", SCORES)),
        "--decision",
        str(record),
        "--out",
        str(tmp_path / "y"),
    ]
    assert isinstance(CliRunner().invoke(app, [*argv, "--labels", str(tmp_path / "no")]).exception, MissingError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decision.yaml", "t.csv"]


def test_a_record_frozen_by_hand_is_mended_by_one_that_supersedes_it_in_the_same_directory(
    tmp_path: Path, record_file: Write
) -> None:
    table, out = _table(tmp_path / "t.csv", SCORES), tmp_path / "run"
    record = record_file(columns={"score": "scoer"})
    CliRunner().invoke(app, ["audit", "freeze", str(record)])
    found = _audit("model", table, record, out)
    assert "The record was frozen at" in str(found.exception)
    assert "supersedes: " in str(found.exception)
    assert not out.exists()
    digest = str(found.exception).partition("supersedes: ")[2][:12]
    fresh = record_file(decided={"by": "board", "on": "2026-11-03", "supersedes": digest}).rename(
        tmp_path / "second.yaml"
    )
    assert _audit("model", table, fresh, out).exit_code in (0, 1, 3)


def test_a_batch_that_cannot_be_read_adds_none_of_its_command(tmp_path: Path, record_file: Write) -> None:
    record, out = record_file(), tmp_path / "run"
    good = _table(tmp_path / "mon.csv", SCORES)
    bad = _table(tmp_path / "tue.csv", {**SCORES, "score": [2, 8] * 20})
    common = ["--decision", str(record), "--out", str(out)]
    assert "no probabilities" in str(
        CliRunner().invoke(app, ["audit", "monitor", str(good), str(bad), *common]).exception
    )
    assert not out.exists()
    _table(bad, {**SCORES, "score": [0.2, 0.8] * 20})
    done = CliRunner().invoke(app, ["audit", "monitor", str(good), str(bad), *common])
    assert "2 looks" in done.output
