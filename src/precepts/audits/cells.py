"""Rows of scores go once into counted cells; everything after works on cells, and cells of shards and days add up."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.tables import binary, distinct, is_missing, require, with_groups
from precepts.errors import InputError

_MOST_SCORES = 1000
SUPPRESSED = "(suppressed)"


class ModelCells(NamedTuple):
    """Counted cells: one row a combination of groups, score, decision and outcome."""

    frame: pl.DataFrame
    """Columns: the groupings; `bin`, `score` (mean in the cell), `decision`, `outcome`, `near`, `count`, `score_sum`."""
    groupings: tuple[str, ...]
    exact: bool
    """Whether a cell holds one score; else scores share 1000 bins of equal width."""
    num_suppressed: int
    """Groups smaller than the record's smallest cell, merged into `(suppressed)`."""

    def rows(self) -> list[dict[str, Any]]:
        """The cells as records, as Evidence reads them."""
        keys = ("bin", "score", "expected", "decision", "outcome", "correct", "cost", "near", "count")
        return [
            {"groups": {name: row[name] for name in self.groupings}, **{key: row[key] for key in keys}}
            for row in self.frame.iter_rows(named=True)
        ]


def model_cells(table: pl.LazyFrame, decision: Decision, *, where: str) -> ModelCells:
    """Scores counted by group, score bin, decision and outcome, in one streaming pass after one over the scores.

    Raises:
        InputError: If a column is missing, or its values cannot be read.
    """
    columns = decision.columns
    require(table, [columns.score, columns.outcome, *decision.groups, *filter(None, [columns.decision])], where=where)
    schema = table.collect_schema()
    if not schema[columns.score].is_numeric():
        raise InputError.at(where, None, f"the score {columns.score!r} is text; give numbers")
    outcome = binary(columns.outcome, schema, columns.positive, distinct(table, columns.outcome), where=where)
    score = pl.col(columns.score).cast(pl.Float64).fill_nan(None)
    seen = table.select(low=score.min(), high=score.max(), levels=score.n_unique(), n=pl.len()).collect(
        engine="streaming"
    )
    low, high, levels, n = seen.row(0)
    if not n or low is None:
        raise InputError.at(where, None, f"has no row with a score in {columns.score!r}; an audit needs some")
    if decision.score == "probability" and not (low >= 0 and high <= 1):
        raise InputError.at(
            where,
            None,
            f"scores run from {low:.4g} to {high:.4g} and are no probabilities; say `score: rank` in the record",
        )
    exact = levels <= _MOST_SCORES
    width = (high - low) / _MOST_SCORES if high > low else 1.0
    binned = (
        score.rank("dense").cast(pl.Int64)
        if exact
        else ((score - low) / width).floor().clip(0, _MOST_SCORES - 1).cast(pl.Int64)
    )
    frame, groupings = with_groups(table, decision)
    threshold = pl.lit(decision.costs_of("").threshold)
    for group, costs in decision.costs_by_group.items():
        member = pl.any_horizontal([pl.col(name) == group for name in groupings])
        threshold = pl.when(member).then(costs.threshold).otherwise(threshold)
    decided = (
        binary(columns.decision, schema, (), distinct(table, columns.decision), where=where)
        if columns.decision
        else (score >= threshold).cast(pl.Int64)
    )
    frame = frame.with_columns(
        binned.alias("__bin"), score.alias("__score"), decided.alias("__decision"), outcome.alias("__outcome"),
        ((score - threshold).abs() <= decision.window).alias("__near"),
    )  # fmt: skip
    keys = [*groupings, "__bin", "__decision", "__outcome", "__near"]
    counted = (
        frame.group_by(keys)
        .agg(count=pl.len().cast(pl.Int64), score_sum=pl.col("__score").sum())
        .rename({f"__{name}": name for name in ("bin", "decision", "outcome", "near")})
        .collect(engine="streaming")
    )
    counted, num_suppressed = _suppressed(counted, groupings, decision.smallest_cell)
    return ModelCells(_derived(counted, groupings, decision), groupings, exact, num_suppressed)


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


def _derived(frame: pl.DataFrame, groupings: tuple[str, ...], decision: Decision) -> pl.DataFrame:
    """Cells merged once more, with what follows from outcome and decision, and the outcome expected at the same score."""
    keys = [*groupings, "bin", "decision", "outcome", "near"]
    frame = frame.group_by(keys).agg(pl.col("count").sum(), pl.col("score_sum").sum())
    known = frame.filter(pl.col("outcome").is_not_null() & pl.col("bin").is_not_null())
    pooled = known.group_by("bin").agg(expected=(pl.col("outcome") * pl.col("count")).sum() / pl.col("count").sum())
    costs = decision.costs_of("")
    false_positive = (pl.col("decision") == 1) & (pl.col("outcome") == 0)
    false_negative = (pl.col("decision") == 0) & (pl.col("outcome") == 1)
    return (
        frame.join(pooled, on="bin", how="left")
        .with_columns(
            score=pl.when(pl.col("bin").is_not_null()).then(pl.col("score_sum") / pl.col("count")),
            correct=(pl.col("decision") == pl.col("outcome")).cast(pl.Int64),
            cost=pl.when(false_positive).then(costs.false_positive).when(false_negative).then(costs.false_negative)
            .when(pl.col("outcome").is_not_null() & pl.col("decision").is_not_null()).then(0.0),
        )
        .sort(keys)
    )  # fmt: skip


def contrasted(group: str) -> bool:
    """Whether a group takes part in contrasts: one that was decided on, neither missing nor suppressed."""
    return not is_missing(group) and group != SUPPRESSED
