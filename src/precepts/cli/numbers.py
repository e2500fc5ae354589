"""How a number, its interval and its n look in every table that a command prints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from precepts.types import Evidence

NO_TERMINAL = 200
"""Columns of a table that goes into a file or a pipe, where nothing has to be cut."""


def number(row: Evidence | None, between: str = " ", *, digits: int = 2) -> str:
    """The value with its interval, signed if it is a difference to a baseline; a dash where there is none."""
    if row is None or row.value is None:
        return "–"
    interval = f"{between}[{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else ""
    return f"{row.value:{'+' if row.baseline else ''}.{digits}f}{interval}"


def counted(row: Evidence | None) -> str:
    """How many were scored; `3 of 25` where some could not be."""
    if row is None:
        return ""
    return f"{row.n} of {row.n + row.n_unscored}" if row.n_unscored else str(row.n)


def counts(rows: Sequence[Evidence | None]) -> str:
    """One n where all arms that have a number have the same, else each arm's in their order."""
    found = [counted(row) for row in rows if row is not None]
    return found[0] if len({*found}) == 1 else ", ".join(found)


def cell(row: Evidence | None, between: str = " ") -> str:
    """Number and n in one."""
    return number(row, between) + (f" n={counted(row)}" if row is not None and row.value is not None else "")


def console(*, stderr: bool = False) -> Console:
    """Where tables go: as wide as the terminal, and wide enough where there is none."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if terminal else NO_TERMINAL)


def grid(title: str, columns: Sequence[str]) -> Table:
    """An empty table whose first column holds names, the others numbers."""
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True
    )
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    return table


def show(build: Callable[[str], Table], *, stderr: bool = False) -> None:
    """Prints a table. Where it is wider than the terminal, each interval stands under its number.

    Args:
        build: Makes the table, given what stands between a number and its interval.
    """
    out = console(stderr=stderr)
    table = build(" ")
    natural = Measurement.get(out, out.options.update(max_width=10_000), table).maximum
    out.print(table if natural <= out.width else build("\n"))
    out.print()
