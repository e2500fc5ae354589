"""Rows and claims that were read from somebody else's files, and the run directory that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from precepts.runs import Run, command_line, file_digest
from precepts.stats import recompute
from precepts.types import Evidence, Input


class Stated(NamedTuple):
    """A claim on the imported rows.

    Attributes:
        name: After the tool's name, as in `garak/attack_success_rate`.
        slice: Who, of what state, of which part; what the reader of the number must know.
        reported: The number as the report itself states it, None if it does not.
    """

    name: str
    score: str
    estimator: str
    where: Mapping[str, Any]
    slice: Mapping[str, str]
    params: Mapping[str, Any] = {}
    better: Literal["higher", "lower", "neither"] = "lower"
    judge: str | None = None
    reported: float | None = None


class Imported(NamedTuple):
    """What a file holds.

    Attributes:
        tool: Who made it, with the version if it says so.
        model: What it says was measured, None if it does not.
        rows: One an observation, flat.
        missing: What the file names and gives no rows of, each with what to do: listed, never silently absent.
    """

    tool: str
    model: str | None
    rows: Sequence[dict[str, Any]]
    stated: Sequence[Stated]
    missing: Sequence[str] = ()


def write_imported(found: Imported, *, source: Path, model: str, out: Path) -> list[Evidence]:
    """Writes the rows and the evidence as a run, and returns the evidence.

    The source itself is not copied, as it may hold harmful texts: its name and digest are.

    Raises:
        InputError: If `out` holds another run.
    """
    run = Run(out)
    with run.locked():
        files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
        run.begin({"kind": "import", "tool": found.tool, "model": model, "files": {p.name: file_digest(p) for p in files}})  # fmt: skip
        run.write("scores", found.rows)
        path = run.table("scores")
        made = [_evidence(one, path, found.tool, model) for one in found.stated]
        run.write("evidence", made)
        run.finish(command=command_line(), missing=list(found.missing))
    return made


def _evidence(one: Stated, path: Path, tool: str, model: str) -> Evidence:
    draft = Evidence(
        claim=f"{tool.partition(' ')[0]}/{one.name}", slice={"tool": tool, **one.slice}, value=None, n=0, better=one.better,
        estimator=one.estimator, params={"score": one.score, **one.params},
        inputs=(Input(path=path.name, sha256=file_digest(path), where=dict(one.where)),), model=model, judge=one.judge,
    )  # fmt: skip
    made = recompute(draft, root=path.parent)
    return draft.model_copy(update=made.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit"}))  # fmt: skip
