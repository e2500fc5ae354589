"""A table in several Parquet files: each counted by itself, its cells those of the table in one."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from precepts.audits import Decision
from precepts.audits.cells import model_cells
from precepts.audits.regression import error_cells
from precepts.audits.run import run_audit
from precepts.audits.tables import partitions, read_table
from precepts.errors import InputError
from precepts.stats import verify
from precepts.types import Evidence
from precepts.workers import Spread

Record = Callable[..., Decision]
STAGES = {"columns": {"stage": "stage"}}
CLASSES = {"classes": ["a", "b"], "columns": {"outcome": "kind"}}
MEMBERSHIP = {"groups": ["sex"], "membership": {"sex": {"w": "p_w", "m": "p_m"}}}


def scores(seed: int, rows: int = 900) -> pl.DataFrame:
    """Rows with few scores, missing values and a group that only the last file has."""
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 17, rows) / 16  # sums of sixteenths are exact in any order
    p_w = rng.integers(0, 5, rows) / 4
    group = np.where(np.arange(rows) < rows * 0.9, rng.choice(["x", "y"], rows), "z")
    return pl.DataFrame(
        {
            "group": [None if n % 97 == 0 else str(g) for n, g in enumerate(group)],
            "score": [None if n % 53 == 0 else float(s) for n, s in enumerate(score)],
            "outcome": (rng.random(rows) < score).astype(int),
            "stage": np.where(np.arange(rows) < rows / 2, "sift", "review"),
            "kind": rng.choice(["a", "b"], rows), "score_a": score, "score_b": 1 - score,
            "p_w": p_w, "p_m": 1 - p_w, "fine": rng.random(rows),
        }
    )  # fmt: skip


def written(frame: pl.DataFrame, folder: Path, cuts: Iterable[int]) -> Path:
    """The frame in files that begin at the cuts; the first may hold no row at all."""
    folder.mkdir()
    edges = [0, *cuts, frame.height]
    for n, (low, high) in enumerate(itertools.pairwise(edges)):
        frame[low:high].write_parquet(folder / f"part-{n:03}.parquet")
    return folder


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("column", ["score", "fine"])
def test_cells_of_files_add_up_to_the_cells_of_the_table(tmp_path: Path, record: Record, seed: int, column: str):
    frame = scores(seed, 1500)
    folder = written(frame, tmp_path / "parts", (0, 7, 800, 801))
    decision = record(columns={"score": column})
    whole = model_cells(frame.lazy(), decision, where="t")
    found = model_cells(read_table(folder), decision, where="t", pieces=partitions(folder))
    assert whole.exact == found.exact == (column == "score")
    keys = [name for name in whole.frame.columns if name not in ("score", "score_sum", "expected")]
    assert found.frame.select(keys).equals(whole.frame.select(keys), null_equal=True)
    for name in ("score", "score_sum", "expected"):
        one, other = (cells.frame[name].to_numpy() for cells in (whole, found))
        assert np.allclose(one, other, rtol=1e-12, atol=0, equal_nan=True)
    assert int(found.frame["count"].sum()) == frame.height


def test_sums_of_errors_add_up_over_files(tmp_path: Path, record: Record):
    frame = scores(3)
    folder = written(frame, tmp_path / "parts", (0, 300, 850))
    decision = record(score="value", margins={"mean_error": 0.1})
    whole = error_cells(frame.lazy(), decision, where="t")
    assert error_cells(read_table(folder), decision, where="t", pieces=partitions(folder)) == whole


@pytest.mark.parametrize("changes", [{}, STAGES, CLASSES, MEMBERSHIP], ids=["plain", "stages", "classes", "membership"])
def test_an_audit_of_a_folder_is_the_audit_of_its_rows(
    tmp_path: Path, record_file: Callable[..., Path], changes: dict[str, Any]
):
    frame = scores(4)
    frame.write_parquet(tmp_path / "all.parquet")
    folder, decision = written(frame, tmp_path / "parts", (100, 500)), record_file(**changes)
    whole, parts = (
        run_audit("model", str(source), decision=decision, out=tmp_path / f"run{n}")
        for n, source in enumerate((tmp_path / "all.parquet", folder))
    )
    drop = {"model", "inputs"}
    assert [row.model_dump(exclude=drop) for row in parts.report.levels] == [
        row.model_dump(exclude=drop) for row in whole.report.levels
    ]
    assert parts.report.findings
    for row in parts.run.rows("evidence"):
        assert verify(Evidence.model_validate(row), root=parts.run.path) == []


def test_folders_named_by_a_value_give_the_column(tmp_path: Path, record: Record):
    frame = scores(5).drop_nulls()
    for name in ("x", "y", "z"):
        part = frame.filter(pl.col("group") == name).drop("group")
        (tmp_path / "t" / f"group={name}").mkdir(parents=True)
        part.write_parquet(tmp_path / "t" / f"group={name}" / "0.parquet")
    pieces = partitions(tmp_path / "t")
    assert len(pieces) == 3
    found = model_cells(read_table(tmp_path / "t"), record(), where="t", pieces=pieces)
    assert found.frame.equals(model_cells(frame.lazy(), record(), where="t").frame)


def test_a_file_of_other_columns_and_a_broken_one_are_told(tmp_path: Path):
    folder = written(scores(6), tmp_path / "parts", (100,))
    scores(6).with_columns(pl.col("outcome").cast(pl.Float64)).write_parquet(folder / "part-009.parquet")
    with pytest.raises(InputError, match=r"part-009.parquet: differs from the other files in outcome"):
        partitions(folder)
    (folder / "part-009.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"part-009.parquet: cannot be read"):
        partitions(folder)


@pytest.mark.slow
def test_workers_count_what_is_counted_here(two_workers: Spread, tmp_path: Path, record_file: Callable[..., Path]):
    folder, decision = written(scores(7, 4000), tmp_path / "parts", (0, 1000, 1500, 3999)), record_file()
    pids = list(two_workers(lambda _: os.getpid(), range(3)))
    assert os.getpid() not in pids
    runs = [
        run_audit("model", str(folder), decision=decision, out=tmp_path / name, **options).run
        for name, options in (("here", {}), ("workers", {"over": two_workers}))
    ]
    for table in ("cells", "evidence"):
        assert runs[0].table(table).read_text("utf-8") == runs[1].table(table).read_text("utf-8")


@pytest.mark.slow
def test_the_command_says_the_same_with_workers_and_ray_says_nothing(tmp_path: Path, record_file: Callable[..., Path]):
    pytest.importorskip("ray")
    folder, decision = written(scores(8), tmp_path / "parts", (300, 600)), record_file()
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_worker_niceness": "0", "COLUMNS": "400",
    }  # fmt: skip
    environment.pop("RAY_USAGE_STATS_ENABLED", None)
    said: list[str] = []
    for more in ([], ["--workers", "2"]):
        out = tmp_path / f"run{len(more)}"
        argv = ["audit", "model", str(folder), "--decision", str(decision), "--out", str(out), *more]
        done = subprocess.run(
            [sys.executable, "-m", "precepts.cli", *argv], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1, 3), done.stderr
        assert done.stderr == "", "nothing is logged"
        said.append(done.stdout.replace(str(out), "RUN").replace(", just now", ""))
    assert said[0].split() == said[1].split()
