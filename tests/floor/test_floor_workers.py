"""Work spread over workers: order, what is kept from job to job, errors, and workers killed without warning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import InputError, MissingError
from precepts.runs import Run
from precepts.workers import Spread, WorkerError, Workers, here, spread_over

PLANNED = [["a", "b"], ["c"], ["d", "e", "f"], ["g"], ["h", "i"]]


def maker(kill_in: int | None = None, once: Path | None = None) -> Callable[[int, Any], list[dict[str, Any]]]:
    """Makes a batch's rows, with how many batches this process has made; dies in one batch, the first time or always."""
    made: list[int] = []

    def make(number: int, keys: Any) -> list[dict[str, Any]]:
        made.append(number)
        if number == kill_in and (once is None or not once.exists()):
            if once is not None:
                once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [{"case_id": key, "batch": number, "pid": os.getpid(), "made": len(made)} for key in keys]

    return make


def test_without_workers_a_job_is_done_when_its_result_is_asked_for() -> None:
    done: list[int] = []
    with spread_over() as over:
        assert over is here
        results = over(done.append, [1, 2, 3])
        next(results)
    assert done == [1]


def test_too_few_workers_are_told_before_anything_starts() -> None:
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="at least 1"), spread_over(0):
        pass


def test_ray_that_is_not_installed_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingError, match=r"precepts\[scale\]"):
        Workers(2)


def test_importing_precepts_loads_no_ray_and_ray_may_not_tell_of_its_use() -> None:
    code = (
        "import sys, os, precepts.cli, precepts.pipelines.align, precepts.audits.run\n"
        "assert 'ray' not in sys.modules\n"
        "from precepts.workers import Workers; Workers(1)\n"
        "from ray._common.usage.usage_lib import usage_stats_enabled\n"
        "assert not usage_stats_enabled()"
    )
    pytest.importorskip("ray")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RAY_USAGE_STATS_ENABLED": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_finished_table_starts_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    run = Run(tmp_path)
    list(run.batches("t", PLANNED, maker()))
    with spread_over(2, address="no.such.host:1") as over:
        assert len(list(run.batches("t", PLANNED, maker(), over=over))) == len(PLANNED)


@pytest.mark.slow
def test_a_table_made_by_workers_is_the_table_made_here_though_one_is_killed(
    two_workers: Spread, tmp_path: Path
) -> None:
    alone, spread = Run(tmp_path / "alone"), Run(tmp_path / "spread")
    list(alone.batches("t", PLANNED, maker()))
    spread.append("t", alone.rows("t")[:2])
    with spread.table("t").open("a") as torn:
        torn.write('{"case_id": "c", "ba')
    mark = tmp_path / "killed"
    made = list(spread.batches("t", PLANNED, maker(kill_in=2, once=mark), over=two_workers))
    assert mark.exists(), "a worker was killed in the middle"
    assert [number for number, _ in made] == [0, 1, 2, 3, 4]
    rows = spread.rows("t")
    assert [(r["case_id"], r["batch"]) for r in rows] == [(r["case_id"], r["batch"]) for r in alone.rows("t")]
    pids = {row["pid"] for row in rows[2:]}
    assert os.getpid() not in pids
    assert max(row["made"] for row in rows[2:]) > 1, "a worker keeps what it holds from job to job"


@pytest.mark.slow
def test_an_error_of_a_job_is_its_own_and_a_job_that_kills_every_worker_ends_the_run(
    two_workers: Spread, tmp_path: Path
) -> None:
    def work(job: int) -> int:
        if job == 2:
            raise InputError("row 2 is bad")
        return job * job

    results = two_workers(work, range(4))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InputError, match="row 2 is bad"):
        next(results)
    run = Run(tmp_path)
    with pytest.raises(WorkerError, match="goes on from here"):
        list(run.batches("t", PLANNED, maker(kill_in=1), over=two_workers))
    assert [row["case_id"] for row in run.rows("t")] == ["a", "b"]


def test_a_cluster_that_is_not_there_is_told() -> None:
    pytest.importorskip("ray")
    code = (
        "from precepts.workers import WorkerError, spread_over\n"
        "try:\n"
        "    with spread_over(2, address='127.0.0.1:9') as over: list(over(str, [1]))\n"
        "except WorkerError as error: print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "127.0.0.1:9 cannot be had" in done.stdout, done.stderr
