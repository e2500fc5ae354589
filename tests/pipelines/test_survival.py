"""Whatever happens to a run, the same command ends at the same evidence, or says in one line what is wrong and what to do."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from precepts.runs import DONE, Run, file_digest
from process import KILLED, Changes

KILLS = 5
TABLES = (
    "data/completions", "data/kept", "data/examples", "sft/curve", "rl/pool", "rl/rollouts", "rl/curve", "eval/test/evidence", "evidence",
)  # fmt: skip
OPTIONS = {"sft": (), "rl": ("--prompts", 9, "--samples", 4)}
"""What `--rl` reinforces with in these tests, said to the stage alone."""
MODELS = ("sft/model/model.safetensors", "rl/model/model.safetensors")


class Whole(NamedTuple):
    """A run of every stage that nothing interrupted, how it is begun, and how many changes it made on disk."""

    run: Path
    argv: tuple[object, ...]
    num_changes: int


@pytest.fixture(scope="module")
def whole(cli: Any, finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    argv = (*finished.argv[:-1], "--rl", "--out")
    done = cli(*argv, folder / "run", changes=Changes(folder / "run", folder / "count"))
    assert done.code == 0, done.err
    return Whole(folder / "run", argv, int((folder / "count").read_text()))


def same(run: Path, other: Path) -> None:
    for table in TABLES:
        one, two = ((r / f"{table}.jsonl").read_text("utf-8").replace(str(r), "RUN") for r in (run, other))
        assert one == two, table
    for model in MODELS:
        assert file_digest(run / model) == file_digest(other / model), model
    assert not list(run.rglob("checkpoint*"))


def killed_at_random(cli: Any, whole: Whole, folder: Path, *, seed: int) -> None:
    """Kills the command `KILLS` times, each before a change on disk chosen at random, then lets it end."""
    rng, run, kills = random.Random(seed), folder / "run", 0
    while kills < KILLS:
        changes = Changes(run, folder / "count", rng.randint(1, 2 * whole.num_changes // (KILLS + 1)))
        done = cli(*whole.argv, run, changes=changes)
        if done.code == 0:  # it came to its end first: the kills that are left go to a new run
            same(run, whole.run)
            shutil.rmtree(run)
            continue
        assert done.code == KILLED, done.err
        kills += 1
    done = cli(*whole.argv, run)
    assert done.code == 0, done.err
    same(run, whole.run)


def test_killed_at_five_random_points_it_ends_at_the_same_evidence(cli: Any, whole: Whole, tmp_path: Path) -> None:
    assert whole.num_changes > 100
    killed_at_random(cli, whole, tmp_path, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_killed_at_fifty_random_points_it_ends_at_the_same_evidence(
    cli: Any, whole: Whole, tmp_path: Path, seed: int
) -> None:
    killed_at_random(cli, whole, tmp_path, seed=seed)


@pytest.mark.parametrize("most_bytes", [3_000, 60_000], ids=["in a table", "in a checkpoint"])
def test_with_no_room_left_it_says_so_and_goes_on_when_there_is(
    cli: Any, whole: Whole, tmp_path: Path, most_bytes: int
) -> None:
    run = tmp_path / "run"
    begun = cli(*whole.argv, run, kill_at="data: in a batch")  # policy and cases are there
    assert begun.code == KILLED, begun.err
    done = cli(*whole.argv, run, most_bytes=most_bytes)
    assert done.code == 2, done.err
    assert done.err.splitlines()[-1].startswith("precepts: No room is left on the disk")
    assert "Traceback" not in done.err
    assert (run / "data" / DONE).exists() == (most_bytes > 3_000)
    done = cli(*whole.argv, run)
    assert done.code == 0, done.err
    same(run, whole.run)


@pytest.mark.parametrize(
    "table", ["data/completions", "rl/rollouts", "rl/curve", "rl/pool", "eval/test/sft/completions"]
)
def test_a_truncated_last_line_is_made_again(cli: Any, whole: Whole, tmp_path: Path, table: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole.run, run)
    path = run / f"{table}.jsonl"
    path.write_bytes(path.read_bytes()[:-7])
    stages = ("data", "sft", "rl", "eval")
    for stage in stages[stages.index(table.partition("/")[0]) :]:
        for mark in (run / stage).rglob(DONE):
            mark.unlink()
    if table.startswith("rl/"):
        shutil.rmtree(run / "rl" / "model")  # a kill that tears a table comes before the model is written
    done = cli(*whole.argv, run)
    assert done.code == 0, done.err
    same(run, whole.run)


@pytest.mark.parametrize(("table", "stage"), [("data/examples.jsonl", "sft"), ("sft/model/model.safetensors", "rl")])
def test_what_a_finished_stage_wrote_and_was_damaged_since_is_not_built_on(
    cli: Any, whole: Whole, tmp_path: Path, table: str, stage: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole.run, run)
    shutil.rmtree(run / stage)
    data = (run / table).read_bytes()
    (run / table).write_bytes(data[:-7])
    done = cli("align", stage, run, *OPTIONS[stage])
    assert done.code == 2
    said = done.err.splitlines()[-1]
    assert f"{run / table} is not the file that its stage wrote" in said
    (run / table).write_bytes(data)
    assert cli("align", stage, run, *OPTIONS[stage]).code == 0
    assert file_digest(run / stage / "model" / "model.safetensors") == file_digest(
        whole.run / stage / "model" / "model.safetensors"
    )


def test_a_checkpoint_damaged_on_disk_is_passed_over(cli: Any, whole: Whole, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole.run, run)
    shutil.rmtree(run / "rl")
    killed = cli("align", "rl", run, *OPTIONS["rl"], kill_at="in a step after a checkpoint")
    assert killed.code == KILLED, killed.err
    weights = max((run / "rl" / "checkpoints").glob("checkpoint-*/model.safetensors"))
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    done = cli("align", "rl", run, *OPTIONS["rl"])
    assert done.code == 0, done.err
    for table in ("rollouts", "curve"):
        assert Run(run / "rl").rows(table) == Run(whole.run / "rl").rows(table)
    assert file_digest(run / MODELS[1]) == file_digest(whole.run / MODELS[1])


@pytest.mark.parametrize("verb", ["sft", "rl", "eval", "card"])
def test_a_second_process_on_a_run_leaves_it_alone(cli: Any, whole: Whole, verb: str) -> None:
    with Run(whole.run).locked():
        done = cli("align", verb, whole.run)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"precepts: Another process is working on {whole.run}")
