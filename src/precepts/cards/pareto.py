"""The Pareto plot: refusing what should be refused against answering what should be answered, with both intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import altair as alt

from precepts.cards.plots import COLOURS, SHAPES, Mark, Panel, axis, svg_of
from precepts.cards.text import clip

_SIZE = 300
_FONT, _LETTER, _MARK = 12, 6.8, 8
"""Sizes in the plot's own points: of the text, of one letter's width at most, and from a mark's middle to its edge."""

_Side = Literal["left", "right"]
_SIDES: tuple[_Side, ...] = ("left", "right")


class Point(NamedTuple):
    """An arm's two rates."""

    across: Mark
    up: Mark


def on_front(points: Sequence[Point]) -> list[bool]:
    """Whether no other point is at least as good on both rates and better on one."""

    def beats(one: Point, other: Point) -> bool:
        better = one.across.value > other.across.value or one.up.value > other.up.value
        return better and one.across.value >= other.across.value and one.up.value >= other.up.value

    return [not any(beats(other, point) for other in points) for point in points]


def pareto(points: Sequence[Point], *, name: str, across: str, up: str) -> Panel:
    """A panel with a point for each arm, its two intervals as a cross, and its name; up and right is better.

    Args:
        points: At least one; values are shares.
        name: Unique among the panels of a page, of letters, digits and hyphens.
        across: What the level axis measures.
        up: What the upright axis measures.
    """
    assert points, "a plot without points says nothing"
    front = on_front(points)
    rows: list[dict[str, Any]] = [
        {
            "x": x.value, "x0": x.value if x.low is None else x.low, "x1": x.value if x.high is None else x.high,
            "y": y.value, "y0": y.value if y.low is None else y.low, "y1": y.value if y.high is None else y.high,
            "label": clip(x.label, 24),
            "colour": COLOURS[x.arm % len(COLOURS)], "shape": SHAPES[x.arm % len(SHAPES)],
        }
        for x, y in points
    ]  # fmt: skip
    percent = "format(datum.value * 100, '.0f') + ' %'"
    scale = alt.Scale(domain=[0, 1], nice=False)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    x = alt.X("x:Q", scale=scale, axis=axis(labelExpr=percent, values=ticks, title=f"{across} →"))
    y = alt.Y("y:Q", scale=scale, axis=axis(labelExpr=percent, values=ticks, title=f"{up} →"))
    colour, shape = alt.Color("colour:N", scale=None), alt.Shape("shape:N", scale=None)
    base = alt.Chart(alt.Data(values=rows), width=_SIZE, height=_SIZE)
    layers: list[Any] = [
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(x=alt.X("x0:Q", scale=scale), x2="x1:Q", y=y, color=colour),
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(x=x, y=alt.Y("y0:Q", scale=scale), y2="y1:Q", color=colour),
        base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, color=colour, shape=shape),
    ]
    for row, (align, dx, dy) in zip(rows, _places(rows), strict=True):
        one = alt.Chart(alt.Data(values=[row]), width=_SIZE, height=_SIZE)
        text = one.mark_text(align=align, dx=dx, dy=dy, fontSize=_FONT, color="currentColor")
        layers.append(text.encode(x=x, y=y, text="label:N"))
    described = "; ".join(
        f"{point.across.label}: {up} {point.up.text} {point.up.interval}, {across} {point.across.text} {point.across.interval}"
        + (", on the front" if best else "")
        for point, best in zip(points, front, strict=True)
    )
    title = f"{up} against {across[0].lower()}{across[1:]}"
    return Panel(title, svg_of(alt.layer(*layers), name=name, title=title, described=described))


def _places(rows: Sequence[Mapping[str, Any]]) -> list[tuple[_Side, int, int]]:
    """For each point where its name stands: alignment and shift, so that names meet neither each other, nor marks, nor an axis."""
    middles = [(_SIZE * row["x"], _SIZE * (1 - row["y"])) for row in rows]
    taken = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in middles]
    found: list[tuple[_Side, int, int]] = []
    for row, (x, y) in zip(rows, middles, strict=True):
        width = _LETTER * len(row["label"])
        choices: list[tuple[float, tuple[_Side, int, int], tuple[float, float, float, float]]] = []
        for dy in (-14, 16, -30, 32):
            for align in _SIDES:
                left = x + 9 if align == "left" else x - 9 - width
                box = (left, y + dy - _FONT / 2, left + width, y + dy + _FONT / 2)
                choices.append((_cost(box, taken), (align, 9 if align == "left" else -9, dy), box))
        _, place, box = min(choices, key=lambda choice: choice[0])
        found.append(place)
        taken.append(box)
    return found


def _cost(box: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]]) -> float:
    """How much of a box lies over others or outside the plot, in square points."""
    left, top, right, bottom = box
    inside = max(0.0, min(right, _SIZE) - max(left, 0)) * max(0.0, min(bottom, _SIZE) - max(top, 0))
    over = sum(max(0.0, min(right, r) - max(left, x)) * max(0.0, min(bottom, b) - max(top, y)) for x, y, r, b in taken)
    return (right - left) * (bottom - top) - inside + over
