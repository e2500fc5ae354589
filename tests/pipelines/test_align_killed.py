"""Killed without warning in every stage, the same command goes on and ends at the same evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from precepts.errors import BusyError
from precepts.runs import Run, file_digest
from process import KILLED, POINTS

TABLES = (
    *(f"data/{table}" for table in ("completions", "judgments", "kept", "dropped", "examples")),
    "sft/curve",
    *(f"eval/test/{arm}/{table}" for arm in ("base", "policy-in-prompt") for table in ("completions", "scores")),
    "eval/test/sft/scores",
    "eval/test/evidence",
)


def text(run: Path, table: str) -> str:
    return (run / f"{table}.jsonl").read_text("utf-8").replace(str(run), "RUN")


def test_killed_once_in_each_stage_a_run_ends_at_the_same_evidence(cli: Any, finished: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for point in POINTS:
        done = cli(*finished.argv, run, kill_at=point)
        assert done.code == KILLED, f"was to be killed {point}: {done.err}"
        assert not (run / "run.json").exists()
    done = cli(*finished.argv, run)
    assert done.code == 0, done.err
    for table in TABLES:
        assert text(run, table) == text(finished.run, table), table
    # Other tests measure further sets in the finished run; the run's own are what both hold.
    own = [line for line in text(finished.run, "evidence").splitlines() if '"set": "test"' in line]
    assert text(run, "evidence").splitlines() == own
    weights = [file_digest(r / "sft" / "model" / "model.safetensors") for r in (run, finished.run)]
    assert weights[0] == weights[1]
    assert list(run.rglob("checkpoint*")) == []
    place = (str(run), str(finished.run))
    assert done.out.replace(place[0], "").split() == finished.done.out.replace(place[1], "").split()


def test_a_run_that_another_process_holds_is_left_alone(cli: Any, finished: Any) -> None:
    with Run(finished.run).locked():
        done = cli(*finished.argv, finished.run)
    assert done.code == BusyError.exit_code == 2
    assert done.err.splitlines()[-1].startswith(f"precepts: Another process is working on {finished.run}")


@pytest.mark.parametrize("point", ["eval: in a batch of the last arm"])
def test_a_measurement_killed_in_the_middle_goes_on(cli: Any, finished: Any, tmp_path: Path, point: str) -> None:
    argv = ("align", "eval", finished.run, "--cases", finished.argv[3], "--json", "--out")
    killed = cli(*argv, tmp_path / "killed", kill_at=point)
    assert killed.code == KILLED
    done, whole = cli(*argv, tmp_path / "killed"), cli(*argv, tmp_path / "whole")
    assert (done.code, whole.code) == (0, 0)
    assert done.out == whole.out
