"""Reliability curves as figures: what was predicted across, what came true upwards, the diagonal where they agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from precepts.audits.report_tables import number, part_of
from precepts.types import Evidence

SIDE, EDGE = 200.0, 26.0
"""Width of a figure's square and of what stands around it, in pixels."""
_ENDS = (0.05, 0.1, 0.2, 0.5, 1.0)


class Mark(NamedTuple):
    """A point and the interval of what came true there, in pixels from the top left corner."""

    x: float
    y: float
    top: float
    bottom: float


class Figure(NamedTuple):
    """The curve of one group."""

    group: str
    n: int
    end: str
    """Where both axes end."""
    marks: list[Mark]
    path: str
    """Through the marks, as SVG has it."""
    described: str


class Point(NamedTuple):
    """The outcome rate in a stretch of scores, and the mean score there."""

    rate: Evidence
    score: Evidence


def points(curves: Sequence[Evidence], grouping: str, part: str) -> dict[str, dict[str, Point]]:
    """By group and stretch, the points that have a value."""
    found: dict[tuple[str, str], dict[str, Evidence]] = {}
    for row in curves:
        if row.slice["grouping"] == grouping and part_of(row) == part and row.value is not None:
            key = row.slice["group"], row.slice["stretch"]
            found.setdefault(key, {})[row.claim.rsplit("/", 1)[1]] = row
    out: dict[str, dict[str, Point]] = {}
    for (group, stretch), pair in found.items():
        if len(pair) == 2:
            out.setdefault(group, {})[stretch] = Point(pair["reliability"], pair["reliability_score"])
    return out


def figures(curves: Sequence[Evidence], grouping: str, part: str) -> list[Figure]:
    """One figure a group, all with the same axes, which end where the largest limit of any of them does."""
    found = points(curves, grouping, part)
    reach = [max(one.rate.high or 0, one.score.value or 0) for group in found.values() for one in group.values()]
    end = next((one for one in _ENDS if max(reach, default=1) <= one), 1.0)
    return [_figure(group, list(of.values()), end) for group, of in found.items()]


def _figure(group: str, of: Sequence[Point], end: float) -> Figure:
    def across(value: float | None) -> float:
        return round(EDGE + SIDE * min(value or 0.0, end) / end, 1)

    def up(value: float | None) -> float:
        return round(8 + SIDE * (1 - min(value or 0.0, end) / end), 1)

    marks = [
        Mark(across(one.score.value), up(one.rate.value), up(one.rate.high), up(one.rate.low))
        for one in sorted(of, key=lambda one: one.score.value or 0.0)
    ]
    path = "M" + " L".join(f"{one.x:g} {one.y:g}" for one in marks)
    off = sum(_off(one) for one in of)
    words = (
        f"{group}: {len(of)} stretches of scores, {off} with the predicted rate outside the interval of what came true"
    )
    return Figure(group, sum(one.rate.n for one in of), f"{end:g}", marks, path, words)


def _off(one: Point) -> bool:
    """Whether what was predicted lies outside the interval of what came true."""
    predicted, low, high = one.score.value or 0.0, one.rate.low, one.rate.high
    return not (-math.inf if low is None else low) <= predicted <= (math.inf if high is None else high)


def curve_table(curves: Sequence[Evidence], grouping: str, part: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows: one row a group, one column a stretch, what was predicted there and what came true."""
    found = points(curves, grouping, part)
    stretches = sorted({name for of in found.values() for name in of}, key=lambda name: int(name.split()[0]))
    body = [[group, *(_cell(of.get(name)) for name in stretches)] for group, of in found.items()]
    return ["group", *stretches], body


def _cell(one: Point | None) -> str:
    if one is None:
        return "–"
    limits = "" if one.rate.low is None else f" [{number(one.rate.low)}, {number(one.rate.high)}]"
    return f"{number(one.score.value)} → {number(one.rate.value)}{limits}"
