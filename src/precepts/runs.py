"""Run directories: the one place that writes results.

A run is a directory: `plan.json` first (command, config, seeds, digests, the whole batch plan), append-only `*.jsonl` tables,
`run.json` last (versions, git commit, device, digests of all files). A stage is a run inside a run. Kill it anywhere; the
same command replays whole planned batches from there, with nothing lost and nothing twice.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from precepts.errors import BusyError, DigestError, InputError, MissingError
from precepts.workers import Spread, here

Row = dict[str, Any]
PLAN, DONE, LOCK = "plan.json", "run.json", ".lock"
_PACKAGES = ("precepts", "torch", "transformers", "trl", "inspect-ai", "numpy", "scikit-learn")


def file_digest(path: Path) -> str:
    """The sha256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: str | bytes) -> None:
    """Writes a whole file or nothing: a reader never sees half of it, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What torch and safetensors say where the system refused to write: neither raises an OSError.
_FULL_WORDS = ("PytorchStreamWriter failed", "inline_container.cc", *(f"(os error {code})" for code in _FULL))


def no_room(error: BaseException) -> bool:
    """Whether an error says that the disk, a quota or the largest size of a file is used up."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return not isinstance(error, OSError) and any(words in str(error) for words in _FULL_WORDS)


def to_json(value: object, *, indent: int | None = None) -> str:
    """JSON with stable key order; pydantic values by their fields; NaN is a programmer's mistake, not a number."""

    def default(item: object) -> object:
        return item.model_dump(mode="json") if isinstance(item, BaseModel) else str(item)

    return json.dumps(value, default=default, ensure_ascii=False, sort_keys=True, indent=indent, allow_nan=False)


def read_jsonl(path: Path) -> list[Row]:
    """The rows of a JSONL file. A torn last line (a kill in mid-write) is left out; any other bad line is an error."""
    return [row for _, row in numbered_jsonl(path, torn=True)]


def numbered_jsonl(path: Path, *, torn: bool = False) -> list[tuple[int, Row]]:
    """The rows of a JSONL file with the lines they stand on, blank ones passed over.

    Args:
        path: The file.
        torn: Whether a last line that cannot be read is left out, as a kill in mid-write leaves it; else it is an error as any other.

    Raises:
        InputError: If a line is not JSON (`path:line: …`).
    """
    rows: list[tuple[int, Row]] = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append((number, json.loads(line)))
        except ValueError as error:
            if torn and number == len(lines):
                break
            raise InputError.at(
                path, number, f"not a JSON object ({error}); restore the file or start a new run" if torn
                else f"not a JSON object ({error}); mend the line or take it out",
            ) from None  # fmt: skip
    return rows


def _differing(plan: Row, there: Row, within: str = "") -> list[str]:
    """The keys whose values differ, sorted; of two mappings the keys inside them."""
    found: list[str] = []
    for key in sorted(plan.keys() | there.keys()):
        one, other = plan.get(key), there.get(key)
        if one == other:
            continue
        inner: list[str] = []
        if isinstance(one, dict) and isinstance(other, dict):
            inner = _differing(cast(Row, one), cast(Row, other), f"{within}{key}.")
        found += inner or [f"{within}{key}"]
    return found


