"""Generation and judging by two workers, one of them killed in the middle: the tables are those of the run that had none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

import small
from precepts.evals import arms
from precepts.judges import CheckedCompliance, Item, SpreadJudge
from precepts.models import open_model
from precepts.pipelines import data, evaluate
from precepts.pipelines.config import AlignConfig, begin, config_of
from precepts.pipelines.measure import measure
from precepts.runs import Run
from precepts.types import Case, Completion, Judgment, Message
from precepts.workers import Spread, here

TABLES = ("completions", "judgments", "kept", "dropped", "examples")


def opener(mark: Path | None, at: int = 2) -> Callable[[str], Any]:
    """Opens models of which one, once, takes its process with it in the call of that number."""

    def opened(ref: str) -> Any:
        model, calls = open_model(ref), list[int]()
        real = model.generate

        def generate(*args: Any, **options: Any) -> Any:
            calls.append(1)
            if mark is not None and len(calls) == at and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        model.generate = generate  # pyright: ignore[reportAttributeAccessIssue]
        return model

    return opened


def by_text() -> Any:
    """A judge that keeps about two answers of three, by their text; made here, so that workers are given it whole."""

    class ByText:
        name, view = "by-text", "answer"

        def judge(self, items: Sequence[Item]) -> list[Judgment]:
            return [
                Judgment(
                    case_id=i.case.id, completion=i.completion.key, judge=self.name,
                    score=float(sha256(i.completion.answer.encode()).digest()[0] % 3 > 0),
                )
                for i in items
            ]  # fmt: skip

    return ByText()


def items(num: int) -> list[Item]:
    cases = [
        Case(id=f"c{i}", messages=(Message(role="user", content=f"Ask {i}"),), category=f"k{i % 3}") for i in range(num)
    ]
    return [Item(c, Completion(key=f"a{c.id}", case_id=c.id, model="m", text=c.id, answer=c.id)) for c in cases]


def test_a_judge_that_is_spread_says_what_the_judge_says_in_the_items_order() -> None:
    asked: list[int] = []

    def over(work: Any, jobs: Any) -> Any:
        jobs = list(jobs)
        asked.extend(len(job) for job in jobs)
        return iter([work(job) for job in jobs])

    judge = SpreadJudge(by_text, None, over)
    assert judge.name == "by-text"
    many = items(205)
    assert judge.judge(many) == by_text().judge(many)
    assert asked == [80, 80, 45]
    assert judge.judge([]) == []


@pytest.fixture
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_BATCH", 4)
    monkeypatch.setitem(arms.complete.__kwdefaults__, "batch_size", 5)
    monkeypatch.setattr(data, "filter_judge", lambda judge, policy: by_text())
    monkeypatch.setattr(evaluate, "test_judge", lambda: CheckedCompliance(None))
    torch.set_num_threads(1)


@pytest.mark.slow
@pytest.mark.usefixtures("in_small_batches")
def test_what_workers_generate_and_judge_is_what_is_generated_and_judged_here(
    two_workers: Spread, tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, cases = small.write_policy(tmp_path), small.write_cases(tmp_path)
    mark, runs = tmp_path / "killed", list[Run]()
    for name, over in (("here", here), ("workers", two_workers)):
        monkeypatch.setattr(data, "open_model", opener(mark if over is two_workers else None))
        config = AlignConfig(policy=str(policy), cases=str(cases), model=str(tiny_path))
        runs.append(begin(tmp_path / name, config, command="test"))
        data.data_stage(runs[-1], config_of(runs[-1]), over=over)
    assert mark.exists(), "a worker was killed in the middle"
    for table in TABLES:
        one, other = (run.stage("data").table(table).read_text("utf-8") for run in runs)
        assert one == other, table
    assert runs[0].stage("data").rows("dropped")
    plans = [run.stage("data").plan for run in runs]
    assert plans[0] == plans[1]


@pytest.mark.slow
@pytest.mark.usefixtures("in_small_batches")
def test_a_measurement_goes_on_with_workers_where_it_stopped_without(
    two_workers: Spread, tiny_path: Path, tmp_path: Path
) -> None:
    policy, cases = small.write_policy(tmp_path), small.write_cases(tmp_path)

    def measured(out: Path, over: Spread) -> list[str]:
        found = measure(
            str(tiny_path), str(cases), baseline=None, policy=policy, limit=None, seed=0, max_tokens=12, out=out, over=over
        )  # fmt: skip
        arm = next(p for p in found.path.parent.iterdir() if p.is_dir())
        files = [*(arm / f"{t}.jsonl" for t in ("completions", "judgments", "scores")), found.path]
        return [path.read_text("utf-8") for path in files]

    whole = measured(tmp_path / "here", here)
    half = tmp_path / "half"
    measured(half, here)
    (arm,) = (p for p in (half / "eval").rglob("completions.jsonl"))
    for path in (*arm.parent.glob("*.jsonl"), arm.parent / "run.json"):
        if path != arm:
            path.unlink()
    arm.write_text("".join(arm.read_text().splitlines(keepends=True)[:12]) + '{"torn', "utf-8")
    assert measured(half, two_workers) == whole
