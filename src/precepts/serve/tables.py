"""Which runs there are below a directory, and which tables of completions and scores they hold."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from precepts.errors import MissingError
from precepts.runs import DONE, PLAN

COMPLETIONS, JUDGMENTS, SCORES, CASES = "completions.jsonl", "judgments.jsonl", "scores.jsonl", "cases.jsonl"
_SKIPPED = {"model", "checkpoints", "labels"}
_DEEPEST = 8


@dataclass(frozen=True)
class Table:
    """Completions, judgments and scores of one arm on one set: a directory inside a run. `id` is unique over all runs.

    `cases` is the nearest table of cases, which holds the prompts unless the set is a registered one.
    """

    id: str
    run: str
    path: Path
    set: str
    arm: str
    cases: Path | None = None

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Completions, judgments and scores; each may be absent."""
        return self.path / COMPLETIONS, self.path / JUDGMENTS, self.path / SCORES

    @property
    def stamp(self) -> tuple[tuple[int, int], ...]:
        """Size and time of the files: what changes when they do."""
        found: list[tuple[int, int]] = []
        for path in (*self.files, *([self.cases] if self.cases else [])):
            try:
                told = path.stat()
                found.append((told.st_size, told.st_mtime_ns))
            except OSError:
                found.append((-1, 0))
        return tuple(found)

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(max(0, size) for size, _ in self.stamp)


@dataclass(frozen=True)
class RunFolder:
    """A run directory: its name, whether it was finished, what was typed, and its tables."""

    name: str
    path: Path
    finished: bool
    began: float
    command: str
    model: str
    tables: tuple[Table, ...]


def find_runs(root: Path) -> tuple[RunFolder, ...]:
    """Every run at or below a directory, the newest first. A directory with a plan is a run, those inside it are its stages.

    Raises:
        MissingError: If there is no such directory.
    """
    if not root.is_dir():
        raise MissingError(f"{root}: there is no such directory. Give the directory that holds runs, or one run.")
    found = [
        _run(path, path.relative_to(root).as_posix() if path != root else root.resolve().name) for path in _runs(root)
    ]
    return tuple(sorted(found, key=lambda run: (-run.began, run.name)))


def told(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty where there is none that can be read."""
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _runs(root: Path) -> list[Path]:
    found: list[Path] = []
    waiting = [(root, 0)]
    while waiting:
        path, depth = waiting.pop()
        if (path / PLAN).is_file():
            found.append(path)
        elif depth < _DEEPEST:
            waiting += [(one, depth + 1) for one in _folders(path)]
    return found


def _folders(path: Path) -> list[Path]:
    """Directories in one, links left out, since they may lead anywhere."""
    try:
        with os.scandir(path) as entries:
            names = sorted(one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name[0] != ".")
    except OSError:
        return []
    return [path / name for name in names if name not in _SKIPPED]


def _run(path: Path, name: str) -> RunFolder:
    plan, command = told(path / PLAN), path / "command.txt"
    tables: list[Table] = []
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        if any((here / file).is_file() for file in (COMPLETIONS, SCORES)):
            inside = here.relative_to(path).as_posix()
            parts = inside.split("/")
            stage = told(here / PLAN)
            arm = str(stage.get("arm") or (parts[-1] if len(parts) > 1 else "all"))
            of = str(stage.get("set") or stage.get("suite") or (parts[-2] if len(parts) > 1 else parts[-1]))
            folders = [here, *here.parents[: len(here.parts) - len(path.parts)]]
            cases = next((one / CASES for one in folders if (one / CASES).is_file()), None)
            tables.append(Table(f"{name}/{inside}" if inside != "." else name, name, here, of, arm, cases))
        waiting += _folders(here)
    typed = (
        command.read_text("utf-8", errors="replace").strip()[:2_000]
        if command.is_file()
        else str(plan.get("command", ""))
    )
    began = (path / PLAN).stat().st_mtime
    return RunFolder(name, path, (path / DONE).is_file(), began, typed, str(plan.get("model") or ""), tuple(tables))
