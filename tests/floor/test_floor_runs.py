"""Run directories: one plan, nothing lost, nothing twice, one writer."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts import runs
from precepts.errors import BusyError, InputError, MissingError
from precepts.runs import Run, environment, read_jsonl, to_json, write_atomic

PLANNED = [["a", "b"], ["c", "d"], ["e"]]


class Maker:
    """Makes rows that say which try made them; may end in the middle."""

    def __init__(self, *, attempt: int = 1, fails_at: int | None = None) -> None:
        self.made: list[int] = []
        self.attempt, self.fails_at = attempt, fails_at

    def __call__(self, number: int, keys: Sequence[str]) -> list[dict[str, Any]]:
        if number == self.fails_at:
            raise KeyboardInterrupt
        self.made.append(number)
        return [{"case_id": key, "attempt": self.attempt} for key in keys]


def through(run: Run, make: Maker) -> list[dict[str, Any]]:
    return [row for _, rows in run.batches("rows", PLANNED, make) for row in rows]


# --- plans ------------------------------------------------------------------------------------------------------------


def test_the_same_plan_goes_on_and_another_is_refused_by_its_keys(tmp_path: Path) -> None:
    run = Run(tmp_path / "r")
    plan = {"seed": 0, "model": "m", "batches": (("a",), ("b",))}
    assert run.begin(plan) == run.begin(dict(reversed(plan.items()))) == run.plan
    with pytest.raises(InputError, match="was begun with another limit, seed") as caught:
        run.begin({**plan, "seed": 1, "limit": 3})
    assert "model" not in str(caught.value)
    assert run.plan["seed"] == 0, "a refused plan changes nothing"


def test_a_setting_inside_another_is_named_by_both(tmp_path: Path) -> None:
    run = Run(tmp_path / "r")
    run.begin({"sft": {"mode": "top", "max_steps": None}, "roles": {"mark": "m"}})
    with pytest.raises(InputError, match=r"was begun with another roles, sft\.max_steps\. Use"):
        run.begin({"sft": {"mode": "top", "max_steps": 4}, "roles": None})


def test_a_key_that_the_new_plan_lacks_is_another_plan(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin({"seed": 0, "limit": 3})
    with pytest.raises(InputError, match="another limit"):
        run.begin({"seed": 0})


def test_a_directory_with_somebodys_files_is_not_taken_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(InputError, match="holds files but is not a run"):
        Run(tmp_path).begin({"seed": 0})
    assert not (tmp_path / "plan.json").exists()


def test_a_plan_torn_by_a_kill_is_written_again(tmp_path: Path) -> None:
    (tmp_path / ".plan.json.x1y2").write_text('{"see')
    Run(tmp_path).begin({"seed": 0})
    assert Run(tmp_path).plan == {"seed": 0}


def test_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="is not a run directory"):
        _ = Run(tmp_path / "nowhere").plan


# --- tables -----------------------------------------------------------------------------------------------------------


@given(keep=st.integers(min_value=0, max_value=18))
def test_a_torn_last_line_is_left_out(tmp_path_factory: pytest.TempPathFactory, keep: int) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    whole, torn = b'{"n": 1}\n{"n": 2}\n', b'{"n": 3, "s": "\xc3\xa9"}\n'
    path.write_bytes(whole + torn[:keep])
    assert [row["n"] for row in read_jsonl(path)] == [1, 2]
    run = Run(path.parent)
    run.append("t", [{"n": 4}, {"n": 5}])
    assert [row["n"] for row in run.rows("t")] == [1, 2, 4, 5], "what is added does not stick to the torn line"


def test_a_bad_line_in_the_middle_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"n": 1}\n{"n": \n{"n": 3}\n')
    with pytest.raises(InputError, match=r"t\.jsonl:2: not a JSON object"):
        read_jsonl(path)


def test_nan_is_refused_where_it_would_be_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"value": float("nan")})


# --- batches ----------------------------------------------------------------------------------------------------------


def test_finished_batches_are_read_and_not_made_again(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        through(run, Maker(fails_at=2))
    second = Maker(attempt=2)
    rows = through(run, second)
    assert second.made == [2]
    assert rows == run.rows("rows") == [{"case_id": k, "attempt": 2 if k == "e" else 1} for k in "abcde"]
    third = Maker(attempt=3)
    assert through(run, third) == rows
    assert third.made == []


@pytest.mark.parametrize("cut", ["between lines", "in a line", "before the last line feed"])
def test_a_batch_torn_by_a_kill_is_made_again_whole(tmp_path: Path, cut: str) -> None:
    run = Run(tmp_path)
    through(run, Maker())
    lines = run.table("rows").read_bytes().splitlines(keepends=True)
    kept = {
        "between lines": b"".join(lines[:3]),
        "in a line": b"".join(lines[:3]) + lines[3][:9],
        "before the last line feed": b"".join(lines[:4])[:-1],
    }[cut]
    run.table("rows").write_bytes(kept)
    second = Maker(attempt=2)
    rows = through(run, second)
    assert [row["case_id"] for row in rows] == list("abcde"), "nothing lost and nothing twice"
    assert rows == run.rows("rows")
    assert all(len({row["attempt"] for row in rows[i:j]}) == 1 for i, j in ((0, 2), (2, 4))), "no batch of two tries"
    assert rows[0]["attempt"] == 1


def test_a_batch_that_lacks_a_row_is_a_programmers_mistake(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="one row a key"):
        list(Run(tmp_path).batches("rows", PLANNED, lambda number, keys: [{"case_id": keys[0]}]))


def test_a_batch_reads_the_same_when_made_and_when_read(tmp_path: Path) -> None:
    def make(number: int, keys: Sequence[str]) -> list[dict[str, Any]]:
        return [{"case_id": k, "at": (1, 2), "where": Path("x")} for k in keys]

    run = Run(tmp_path)
    assert list(run.batches("rows", PLANNED, make)) == list(run.batches("rows", PLANNED, make))


# --- one writer -------------------------------------------------------------------------------------------------------

_HOLDER = """
import sys
from precepts.runs import Run
with Run(sys.argv[1]).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_that_the_run_is_busy_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "r")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match="Another process is working on"), Run(tmp_path / "r").locked():
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
        holder.stdin.close()
    with Run(tmp_path / "r").locked():
        pass


