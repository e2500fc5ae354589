"""What the list of runs shows: each run's tables with their overall rates."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from precepts.cards.claims import HEADLINE, claim_of
from precepts.cards.figures import interval_text, value_text
from precepts.cards.sources import EVIDENCE, read_source
from precepts.errors import PreceptsError
from precepts.serve.tables import RunFolder, Table
from precepts.types import Evidence

_OTHERS = 2


@dataclass(frozen=True)
class Figure:
    """One overall number of a table."""

    label: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True)
class Overview:
    """A run in the list: when it began, its tables with their numbers, and what could not be read."""

    run: RunFolder
    began: str
    tables: tuple[tuple[Table, tuple[Figure, ...]], ...]
    problem: str


class Overviews:
    """Overviews, read again when a run's evidence changes."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._known: dict[Path, tuple[object, tuple[Evidence, ...], str]] = {}

    def of(self, run: RunFolder) -> Overview:
        """The overview of a run."""
        evidence, problem = self._evidence(run)
        began = datetime.datetime.fromtimestamp(run.began).astimezone().strftime("%Y-%m-%d %H:%M")
        return Overview(run, began, tuple((table, _figures(table, evidence)) for table in run.tables), problem)

    def _evidence(self, run: RunFolder) -> tuple[tuple[Evidence, ...], str]:
        folders = {run.path, *(folder for table in run.tables for folder in (table.path, table.path.parent))}
        found = [one / EVIDENCE for one in sorted(folders) if (one / EVIDENCE).is_file()]
        stamp = [(str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in found]
        if (known := self._known.get(run.path)) is not None and known[0] == stamp:
            return known[1], known[2]
        evidence, problem = (), ""
        if found:
            try:
                evidence = read_source(run.path).evidence
            except PreceptsError as error:
                problem = str(error)
        self._known[run.path] = (stamp, evidence, problem)
        return evidence, problem


def _figures(table: Table, evidence: Sequence[Evidence]) -> tuple[Figure, ...]:
    """The headline rates of a table, else its first numbers."""
    own = [
        row for row in evidence
        if row.baseline is None and row.slice.get("arm") == table.arm and set(row.slice) <= {"arm", "set", "suite"}
        and table.set in (row.slice.get("set"), row.slice.get("suite")) and row.value is not None
    ]  # fmt: skip
    chosen = [row for claim in HEADLINE for row in own if row.claim == claim] or own[:_OTHERS]
    return tuple(
        Figure(claim_of(row.claim).label, value_text(row, whole=True), interval_text(row, whole=True), f"n {row.n:,}")
        for row in chosen
    )
