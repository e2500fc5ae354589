"""Two tables compared on the cases that both scored: the same numbers as `precepts diff`."""

from __future__ import annotations

import polars as pl

from precepts.pipelines.diff import SetDiff, diff_rows
from precepts.serve.index import Index
from precepts.serve.tables import Table


def paired(a: Table, index_a: Index, b: Table, index_b: Index) -> SetDiff:
    """What changed from table A to table B: all cases, then each clause, the worst first."""
    name = a.set if a.set == b.set else f"{a.set} and {b.set}"
    arm = a.arm if a.arm == b.arm else f"{a.arm} and {b.arm}"
    return diff_rows(name, arm, _rows(index_a), _rows(index_b))


def shared(index_a: Index, index_b: Index) -> int:
    """How many cases stand in both."""
    return index_a.cases.select("case_id").join(index_b.cases.select("case_id"), on="case_id", how="semi").height


def _rows(index: Index) -> list[dict[str, object]]:
    return index.cases.select("case_id", pl.col("clause").cast(pl.String), "kept").to_dicts()
