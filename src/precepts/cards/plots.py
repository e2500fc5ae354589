"""Plots as inline SVG: small panels that a page lays out in a grid, each with a title and a description in words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from xml.etree import ElementTree

import altair as alt
import vl_convert

from precepts.cards.claims import Scale
from precepts.cards.text import clip

WIDTH, _ROW = 300, 38
COLOURS = ("#d55e00", "#009e73", "#0072b2", "#8250b4", "#7a6a00", "#666f7a")
"""Okabe and Ito's vermillion, green and blue first; all stand out by 3:1 on the page's light and dark ground."""
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
_TAGS = {"svg", "g", "path", "text", "line", "rect"}
_ATTRIBUTES = {
    "d", "transform", "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "fill-opacity", "opacity",
    "text-anchor", "font-size", "font-weight", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "viewBox",
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """One line of a panel: a value, written out as `text`, and its interval, drawn, in the colour of an arm."""

    label: str
    value: float
    low: float | None
    high: float | None
    text: str
    interval: str
    arm: int


@dataclass(frozen=True)
class Panel:
    """A plot and its caption."""

    title: str
    svg: str


def forest(
    marks: Sequence[Mark],
    *,
    name: str,
    title: str,
    scale: Scale,
    domain: tuple[float, float],
    reference: float | None = None,
) -> Panel:
    """A panel with one line a mark: label and number above, interval and point below, on a shared axis.

    Args:
        marks: At least one.
        name: Unique among the panels of a page, of letters, digits and hyphens.
        title: What is measured, for the caption and for people who do not see the plot.
        scale: How the axis is written.
        domain: Ends of the axis.
        reference: Where a dashed line stands: chance, or no difference.
    """
    assert marks, "a panel without marks says nothing"
    rows = [
        {
            "label": clip(mark.label, 34), "text": mark.text, "value": mark.value,
            "low": mark.value if mark.low is None else mark.low, "high": mark.value if mark.high is None else mark.high,
            "head": place + 0.36, "line": place + 0.74,
            "colour": COLOURS[mark.arm % len(COLOURS)], "shape": SHAPES[mark.arm % len(SHAPES)],
        }
        for place, mark in enumerate(marks)
    ]  # fmt: skip
    labels = "format(datum.value * 100, '.0f') + ' %'" if scale == "percent" else "format(datum.value, '.2~f')"
    if domain[0] < 0:
        shown = "format(datum.value * 100, '+.0f')" if scale == "percent" else "format(datum.value, '+.2~f')"
        labels = f"datum.value == 0 ? '0' : {shown}"
    scale_axis = axis(labelExpr=labels, values=_ticks(domain))
    across = alt.Scale(domain=list(domain), nice=False, zero=False)
    down = alt.Scale(domain=[0, len(rows)], reverse=True, nice=False)
    base = alt.Chart(alt.Data(values=rows), width=WIDTH, height=_ROW * len(rows))

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=down, axis=None)

    colour, shape = alt.Color("colour:N", scale=None), alt.Shape("shape:N", scale=None)
    layers: list[Any] = [
        base.mark_rule(strokeWidth=3, opacity=0.55).encode(
            x=alt.X("low:Q", scale=across, axis=scale_axis), x2="high:Q", y=y("line"), color=colour
        ),
        base.mark_point(filled=True, size=95, opacity=1).encode(
            x=alt.X("value:Q", scale=across), y=y("line"), color=colour, shape=shape
        ),
        base.mark_text(align="left", fontSize=12, color="currentColor").encode(
            x=alt.value(4), y=y("head"), text="label:N"
        ),
        base.mark_text(align="right", fontSize=12, fontWeight="bold", color="currentColor").encode(
            x=alt.value(WIDTH - 4), y=y("head"), text="text:N"
        ),
    ]
    if reference is not None:
        line = alt.Chart(alt.Data(values=[{"at": reference}]))
        rule = line.mark_rule(strokeDash=[3, 3], color="currentColor", opacity=0.6)
        layers.insert(0, rule.encode(x=alt.X("at:Q", scale=across)))
    described = "; ".join(f"{mark.label}: {mark.text} {mark.interval}" for mark in marks)
    return Panel(title, svg_of(alt.layer(*layers), name=name, title=title, described=described))


def curve(points: Sequence[tuple[float, float]], *, name: str, title: str, x: str = "step", y: str = "loss") -> Panel:
    """A panel with a line, of the training loss by step unless said otherwise; of more than 300 points every k-th and the last are drawn."""
    assert points, "a curve needs points"
    step = math.ceil(len(points) / 300)
    drawn = [*points[::step], *([points[-1]] if (len(points) - 1) % step else [])]
    rows = [{"x": at, "y": value} for at, value in drawn]
    chart = (
        alt.Chart(alt.Data(values=rows), width=430, height=170)
        .mark_line(color=COLOURS[2], strokeWidth=2, point=len(rows) == 1)
        .encode(
            x=alt.X("x:Q", axis=axis(title=x, tickCount=6, grid=False)),
            y=alt.Y("y:Q", axis=axis(title=y, tickCount=5), scale=alt.Scale(zero=False)),
        )
    )
    described = f"From {points[0][1]:.4g} at {x} {points[0][0]:g} to {points[-1][1]:.4g} at {x} {points[-1][0]:g}."
    return Panel(title, svg_of(chart, name=name, title=title, described=described))


def axis(**options: Any) -> Any:
    """Axes in the page's own text colour, so that they follow its light and dark ground."""
    common: dict[str, Any] = {
        "title": None, "labelColor": "currentColor", "titleColor": "currentColor", "gridColor": "currentColor",
        "gridOpacity": 0.14, "domain": False, "ticks": False, "labelFontSize": 11, "titleFontSize": 11,
        "titleFontWeight": "normal", "labelOpacity": 0.8, "labelFlush": True,
    }  # fmt: skip
    return alt.Axis(**{**common, **options})


