"""A number as the tables of `precepts w2s` show it."""

from __future__ import annotations

from precepts.cli.numbers import number
from precepts.types import Evidence


def cell(row: Evidence | None, between: str = " ") -> str:
    """The value with its interval; empty without a row, and said plainly where it is undefined."""
    if row is None:
        return ""
    if row.value is None:
        return "undefined: no gap"
    return number(row.model_copy(update={"baseline": None}), between, digits=3)
