"""Plots of weak-to-strong pages: accuracy against size, and what was predicted against what came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from precepts.cards.plots import COLOURS, SHAPES, Panel, axis, svg_of
from precepts.cards.text import clip

_WIDTH, _HEIGHT = 430, 230


class Point(NamedTuple):
    """A place with an interval of its height, if it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Series(NamedTuple):
    """Points that belong together, in the colour of `arm`; `dashed` for what is compared with."""

    label: str
    points: tuple[Point, ...]
    arm: int
    dashed: bool = False


def size_text(size: float) -> str:
    """A number of parameters as people say it: 135 M, 0.49 B."""
    for scale, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if size >= 0.995 * scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.3g}"


def scaling(series: Sequence[Series], *, name: str, title: str, y: str, reference: float | None = None) -> Panel:
    """A panel of one line a series over the logarithm of size, each named at its right end.

    Args:
        series: With points of sizes above 0.
        name: Unique among the panels of a page, of letters, digits and hyphens.
        title: What is measured.
        y: Name of the vertical axis.
        reference: Where a dashed line stands: no gap recovered.
    """
    rows = [
        {
            "x": p.x, "y": p.y, "low": p.y if p.low is None else p.low, "high": p.y if p.high is None else p.high,
            "label": clip(one.label, 24), "last": p.x == max(q.x for q in one.points), "dashed": one.dashed,
            "colour": COLOURS[one.arm % len(COLOURS)], "shape": SHAPES[one.arm % len(SHAPES)],
        }
        for one in series
        for p in one.points
    ]  # fmt: skip
    assert rows, "a panel without points says nothing"
    sizes = sorted({p.x for one in series for p in one.points})
    across = alt.Scale(
        type="log", domain=[sizes[0] * 0.8, max(sizes[-1] * (sizes[-1] / sizes[0]) ** 0.45, sizes[-1] * 2)], nice=False
    )
    named = " : ".join(f"datum.value == {size!r} ? '{size_text(size)}'" for size in sizes) + " : ''"
    base = alt.Chart(alt.Data(values=rows), width=_WIDTH, height=_HEIGHT)
    colour = alt.Color("colour:N", scale=None)
    x = alt.X(
        "x:Q", scale=across, axis=axis(title="parameters of the student", values=sizes, labelExpr=named, grid=False)
    )
    height = alt.Y("y:Q", scale=alt.Scale(zero=False), axis=axis(title=y, tickCount=5))
    layers: list[Any] = [
        base.mark_line(strokeWidth=2, strokeDash=dash)
        .transform_filter(f"datum.dashed == {str(dashed).lower()}")
        .encode(x=x, y=height, color=colour, detail="label:N")
        for dashed, dash in ((False, [1, 0]), (True, [5, 4]))
    ]
    layers += [
        base.mark_rule(strokeWidth=2, opacity=0.4).encode(
            x=x,
            y=alt.Y("low:Q", scale=alt.Scale(zero=False), axis=axis(title=y, tickCount=5)),
            y2="high:Q",
            color=colour,
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=height, color=colour, shape=alt.Shape("shape:N", scale=None)
        ),
        base.mark_text(align="left", dx=9, fontSize=11, color="currentColor")
        .transform_filter("datum.last")
        .encode(x=x, y=height, text="label:N"),
    ]
    if reference is not None:
        line = alt.Chart(alt.Data(values=[{"at": reference}]))
        at = alt.Y("at:Q", axis=axis(title=y, tickCount=5))
        layers.insert(0, line.mark_rule(strokeDash=[3, 3], color="currentColor", opacity=0.6).encode(y=at))
    described = "; ".join(
        f"{one.label}: " + ", ".join(f"{size_text(p.x)} {p.y:.3f}" for p in one.points) for one in series
    )
    return Panel(title, svg_of(alt.layer(*layers), name=name, title=title, described=described))


def scatter(points: Sequence[tuple[float, float, str, int]], *, name: str, title: str, x: str, y: str) -> Panel:
    """A panel of (x, y, label, colour) with lines at 0: what was predicted, across, against what came."""
    assert points, "a panel without points says nothing"
    rows = [
        {
            "x": at, "y": came, "label": clip(label, 40), "colour": COLOURS[arm % len(COLOURS)],
            "shape": SHAPES[arm % len(SHAPES)],
        }
        for at, came, label, arm in points
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows), width=_WIDTH, height=_HEIGHT)
    across, down = axis(title=x, tickCount=6, grid=False), axis(title=y, tickCount=5)
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(strokeDash=[3, 3], color="currentColor", opacity=0.6)
    layers: list[Any] = [
        zero.encode(x=alt.X("at:Q", axis=across)),
        zero.encode(y=alt.Y("at:Q", axis=down)),
        base.mark_point(filled=True, size=70, opacity=0.9).encode(
            x=alt.X("x:Q", axis=across), y=alt.Y("y:Q", axis=down),
            color=alt.Color("colour:N", scale=None), shape=alt.Shape("shape:N", scale=None),
        ),
    ]  # fmt: skip
    described = "; ".join(f"{label}: {at:+.3f}, {came:+.3f}" for at, came, label, _ in points)
    return Panel(title, svg_of(alt.layer(*layers), name=name, title=title, described=described))
