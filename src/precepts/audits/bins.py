"""Many scores as few bins that hold about as many rows each, from one streaming pass whose counts add up over shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from precepts.stats.distributions import FloatArray

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


def edges_of(found: Sequence[ScoreSizes]) -> FloatArray:
    """The scores from which all bins but the first begin, of the tables together: at most `MOST_SCORES` bins.

    A key with more rows than a bin's share begins a bin, so rare high scores are not lost among many low ones, nor the other way.
    """
    sizes = pl.concat([one.keys for one in found]).group_by("key").agg(pl.col("size").sum()).sort("key")
    before = pl.col("size").cum_sum() - pl.col("size")
    place = (before * MOST_SCORES / pl.col("size").sum()).floor()
    return sizes.group_by(place.alias("place")).agg(pl.col("key").min())["key"].sort().to_numpy()[1:]


def bin_of(score: pl.Expr, edges: FloatArray) -> pl.Expr:
    """The bin of each score, from 0; null where it is missing."""

    def place(scores: pl.Series) -> pl.Series:
        return pl.Series(np.searchsorted(edges, scores.to_numpy(), side="right").astype(np.int32))

    return pl.when(score.is_not_null()).then(score.map_batches(place, return_dtype=pl.Int32, is_elementwise=True))


def score_of(column: str) -> pl.Expr:
    """The score as a number; null where it is missing or not a number."""
    return pl.col(column).cast(pl.Float64).fill_nan(None)


def key_of(score: pl.Expr) -> pl.Expr:
    """A score to four significant digits, of what it lacks to 1 where it is a probability above a half: fine at both ends."""
    above = (score > 0.5) & (score <= 1)
    return pl.when(above).then(1 - (1 - score).round_sig_figs(_DIGITS)).otherwise(score.round_sig_figs(_DIGITS))