def _ticks(domain: tuple[float, float]) -> list[float]:
    low, high = domain
    if low < 0:
        return [low, low / 2, 0.0, high / 2, high]
    return [low + (high - low) * part / 4 for part in range(5)]


def svg_of(chart: Any, *, name: str, title: str, described: str) -> str:
    """The chart as SVG without scripts, links, namespaces or fonts of its own.

    Liberation Sans comes with the renderer: text is measured alike on every machine, whatever font then shows it.
    """
    chart = chart.configure(font="Liberation Sans", background="transparent", aria=False, padding=2)
    chart = chart.configure_view(stroke=None)
    drawn = vl_convert.vegalite_to_svg(cast("dict[str, Any]", chart.to_dict()))
    root = ElementTree.fromstring(drawn)
    _prune(root)
    for place, (tag, text) in enumerate((("title", title), ("desc", described))):
        element = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        element.text = clip(text, 4_000)
        root.insert(place, element)
    root.attrib.update({"role": "img", "aria-labelledby": f"{name}-title {name}-desc", "class": "plot"})
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))


def _prune(element: ElementTree.Element) -> None:
    """Keeps known elements and attributes only, so that nothing drawn can load or run anything."""
    element.tag = element.tag.rpartition("}")[2]
    assert element.tag in _TAGS, f"the renderer drew a <{element.tag}>, which a card does not let through"
    hidden = element.attrib.get("display") == "none"
    kept = {key: value for key, value in element.attrib.items() if key in _ATTRIBUTES and "url(" not in value}
    element.attrib.clear()
    element.attrib.update(kept)
    for child in list(element):
        _prune(child)
        if child.tag in ("g", "path") and not len(child) and not child.attrib.get("d"):
            element.remove(child)
    if hidden:
        element.attrib["opacity"] = "0"