class Run:
    """A run directory, or a stage inside one."""

    def __init__(self, path: Path | str) -> None:
        """Names a directory; nothing is written until `begin`."""
        self.path = Path(path)

    def stage(self, name: str) -> Run:
        """A run inside this one."""
        return Run(self.path / name)

    @property
    def finished(self) -> bool:
        """Whether `finish` was reached."""
        return (self.path / DONE).exists()

    @property
    def plan(self) -> Row:
        """What was planned."""
        path = self.path / PLAN
        if not path.exists():
            raise MissingError(
                f"{self.path} is not a run directory (it has no {PLAN}). Give the --out of an earlier command."
            )
        return json.loads(path.read_text("utf-8"))

    def begin(self, plan: Row) -> Row:
        """Writes the plan, or checks that the one already there is the same: a run never mixes two configurations.

        Raises:
            InputError: If the directory holds a run with another plan; the message names the keys that differ, inner ones as `sft.max_steps`.
        """
        there = self.begun(plan)
        if there is None:
            there = json.loads(to_json(plan))
            write_atomic(self.path / PLAN, to_json(there, indent=1))
        return there

    def begun(self, plan: Row) -> Row | None:
        """The same plan if it is already there, None where nothing was begun; nothing is written. Errors as of `begin`."""
        plan = json.loads(to_json(plan))
        if not (self.path / PLAN).exists():
            # Hidden files are our own: the lock, or half a plan that a kill left.
            if self.path.exists() and any(p.name[0] != "." for p in self.path.iterdir() if not p.is_dir()):
                raise InputError(f"{self.path} holds files but is not a run. Give an empty or new directory as --out.")
            return None
        there = self.plan
        changed = _differing(plan, there)
        if changed:
            raise InputError(
                f"{self.path} was begun with another {', '.join(changed)}. Use a new --out, or delete that directory to start over."
            )
        return there

    @contextmanager
    def locked(self) -> Generator[None]:
        """Holds the run for this process; the lock goes with the process, however it ends.

        Where nothing was written, no lock is left either, nor a directory that was made for it.
        """
        made = [one for one in (self.path, *self.path.parents) if not one.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        lock = self.path / LOCK
        with lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # One that was removed between opening and locking holds nobody off.
                if not os.path.samestat(lock.stat(), os.fstat(file.fileno())):
                    raise BlockingIOError
            except (BlockingIOError, FileNotFoundError):
                raise BusyError(
                    f"Another process is working on {self.path}. Wait for it, or use another --out."
                ) from None
            try:
                yield
            finally:
                with suppress(OSError):  # the directory is gone, or another process came
                    if [one.name for one in self.path.iterdir()] == [LOCK]:
                        lock.unlink()
                        for one in made:
                            one.rmdir()

    def table(self, name: str) -> Path:
        """The path of a table."""
        return self.path / f"{name}.jsonl"

    def rows(self, name: str) -> list[Row]:
        """The rows of a table, none if it was not begun."""
        path = self.table(name)
        return read_jsonl(path) if path.exists() else []

    def intact(self, name: str) -> Path:
        """The path of a file that this stage, which is finished, wrote: to be built on only if it is still the same.

        Raises:
            DigestError: If it was cut or changed since.
        """
        path = self.path / name
        recorded = json.loads((self.path / DONE).read_text("utf-8")).get("files", {}).get(name)
        if not path.exists() or file_digest(path) != recorded:
            raise DigestError(
                f"{path} is not the file that its stage wrote. Restore it, or delete {self.path} to make it again."
            )
        return path

    def append(self, name: str, rows: Iterable[Row | BaseModel]) -> None:
        """Adds rows in one write and makes them durable. A last line torn by a kill is cut off first."""
        text = "".join(to_json(row) + "\n" for row in rows)
        self.path.mkdir(parents=True, exist_ok=True)
        with self.table(name).open("a+b") as file:
            if size := file.tell():
                file.seek(size - 1)
                if file.read() != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def write(self, name: str, rows: Iterable[Row | BaseModel]) -> None:
        """Writes a whole table at once."""
        write_atomic(self.table(name), "".join(to_json(row) + "\n" for row in rows))

    def batches(
        self,
        name: str,
        planned: Sequence[Sequence[str]],
        make: Callable[[int, Sequence[str]], list[Row]],
        *,
        key: str = "case_id",
        over: Spread = here,
    ) -> Iterator[tuple[int, list[Row]]]:
        """Goes through planned batches of keys: those already in the table are read, the rest are made and appended.

        Yields (batch number, its rows). A batch torn by a kill is dropped whole and made again, so that every batch is computed in
        the composition that was planned. `over` says who makes them; it is always this process that appends, in the plan's order.
        """
        rows = self.rows(name)
        start = first = 0
        for number, keys in enumerate(planned):
            there = rows[start : start + len(keys)]
            if [row[key] for row in there] != list(keys):
                break
            first, start = number + 1, start + len(keys)
            yield number, there
        left = list(enumerate(planned))[first:]
        if left and self.table(name).exists():
            self.write(name, rows[:start])
        for (number, keys), made in zip(left, over(lambda job: make(*job), left), strict=True):
            assert [row[key] for row in made] == list(keys), "a batch must return one row a key, in order"
            self.append(name, made)
            yield number, json.loads(to_json(made))

    def finish(self, **facts: object) -> Row:
        """Writes `run.json`: what ran where, and the digest of every file of this run."""
        files = {
            str(path.relative_to(self.path)): file_digest(path)
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and path.name[0] != "." and path != self.path / DONE and "checkpoints" not in path.parts
        }
        row: Row = {**facts, **environment(), "files": files}
        write_atomic(self.path / DONE, to_json(row, indent=1))
        return row


def environment() -> Row:
    """Versions, git commit and machine, so that a number can be traced to what computed it."""
    versions: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "git": _git(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


def _git() -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def command_line() -> str:
    """The command as typed, for the plan."""
    return " ".join(["precepts", *sys.argv[1:]])
