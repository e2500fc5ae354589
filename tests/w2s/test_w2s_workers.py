"""A grid whose cells are trained by two workers, one of them killed: the tables of the run that had none, written by one process."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from w2s_words import sentences

pytest.importorskip("torch")

import torch

from precepts.pipelines import w2s, w2s_ladder
from precepts.pipelines.w2s import W2SConfig, run_w2s, task_tables
from precepts.pipelines.w2s_ladder import run_ladder
from precepts.runs import Run
from precepts.w2s.heads import HeadSettings
from precepts.workers import Spread, here


def tables_of(run: Path) -> dict[str, str]:
    """The text of every table, without the place of its run."""
    return {
        str(path.relative_to(run)): path.read_text("utf-8").replace(f'"run": "{run.name}"', '"run": "RUN"')
        for path in sorted(run.rglob("*.jsonl"))
    }


def dying(mark: Path) -> Any:
    """As `task_tables`, but the first process that is to do it dies."""

    def work(*args: Any) -> Any:
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task_tables(*args)

    return work


@pytest.fixture
def tasks(tmp_path: Path) -> list[Path]:
    paths: list[Path] = []
    for seed in range(3):
        paths.append(tmp_path / f"days{seed}.csv")
        with paths[-1].open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *sentences(160, seed=seed)])
    return paths


@pytest.mark.slow
def test_a_grid_by_workers_is_the_grid_made_here(
    two_workers: Spread, tasks: list[Path], tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    config = W2SConfig(
        tasks=tuple(map(str, tasks)), strong=f"{tiny_path}@1", seeds=2, rows=None, heads=HeadSettings(epochs=2)
    )
    run_w2s(Run(tmp_path / "here"), config)
    mark = tmp_path / "killed"
    monkeypatch.setattr(w2s, "task_tables", dying(mark))
    run_w2s(Run(tmp_path / "workers"), config, over=two_workers)
    assert mark.exists(), "a worker was killed in the middle"
    assert tables_of(tmp_path / "here") == tables_of(tmp_path / "workers")


@pytest.mark.slow
def test_a_ladder_goes_on_with_workers_from_the_pair_where_it_stopped(
    two_workers: Spread, tasks: list[Path], tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    ladder, out = tmp_path / "ladder.yaml", tmp_path / "workers"
    names = {"words": "tfidf", "one": f"{tiny_path}@1", "two": f"{tiny_path}@2"}
    ladder.write_text(json.dumps({"models": [{"name": n, "ref": r} for n, r in names.items()]}))
    config = W2SConfig(tasks=(str(tasks[0]),), seeds=2, rows=None, heads=HeadSettings(epochs=2))
    run_ladder(Run(tmp_path / "here"), ladder, config)

    def once(work: Any, jobs: Any) -> Any:
        """One job, then no more: as if the command had been stopped."""
        for number, job in enumerate(jobs):
            if number:
                raise KeyboardInterrupt
            yield from here(work, [job])

    with monkeypatch.context() as patch:
        patch.setattr(w2s_ladder, "_warm", lambda *args: None)
        with pytest.raises(KeyboardInterrupt):
            run_ladder(Run(out), ladder, config, over=once)
    assert sum(1 for _ in out.rglob("scores.jsonl")) == 1
    run_ladder(Run(out), ladder, config, over=two_workers)
    assert tables_of(tmp_path / "here") == tables_of(out)