def test_a_lock_under_which_nothing_was_written_goes_with_the_directories_made_for_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError), Run(tmp_path / "runs" / "r").locked():
        raise MissingError("The table is not there.")
    assert not list(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    with Run(tmp_path / "mine").locked():
        pass
    assert not list((tmp_path / "mine").iterdir())


def test_a_lock_under_which_something_was_written_stays(tmp_path: Path) -> None:
    run = Run(tmp_path / "r")
    with run.locked():
        run.begin({"a": 1})
    assert {path.name for path in run.path.iterdir()} == {".lock", "plan.json"}


def test_a_plan_is_checked_and_nothing_written(tmp_path: Path) -> None:
    run = Run(tmp_path / "r")
    assert run.begun({"a": 1}) is None
    assert not run.path.exists()
    run.begin({"a": 1})
    assert run.begun({"a": 1}) == {"a": 1}
    with pytest.raises(InputError, match="begun with another a"):
        run.begun({"a": 2})


# --- whole files ------------------------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.json"
    write_atomic(path, "old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new and longer")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f.json"]


def _killed_in_mid_write(path: Path) -> None:
    runs.os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
    write_atomic(path, "new")


def test_a_kill_in_mid_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    write_atomic(path, "old")
    child = multiprocessing.get_context("spawn").Process(target=_killed_in_mid_write, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert path.read_text() == "old"


# --- the end ----------------------------------------------------------------------------------------------------------


def test_finish_names_every_file_by_its_digest(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin({"seed": 0})
    stage = run.stage("data")
    stage.append("rows", [{"n": 1}])
    stage.finish(counts=1)
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "big").write_bytes(b"gone soon")
    (run.path / ".rows.jsonl.x1y2").write_bytes(b"torn by a kill")
    assert not run.finished
    with run.locked():
        row = run.finish(note="x")
    assert run.finished
    assert row == json.loads((tmp_path / "run.json").read_text())
    assert row["note"] == "x"
    assert row["versions"]["precepts"]
    expected = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in row["files"]}
    assert row["files"] == expected
    assert set(expected) == {"plan.json", "data/rows.jsonl", "data/run.json"}


def test_the_environment_names_versions_and_machine() -> None:
    found = environment()
    assert found["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert found["versions"].keys() >= {"precepts", "numpy"}
