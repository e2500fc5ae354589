"""Rows of scores go once into counted cells; everything after works on cells, and cells of shards and days add up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.audits.bins import MOST_SCORES, bin_of, edges_of, score_of, score_sizes
from precepts.audits.decision import Decision
from precepts.audits.tables import binary, distinct, is_missing, require, with_groups
from precepts.errors import InputError
from precepts.stats.distributions import FloatArray
from precepts.workers import Spread, here

MOST_STRETCHES = 10
"""Points of a reliability curve: stretches of scores that hold about as many rows each, of everyone together."""
_LEAST_IN_STRETCH = 50
_LOOKED_AT = 200_000
"""Rows looked at to tell whether scores are few; all are counted whatever they say."""
MOST_GROUPS = 2000
SUPPRESSED = "(suppressed)"


class ModelCells(NamedTuple):
    """Counted cells: one row a combination of groups, score, decision and outcome."""

    frame: pl.DataFrame
    """Columns: the groupings; `bin`, `score` (mean in the cell), `decision`, `outcome`, `near`, `stretch`, `count`, `score_sum`."""
    groupings: tuple[str, ...]
    exact: bool
    """Whether a cell holds one score; else scores share up to 1000 bins of about as many rows."""
    num_suppressed: int
    """Groups smaller than the record's smallest cell, merged into `(suppressed)`."""

    def clusters(self) -> FloatArray | None:
        """Of each cell the number of its cluster, shape (cells,); None where rows have none."""
        if "cluster" not in self.frame.columns:
            return None
        return np.unique(self.frame["cluster"].to_numpy(), return_inverse=True)[1].astype(np.float64)

    def columns(self) -> dict[str, FloatArray]:
        """The cells as numbers, by column, each of shape (cells,); NaN where null. Groupings are left out."""
        numbers = [name for name in self.frame.columns if name not in (*self.groupings, "cluster")]
        found = self.frame.select(pl.col(numbers).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
        return dict(zip(numbers, np.ascontiguousarray(found.T), strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """The cells as records, as Evidence reads them."""
        keys = ["bin", "score", "expected", "decision", "rejected", "outcome", "correct", "cost", "near", "stretch", "count"]  # fmt: skip
        keys += [
            name for name in self.frame.columns if name.startswith("at_") or name in ("weight", "weight_sq", "cluster")
        ]
        return [
            {"groups": {name: row[name] for name in self.groupings}, **{key: row[key] for key in keys}}
            for row in self.frame.iter_rows(named=True)
        ]


def model_cells(
    table: pl.LazyFrame, decision: Decision, *, where: str, pieces: Sequence[pl.LazyFrame] = (), over: Spread = here
) -> ModelCells:
    """Scores counted by group, score bin, decision and outcome, in one streaming pass after one over how the scores lie.

    Args:
        table: One row a decision.
        decision: The record.
        where: What errors call the table.
        pieces: The same rows in several tables: each is counted by itself, and the counts are added up.
        over: Who counts the pieces.

    Raises:
        InputError: If a column is missing, or its values cannot be read.
    """
    columns = decision.columns
    wanted = [
        columns.score,
        columns.outcome,
        *decision.groups,
        *filter(None, [columns.decision, columns.weight, columns.cluster]),
    ]
    require(table, wanted, where=where)
    schema = table.collect_schema()
    if not schema[columns.score].is_numeric():
        if table.head(1).collect().is_empty():
            raise InputError.at(where, None, "has no rows; an audit needs some")
        raise InputError.at(where, None, f"the score {columns.score!r} is text; give numbers")
    counter: Spread = over if pieces else here
    pieces = pieces or [table]
    exact = table.select(score_of(columns.score).alias("s")).head(_LOOKED_AT).collect()["s"].n_unique() <= MOST_SCORES
    sizes = list(counter(partial(score_sizes, column=columns.score), pieces))
    low = min((one.low for one in sizes if one.low is not None), default=None)
    high = max((one.high for one in sizes if one.high is not None), default=None)
    if low is None or high is None:
        raise InputError.at(where, None, f"has no row with a score in {columns.score!r}; an audit needs some")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError.at(where, None, f"a score in {columns.score!r} is infinite; give numbers, or leave it empty")
    if decision.score == "probability" and not (low >= 0 and high <= 1):
        raise InputError.at(
            where,
            None,
            f"scores run from {low:.4g} to {high:.4g} and are no probabilities; say `score: rank` in the record",
        )
    plain = decision.score == "rank" and decision.cut is None and columns.decision is None
    if plain and not (low >= 0 and high <= 1):
        raise InputError.at(
            where,
            None,
            f"scores run from {low:.4g} to {high:.4g}, and the record does not say from which on the system acts: give `cut`, or the "
            "column of what it did, `columns: {decision: ...}`",
        )
    edges = edges_of(sizes)
    counted = _added(list(counter(partial(_count, decision=decision, edges=None if exact else edges), pieces)))
    if exact and counted["bin"].n_unique() > MOST_SCORES:
        # Further on there were more scores than at the beginning.
        exact = False
        counted = _added(list(counter(partial(_count, decision=decision, edges=edges), pieces)))
    counted, groupings = _read(counted, decision, schema, where=where)
    counted, num_suppressed = _suppressed(counted, groupings, decision.smallest_cell)
    for name in groupings:
        if (number := counted[name].n_unique()) > MOST_GROUPS:
            raise InputError(
                f"{where}: {name!r} has {number:,} groups; an audit takes {MOST_GROUPS:,}. Name coarser groups, or a `smallest_cell` below "
                "which groups are merged, in the decision record."
            )
    return ModelCells(_derived(counted, groupings, decision, exact=exact), groupings, exact, num_suppressed)


def _added(counted: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several tables as those of one."""
    if len(counted) == 1:
        return counted[0]
    whole = pl.concat(counted, how="vertical_relaxed")
    sums = [name for name in ("count", "score_sum", "weight", "weight_sq", "bad_weights") if name in whole.columns]
    keys = [name for name in whole.columns if name not in (*sums, "lowest")]
    return whole.group_by(keys).agg(pl.col(sums).sum(), pl.col("lowest").min())


def _count(table: pl.LazyFrame, *, decision: Decision, edges: FloatArray | None) -> pl.DataFrame:
    """One streaming pass: rows by group, outcome, decision and score, or score bin where the `edges` of bins are given.

    A bin is cut at every threshold, so that all its rows are decided alike.
    """
    columns, score = decision.columns, score_of(decision.columns.score)
    if edges is None:
        place, segment = score, pl.lit(0)
    else:
        place = bin_of(score, edges)
        thresholds = {decision.acts_from(group) for group in ("", *decision.costs_by_group)}
        cuts = [score >= t for t in sorted({*thresholds, *decision.thresholds})]
        cuts += [
            cut for t in sorted(thresholds) for cut in ((t - score) <= decision.window, (score - t) > decision.window)
        ]
        segment = pl.sum_horizontal([cut.cast(pl.Int32) for cut in cuts])
    keys = [pl.col(name).alias(f"group {name}") for name in decision.groups]
    keys += [pl.col(columns.outcome).alias("raw outcome"), place.alias("bin"), segment.alias("segment")]
    if columns.decision:
        keys.append(pl.col(columns.decision).alias("raw decision"))
    if columns.cluster:
        keys.append(pl.col(columns.cluster).cast(pl.String).alias("cluster"))
    names = [key.meta.output_name() for key in keys]
    weight = pl.col(columns.weight).cast(pl.Float64) if columns.weight else pl.lit(1.0)
    sums = [
        pl.len().cast(pl.Int64).alias("count"), pl.col("__score").sum().alias("score_sum"), pl.col("__score").min().alias("lowest"),
        pl.col("__weight").sum().alias("weight"), (pl.col("__weight") ** 2).sum().alias("weight_sq"),
    ]  # fmt: skip
    if columns.weight:
        w = pl.col("__weight").fill_nan(None)
        sums.append((w.is_null() | (w < 0) | w.is_infinite()).sum().cast(pl.Int64).alias("bad_weights"))
    rows = table.select(*keys, score.alias("__score"), weight.alias("__weight"))
    return rows.group_by(names).agg(sums).collect(engine="streaming")


def _read(
    counted: pl.DataFrame, decision: Decision, schema: pl.Schema, *, where: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Counted cells with values as audits read them: groups as text, outcomes and decisions as 1 and 0."""
    columns = decision.columns
    if columns.weight and counted["bad_weights"].sum():
        raise InputError.at(where, None, f"a weight in {columns.weight!r} is missing or negative")
    if columns.cluster and bool(counted["cluster"].is_null().any()):
        raise InputError.at(
            where, None, f"a row has no cluster in {columns.cluster!r}; give it one of its own if it stands alone"
        )
    raw = pl.Schema({"raw outcome": schema[columns.outcome]})
    found = distinct(counted.lazy(), "raw outcome")
    counted = counted.with_columns(
        binary("raw outcome", raw, columns.positive, found, where=f"{where}, column {columns.outcome!r}").alias(
            "outcome"
        ),
        pl.col("bin").rank("dense").cast(pl.Int64)
        if counted.schema["bin"].is_float()
        else pl.col("bin").cast(pl.Int64),
        score=pl.col("lowest"),
    )
    counted = counted.rename({f"group {name}": name for name in decision.groups})
    frame, groupings = with_groups(counted.lazy(), decision)
    threshold = _by_group(decision, groupings, {g: decision.acts_from(g) for g in ("", *decision.costs_by_group)})
    if columns.decision:
        raw = pl.Schema({"raw decision": schema[columns.decision]})
        decided = binary(
            "raw decision",
            raw,
            columns.positive if decision.classes or not _plain(schema[columns.decision]) else (),
            distinct(counted.lazy(), "raw decision"),
            where=f"{where}, column {columns.decision!r}",
        )
    else:
        decided = (pl.col("score") >= threshold).cast(pl.Int64)
    near = (pl.col("score") - threshold).abs() <= decision.window
    at = [(pl.col("score") >= t).cast(pl.Int64).alias(act_at(t)) for t in decision.thresholds]
    return frame.with_columns(decided.alias("decision"), near.alias("near"), *at).collect(), groupings


def _plain(dtype: pl.DataType) -> bool:
    """Whether a decision is read as 0 and 1 whatever the words for outcomes are: numbers and booleans, not texts."""
    return dtype.is_numeric() or dtype == pl.Boolean


def _by_group(decision: Decision, groupings: tuple[str, ...], values: Mapping[str, float]) -> pl.Expr:
    """The value of the record for a cell: that of its group where groups have their own, else the one under an empty name."""
    found = pl.lit(values[""])
    for group in decision.costs_by_group:
        member = pl.any_horizontal([pl.col(name) == group for name in groupings])
        found = pl.when(member).then(values[group]).otherwise(found)
    return found


def act_at(threshold: float) -> str:
    """The name of the decision that a further threshold of the record would make."""
    return f"at_{threshold:g}".replace(".", "_")


def _suppressed(frame: pl.DataFrame, groupings: tuple[str, ...], smallest: int) -> tuple[pl.DataFrame, int]:
    """Groups below the smallest cell become one, named so."""
    number = 0
    for name in groupings:
        sizes = frame.group_by(name).agg(pl.col("count").sum())
        small = sizes.filter(pl.col("count") < smallest)[name].to_list()
        number += len(small)
        frame = frame.with_columns(
            pl.when(pl.col(name).is_in(small)).then(pl.lit(SUPPRESSED)).otherwise(pl.col(name)).alias(name)
        )
    return frame, number


def _derived(frame: pl.DataFrame, groupings: tuple[str, ...], decision: Decision, *, exact: bool) -> pl.DataFrame:
    """Cells merged once more, with what follows from outcome and decision, and the outcome expected at the same score."""
    acts = [act_at(t) for t in decision.thresholds]
    keys = [*groupings, "bin", "decision", "outcome", "near", *acts, *(["cluster"] if decision.columns.cluster else [])]
    sums = ["count", "score_sum", "weight", "weight_sq"] if decision.columns.weight else ["count", "score_sum"]
    frame = frame.group_by(keys).agg(pl.col(sums).sum(), lowest=pl.col("score").min())
    # A mean of equal scores differs from them in its last digits, by the order of the sum: what is tied would be ranked.
    score = pl.col("lowest") if exact else pl.col("score_sum") / pl.col("count")
    size = pl.col("weight" if decision.columns.weight else "count")
    known = frame.filter(pl.col("outcome").is_not_null() & pl.col("bin").is_not_null())
    pooled = known.group_by("bin").agg(expected=(pl.col("outcome") * size).sum() / size.sum())
    costs = {group: decision.costs_of(group) for group in ("", *decision.costs_by_group)}
    of_positive = _by_group(decision, groupings, {name: one.false_positive for name, one in costs.items()})
    of_negative = _by_group(decision, groupings, {name: one.false_negative for name, one in costs.items()})
    false_positive = (pl.col("decision") == 1) & (pl.col("outcome") == 0)
    false_negative = (pl.col("decision") == 0) & (pl.col("outcome") == 1)
    return (
        frame.join(pooled, on="bin", how="left")
        .join(_stretches(known), on="bin", how="left")
        .with_columns(
            score=pl.when(pl.col("bin").is_not_null()).then(score),
            correct=(pl.col("decision") == pl.col("outcome")).cast(pl.Int64),
            rejected=1 - pl.col("decision"),
            cost=pl.when(false_positive).then(of_positive).when(false_negative).then(of_negative)
            .when(pl.col("outcome").is_not_null() & pl.col("decision").is_not_null()).then(0.0),
        )
        .drop("lowest")
        .sort(keys)
    )  # fmt: skip


def _stretches(known: pl.DataFrame) -> pl.DataFrame:
    """The stretch of every bin, from 1: up to ten with about as many rows, the same for all groups, and no bin in two of them."""
    sizes = known.group_by("bin").agg(size=pl.col("count").sum()).sort("bin")
    total = int(sizes["size"].sum())
    number = max(1, min(MOST_STRETCHES, total // _LEAST_IN_STRETCH))
    middle = (pl.col("size").cum_sum() - pl.col("size") / 2) * number / max(1, total)
    return sizes.select("bin", stretch=middle.floor().rank("dense").cast(pl.Int64))


def contrasted(group: str) -> bool:
    """Whether a group takes part in contrasts: one that was decided on, neither missing nor suppressed."""
    return not is_missing(group) and group != SUPPRESSED
