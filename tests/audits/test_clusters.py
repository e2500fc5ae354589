"""Several rows of one person: an audit of a model generalises to other people, and says what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import run_audit
from precepts.audits.freeze import frozen_path
from precepts.audits.monitor import monitor
from precepts.errors import InputError
from precepts.stats import verify
from precepts.types import Evidence

RecordFile = Callable[..., Path]
CLUSTERED = {
    "columns": {"cluster": "user"},
    "margins": {"calibration": 0.1, "auc": 0.1, "cost": 0.2},
    "minimum": {"accuracy": 0.3},
}


def _users(seed: int = 0, users: int = 80, each: int = 10) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), each)
    score = np.clip(rng.beta(2, 2, users)[user] + rng.normal(0, 0.05, user.size), 0.01, 0.99).round(2)
    outcome = rng.random(users)[user] < score  # one outcome a user: rows repeat it
    return pl.DataFrame(
        {"user": user, "group": np.where(user % 2, "a", "b"), "score": score, "outcome": outcome.astype(int)}
    )


def test_clusters_widen_every_interval_and_every_number_verifies(record_file: RecordFile, tmp_path: Path):
    frame, path = _users(), record_file(**CLUSTERED)
    done = run_audit("model", frame, decision=path, out=tmp_path / "clustered")
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    assert {row.estimator for row in rows} == {"clustered_group@1"}
    for row in rows:
        assert verify(row, root=done.run.path) == []
    frozen_path(path).unlink()
    plain = run_audit("model", frame, decision=record_file(**{**CLUSTERED, "columns": {}}), out=tmp_path / "plain")
    wide = {(row.claim, row.slice["group"]): row for row in done.report.levels}
    for row in plain.report.levels:
        if (mine := wide.get((row.claim, row.slice["group"]))) is not None:
            assert mine.value == pytest.approx(row.value, abs=1e-9)
            assert mine.n == row.n
            if "base_rate" in row.claim or "calibration" in row.claim:
                assert mine.high - mine.low > 2 * (row.high - row.low)
    assert any("other clusters" in note for note in done.report.notes)
    assert "Reliability curves" not in (done.run.path / "audit.html").read_text("utf-8")


def test_a_row_without_a_cluster_is_an_error_that_says_what_to_do(record_file: RecordFile, tmp_path: Path):
    frame = _users().with_columns(user=pl.when(pl.col("user") > 0).then("user"))
    with pytest.raises(InputError, match="one of its own"):
        run_audit("model", frame, decision=record_file(**CLUSTERED), out=tmp_path / "run")


def test_clusters_of_ratings_are_not_asked_of_a_models_table(record_file: RecordFile, tmp_path: Path):
    path = record_file(columns={"cluster": "template"}, margins={"criterion": 0.2, "calibration": 0.1})
    done = run_audit("model", _users(), decision=path, out=tmp_path / "run")
    assert any("template" in note and "independent" in note for note in done.report.notes)
    assert any(row.claim == "audit/model/ecce" for row in done.report.levels)


def test_the_monitor_refuses_clusters(record_file: RecordFile, tmp_path: Path):
    with pytest.raises(InputError, match="independent"):
        monitor(["t.parquet"], decision=record_file(**CLUSTERED), out=tmp_path / "run")
