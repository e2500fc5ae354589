"""Progress of long work: a bar with rate and time left on a terminal, a line every ten seconds elsewhere. On stderr, always."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_EVERY_S = 10.0


class Bar:
    """One stage's progress; `advance` as work is done."""

    def __init__(self, label: str, total: int, unit: str, bar: Progress | None) -> None:
        """Made by `progress`."""
        self.label, self.total, self.unit = label, total, unit
        self.done, self.fresh = 0, 0
        self._bar = bar
        self._task = bar.add_task(label, total=total, rate="") if bar else None
        self._began = self._printed = time.monotonic()

    def advance(self, count: int = 1, *, replayed: bool = False) -> None:
        """Counts work as done; `replayed` work was read from an earlier try and does not enter the rate."""
        self.done += count
        self.fresh += 0 if replayed else count
        now = time.monotonic()
        rate = self.fresh / max(now - self._began, 1e-6)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, rate=f"{rate:.1f} {self.unit}/s")
        elif now - self._printed >= _LINE_EVERY_S or (self.done >= self.total and self.fresh):
            self._printed = now
            total = max(self.total, self.done)  # the last piece of the work may hold more than was asked for
            left = (total - self.done) / rate if rate > 0 else float("nan")
            print(
                f"{self.label}: {self.done}/{total}, {rate:.1f} {self.unit}/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )


def announce(label: str, num_cases: int, *, limit: int | None) -> None:
    """Says before long work how many cases it takes and, where no limit was given, what shortens it."""
    print(f"{label}: {num_cases} cases{'' if limit else ' (--limit takes fewer)'}", file=sys.stderr, flush=True)


@contextmanager
def progress(label: str, total: int, *, unit: str = "rows") -> Generator[Bar]:
    """Shows one stage's progress while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Bar(label, total, unit, None)
        return
    columns = (
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=False) as bar:
        yield Bar(label, total, unit, bar)
