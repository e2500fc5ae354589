"""Many scores as few bins that hold about as many rows each, from one streaming pass whose counts add up over shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

MOST_SCORES = 1000
_DIGITS = 4
"""Significant digits of the keys that scores are counted by: finer than a thousandth of any stretch of scores that holds a bin's share."""


class ScoreSizes(NamedTuple):
    """How scores lie: their range, None without any, and how many there are by key."""

    low: float | None
    high: float | None
    keys: pl.DataFrame
    """Columns `key` and `size`; keys are in the order of scores."""


def score_sizes(table: pl.LazyFrame, *, column: str) -> ScoreSizes:
    """How one table's scores lie, in one streaming pass."""
    score = score_of(column)
    keys = (
        table.select(key=key_of(score), score=score)
        .group_by("key")
        .agg(size=pl.len().cast(pl.Int64), low=pl.col("score").min(), high=pl.col("score").max())
        .drop_nulls("key")
        .collect(engine="streaming")
    )
    low, high = keys.select(pl.col("low").min(), pl.col("high").max()).row(0)
    return ScoreSizes(low, high, keys.select("key", "size"))


def bins_of(found: Sequence[ScoreSizes]) -> pl.DataFrame:
    """A bin for each key of the tables together: columns `key` and `bin`, at most `MOST_SCORES` bins, in the order of scores.

    A key with more rows than a bin's share has a bin of its own, so rare high scores are not lost among many low ones, nor the other way.
    """
    sizes = pl.concat([one.keys for one in found]).group_by("key").agg(pl.col("size").sum()).sort("key")
    before = pl.col("size").cum_sum() - pl.col("size")
    place = (before * MOST_SCORES / pl.col("size").sum()).floor()
    return sizes.select("key", bin=(place.rank("dense") - 1).cast(pl.Int32))


def bin_of(score: pl.Expr, bins: pl.DataFrame) -> pl.Expr:
    """The bin of each score; null where it is missing."""
    return key_of(score).replace_strict(bins["key"], bins["bin"], default=None, return_dtype=pl.Int32)


def score_of(column: str) -> pl.Expr:
    """The score as a number; null where it is missing or not a number."""
    return pl.col(column).cast(pl.Float64).fill_nan(None)


def key_of(score: pl.Expr) -> pl.Expr:
    """A score to four significant digits, of what it lacks to 1 where it is a probability above a half: fine at both ends."""
    above = (score > 0.5) & (score <= 1)
    return pl.when(above).then(1 - (1 - score).round_sig_figs(_DIGITS)).otherwise(score.round_sig_figs(_DIGITS))
