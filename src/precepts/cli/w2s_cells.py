"""A number as the tables of `precepts w2s` show it."""

from __future__ import annotations

from precepts.types import Evidence


def cell(row: Evidence | None) -> str:
    """The value with its interval; empty without a row, and said plainly where it is undefined."""
    if row is None:
        return ""
    if row.value is None:
        return "undefined: no gap"
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else ""
    return f"{row.value:.3f}{interval}"
