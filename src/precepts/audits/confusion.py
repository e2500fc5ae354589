"""Confusion counts by group: one pass over any number of rows, after which rows are not needed. Counts of shards add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.audits.tables import MISSING, as_lazy, binary, distinct, require
from precepts.errors import InputError
from precepts.stats.confusion import measure_counts
from precepts.stats.distributions import FloatArray


class Confusion(NamedTuple):
    """TN, FP, FN and TP by group."""

    keys: pl.DataFrame
    """One row a group, one text column a feature, sorted."""
    counts: FloatArray
    """Whole numbers, shape (groups, 4)."""
    num_unscored: int
    """Rows without an outcome or a decision: counted here and nowhere else."""

    def __add__(self, other: object) -> Confusion:
        """The counts of both parts of a table: shards, days, partitions."""
        assert isinstance(other, Confusion), "confusion counts add to confusion counts"
        return merge([self, other])

    def measures(self, names: Sequence[str]) -> FloatArray:
        """Measures by group, shape (groups, measures)."""
        return measure_counts(self.counts, tuple(names))

    def overall(self, names: Sequence[str]) -> FloatArray:
        """Measures over all rows, shape (measures,)."""
        return measure_counts(self.counts.sum(axis=0), tuple(names))


def merge(parts: Iterable[Confusion]) -> Confusion:
    """Counts of several parts of a table as those of the whole; a group may occur in some parts only.

    Raises:
        InputError: If there is no part, or parts have other features.
    """
    found = list(parts)
    if not found:
        raise InputError("There are no counts to merge.")
    names = found[0].keys.columns
    if any(part.keys.columns != names for part in found):
        raise InputError("Counts of different group columns cannot be merged.")
    cells = [
        pl.concat([part.keys, pl.DataFrame(part.counts, schema=list("0123"), orient="row")], how="horizontal")
        for part in found
    ]
    whole = pl.concat(cells).group_by(names).agg(pl.col("0", "1", "2", "3").sum()).sort(names)
    counts = whole.select("0", "1", "2", "3").to_numpy()
    return Confusion(whole.select(names), counts, sum(part.num_unscored for part in found))


def confusion_counts(
    table: object, *, groups: Sequence[str], outcome: str = "outcome", decision: str = "decision",
    positive: Sequence[str] = (), where: str = "the table",
) -> Confusion:  # fmt: skip
    """Confusion counts by group of any frame that narwhals knows, or of a lazy one larger than memory.

    Args:
        table: A frame; a polars LazyFrame is streamed and never held whole.
        groups: Columns whose every combination that occurs is a group; missing values are the group `(missing)`.
        outcome: Column of the truth.
        decision: Column of the decision.
        positive: Values that count as 1; without them 1, 1.0 and true do.
        where: What errors call the table.

    Raises:
        InputError: If a column is missing or its values cannot be read.
    """
    frame = as_lazy(table)
    require(frame, [*groups, outcome, decision], where=where)
    schema = frame.collect_schema()
    keys = [pl.col(name).alias(f"group {name}") for name in groups]
    columns = [pl.col(outcome).alias("truth"), pl.col(decision).alias("act")]
    counted = (
        frame.select(*keys, *columns).group_by(pl.all()).agg(count=pl.len().cast(pl.Int64)).collect(engine="streaming")
    )
    parsed: list[pl.Expr] = []
    for name, column in ((outcome, "truth"), (decision, "act")):
        seen = distinct(counted.lazy(), column)
        one = binary(column, pl.Schema({column: schema[name]}), positive, seen, where=f"{where}, column {name!r}")
        parsed.append(one.alias(column))
    counted = counted.with_columns(*parsed)
    texts = [group_text(f"group {name}", schema[name]).alias(name) for name in groups]
    unscored = counted.filter(pl.any_horizontal(pl.col("truth", "act").is_null()))["count"].sum()
    cell = pl.col("truth") * 2 + pl.col("act")
    sums = [pl.col("count").filter(cell == k).sum().alias(str(k)) for k in range(4)]
    whole = counted.with_columns(texts).group_by(list(groups)).agg(sums).sort(list(groups))
    counts = whole.select("0", "1", "2", "3").to_numpy().astype(np.float64)
    return Confusion(whole.select(list(groups)), counts, int(unscored))


def group_text(column: str, dtype: Any) -> pl.Expr:
    """The column's values as names of groups; NaN and null are `(missing)`."""
    found = pl.col(column)
    if dtype.is_float():
        found = found.fill_nan(None)
    return found.cast(pl.String).fill_null(MISSING)
