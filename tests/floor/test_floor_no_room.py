"""A full disk is told as one, whoever says it and however; a finished stage's files are built on only unchanged."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from precepts.errors import DigestError, DiskFullError
from precepts.runs import Run, no_room


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_the_systems_own_words_are_known(code: int) -> None:
    assert no_room(OSError(code, "no room"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "permission denied"),
        OSError("no number"),
        RuntimeError("inline code failed"),
        ValueError("(os error 2)"),
        OSError(errno.EIO, "(os error 28)"),
    ],
)
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not no_room(error)


def test_what_torch_and_safetensors_say_is_known(tmp_path: Path) -> None:
    """As they say it today: with the largest size of a file set to almost nothing."""
    pytest.importorskip("torch")
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    for writer in ("torch", "safetensors"):
        answer = context.Queue()
        child = context.Process(target=_write_much, args=(writer, tmp_path / writer, answer))
        child.start()
        said = answer.get(timeout=120)
        child.join()
        assert said[0], said[1]


def _write_much(writer: str, path: Path, answer: object) -> None:
    import resource

    import torch
    from safetensors.torch import save_file

    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    value = {"a": torch.zeros(100_000)}
    try:
        if writer == "torch":
            torch.save(value, str(path))
        else:
            save_file(value, path)
    except Exception as error:  # noqa: BLE001  what is raised is the question
        answer.put((no_room(error), f"{type(error)}: {error}"))  # pyright: ignore[reportAttributeAccessIssue]
    else:
        answer.put((False, "nothing was raised"))  # pyright: ignore[reportAttributeAccessIssue]


def test_the_error_says_where_and_what_to_do() -> None:
    error = DiskFullError.of("runs/x")
    assert isinstance(error, OSError)
    assert (
        str(error) == "No room is left on the disk at runs/x. Free some and run the same command: it goes on from here."
    )
    assert str(DiskFullError.of(None)).startswith("No room is left on the disk. ")
    assert error.exit_code == 2


def test_a_file_of_a_finished_stage_is_built_on_only_unchanged(tmp_path: Path) -> None:
    run = Run(tmp_path / "stage")
    run.begin({"a": 1})
    run.write("rows", [{"n": 1}, {"n": 2}])
    run.finish()
    assert run.intact("rows.jsonl") == run.table("rows")
    run.table("rows").write_bytes(run.table("rows").read_bytes()[:-3])
    with pytest.raises(DigestError, match="not the file that its stage wrote"):
        run.intact("rows.jsonl")
    run.table("rows").unlink()
    with pytest.raises(DigestError, match=r"rows\.jsonl"):
        run.intact("rows.jsonl")
