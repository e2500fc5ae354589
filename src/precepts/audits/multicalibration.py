"""Calibration over every segment at once: the largest cumulative error, in its own standard deviation, over overlapping groups."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.audits.tables import MISSING, as_lazy, require
from precepts.errors import InputError
from precepts.stats.calibration_curve import brownian_range_tail
from precepts.stats.distributions import FloatArray


class Segment(NamedTuple):
    """One segment: the values that define it, its rows, and its cumulative calibration error (ECCE-R)."""

    values: dict[str, str]
    n: int
    range: float
    sigmas: float
    p: float
    """Chance of so large a range were the score calibrated here, this segment alone."""


class Multicalibration(NamedTuple):
    """The worst of all segments."""

    worst: Segment
    sigmas: float
    """The largest range over segments, in the standard deviation of its own segment."""
    p: float
    """Chance that some segment has so small a chance: at most the smallest times their number."""
    num_segments: int
    num_small: int
    """Segments below `least` rows, which are counted and not measured."""
    segments: list[Segment]


def multicalibration_error(
    table: object,
    *,
    groups: Sequence[str],
    score: str = "score",
    outcome: str = "outcome",
    depth: int = 3,
    least: int = 10,
) -> Multicalibration:
    """The cumulative calibration error of every combination of up to `depth` columns; rows are sorted once.

    Args:
        table: Any frame that narwhals knows.
        groups: Columns whose values make segments.
        score: Column of probabilities.
        outcome: Column of 0 and 1.
        depth: Most columns in a segment; 0 is all rows.
        least: Rows that a segment needs.

    Raises:
        InputError: If a column is missing, or a score or outcome is not in [0, 1].

    Guy et al. 2025, "Measuring multi-calibration" (arXiv 2506.11251), as recalled: the largest range over segments, each in its
    standard deviation. Equal scores are taken together; their order is nobody's.
    """
    frame = as_lazy(table)
    require(frame, [*groups, score, outcome], where="the table")
    codes = [pl.col(name).cast(pl.String).fill_null(MISSING).cast(pl.Categorical).alias(name) for name in groups]
    numbers = [pl.col(name).cast(pl.Float64) for name in (score, outcome)]
    found = frame.select(*codes, *numbers).drop_nulls([score, outcome]).collect()
    s, y = found[score].to_numpy(), found[outcome].to_numpy()
    if not s.size or min(s.min(), y.min()) < 0 or max(s.max(), y.max()) > 1:
        raise InputError("Calibration needs rows with scores and outcomes in [0, 1].")
    order = np.argsort(s, kind="stable")
    s, y = s[order], y[order]
    step, variance = y - s, s * (1 - s)
    columns: list[tuple[list[str], Any]] = []
    for name in groups:
        column = found[name]
        physical = column.to_physical().to_numpy()[order]
        distinct, place = np.unique(physical, return_inverse=True)
        texts = (
            column.gather(np.unique(column.to_physical().to_numpy(), return_index=True)[1]).cast(pl.String).to_list()
        )
        assert len(texts) == distinct.size, "a text for every value"
        columns.append((texts, place.astype(np.int32)))
    segments: list[Segment] = []
    small = 0
    for size in range(min(depth, len(groups)) + 1):
        for chosen in itertools.combinations(range(len(groups)), size):
            shape = [len(columns[k][0]) for k in chosen]
            code = np.zeros(s.size, dtype=np.int32)
            for k, levels in zip(chosen, shape, strict=True):
                code = code * levels + columns[k][1]
            few, made = _segments(code, int(np.prod(shape, dtype=np.int64)), s, step, variance, least)
            small += few
            for number, n, span, sigmas in made:
                places = np.unravel_index(number, shape) if shape else ()
                values = {groups[k]: columns[k][0][int(place)] for k, place in zip(chosen, places, strict=True)}
                segments.append(Segment(values, n, span, sigmas, brownian_range_tail(sigmas)))
    if not segments:
        raise InputError(f"No segment has {least} rows.")
    worst = max(segments, key=lambda one: one.sigmas)
    p = min(1.0, len(segments) * min(one.p for one in segments))
    return Multicalibration(worst, worst.sigmas, p, len(segments), small, segments)


def _segments(
    code: Any, number: int, s: FloatArray, step: FloatArray, variance: FloatArray, least: int
) -> tuple[int, list[tuple[int, int, float, float]]]:
    """How many segments are too small; of the others their number, rows, range and range in sigma."""
    # A stable sort of small whole numbers is a radix sort: within a segment rows stay in the order of scores.
    small = code.astype(np.uint16) if number <= 65_536 else code
    place = np.argsort(small, kind="stable") if number > 1 else np.arange(s.size)
    sizes = np.bincount(code, minlength=number)
    walk = np.cumsum(step[place])
    if s.size > 1 and bool((np.diff(s) == 0).any()):
        ordered, inside = s[place], small[place]
        tied = np.zeros(s.size, dtype=bool)
        tied[:-1] = (ordered[1:] == ordered[:-1]) & (inside[1:] == inside[:-1])
    else:
        tied = None
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    held = np.flatnonzero(sizes >= max(1, least))
    occurring = np.flatnonzero(sizes)
    before = np.where(starts > 0, walk[starts - 1], 0.0)
    # Points inside a run of equal scores are no points of the walk.
    high = np.maximum.reduceat(walk if tied is None else np.where(tied, -np.inf, walk), starts[occurring])
    low = np.minimum.reduceat(walk if tied is None else np.where(tied, np.inf, walk), starts[occurring])
    sums = np.bincount(code, variance, minlength=number)
    rows: list[tuple[int, int, float, float]] = []
    where = {int(group): k for k, group in enumerate(occurring)}
    for group in held.tolist():
        base, k = before[group], where[group]
        span = max(float(high[k] - base), 0.0) - min(float(low[k] - base), 0.0)
        sigma = float(np.sqrt(sums[group]))
        sigmas = span / sigma if sigma > 0 else (0.0 if span <= 1e-12 else float("inf"))
        rows.append((group, int(sizes[group]), span / int(sizes[group]), sigmas))
    return occurring.size - held.size, rows
