"""Small cells are not printed, nor what they could be worked out from: suppression, primary and complementary.

A count from 1 to below the record's `suppress_below` is small. Of a group with a small number of rows, of an outcome, of
signal or of noise nothing is printed; of one with a small count among its decisions no measure of decisions is. Then further
groups are left out until no hidden one follows from totals, as groups add up to all rows, and intersections to their parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from precepts.audits.report import Report
from precepts.audits.report_tables import part_of
from precepts.audits.tables import JOINED
from precepts.types import Evidence

Key = tuple[str, ...]
Line = Mapping[Key, float]
"""Cells whose sum, by these coefficients, a reader knows."""

_WHOLE = ("n", "num_positive", "num_negative", "num_unscored", "num_ratings", "num_signal", "num_noise")
_NEAR = ("threshold_outcome",)
_DECISIONS = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "precision",
    "accuracy",
    "cost",
    "true_negative_rate",
)
_ENDS = ("_gap", "_pooled", "_dispersion", "_variance_between")


def closed(sizes: Mapping[Key, int], hidden: Iterable[Key], lines: Sequence[Line], *, least: int) -> set[Key]:
    """The hidden cells and the further ones, smallest first, without which a hidden one would follow from the lines.

    Afterwards no hidden cell is determined by the linear relations of `lines`, and the hidden ones of a line are not fewer than
    `least` together, unless nothing is left there to hide. That counts are whole and not negative may still narrow them.

    Args:
        sizes: How many rows each cell has.
        hidden: Cells that are small.
        lines: What adds up to something that is printed, or known.
        least: The smallest count that is printed.
    """
    out = set(hidden)

    def shown(line: Line) -> list[Key]:
        return sorted((key for key in line if key not in out and sizes[key]), key=lambda key: (sizes[key], key))

    while out:
        weak = [line for line in lines if 0 < sum(sizes[key] for key in line if key in out) < least]
        bare = set(_determined(out, lines))
        weak += [line for line in lines if bare & set(line)]
        further = next((found[0] for line in weak if (found := shown(line))), None)
        if further is None:
            break
        out.add(further)
    return out


def _determined(hidden: set[Key], lines: Sequence[Line]) -> list[Key]:
    """The hidden cells that the lines have one solution for: those at 0 in all that the lines leave free."""
    keys = sorted(hidden)
    matrix = np.array([[line.get(key, 0.0) for key in keys] for line in lines if hidden & set(line)])
    if not matrix.size:
        return []
    _, values, right = np.linalg.svd(matrix)
    free = right[int(np.sum(values > 1e-9)) :]
    return [key for place, key in enumerate(keys) if not len(free) or float(np.abs(free[:, place]).max()) < 1e-9]


def suppressed(report: Report) -> Report:
    """The report without small cells, if the record asks for it; verdicts stay, without their numbers.

    The run directory's cells and evidence are not changed: they hold every count.
    """
    least = report.decision.suppress_below
    if least is None:
        return report
    sizes: dict[Key, int] = {}
    small: dict[str, set[Key]] = {"all": set(), "decisions": set(), "near": set()}
    for group in report.groups:
        key = group["grouping"], group["name"]
        sizes[key] = max(sizes.get(key, 0), int(group.get("n", group.get("num_ratings", 0))))
        counts = {**group, "num_negative": _negatives(group)}
        if any(0 < int(counts.get(name) or 0) < least for name in _WHOLE):
            small["all"].add(key)
    for row in report.levels:
        family = _family(row)
        if family is not None and _small(row, least):
            small[family].add(_key(row))
    lines = _lines(report.groups)
    hidden = {"all": closed(sizes, small["all"], lines, least=least)}
    for family in ("decisions", "near"):
        hidden[family] = closed(sizes, hidden["all"] | small[family], lines, least=least)
    points = _points(report, hidden["all"], least)
    if not any(hidden.values()) and not points:
        return report

    def hide(row: Evidence) -> bool:
        family = _family(row)
        if row.slice["group"] == "between groups":  # a spread of few hidden groups and a total can give them away
            grouping = row.slice["grouping"]
            return any(key[0] == grouping for key in hidden["all"] | hidden.get(family or "all", set()))
        return _key(row) in hidden["all"] or _key(row) in hidden.get(family or "all", set())

    def masked(rows: Sequence[Evidence], test: Callable[[Evidence], bool] = hide) -> list[Evidence]:
        return [_masked(row) if test(row) else row for row in rows]

    findings = [
        one.model_copy(update={"evidence": _masked(one.evidence), "p": None, "p_bh": None, "times_more": None, "reason": "suppressed"})
        if hide(one.evidence) else one
        for one in report.findings
    ]  # fmt: skip
    raters = [one for one in report.raters if not hide(one.evidence) and not _small(one.evidence, least)]
    notes = [
        *report.notes,
        f"Counts from 1 to {least - 1} are not printed, nor further groups from which they would follow: {len(hidden['all'])} groups "
        f"are hidden whole, {len(hidden['decisions'] - hidden['all'])} more in their decisions. Verdicts stay. cells and "
        "evidence in the run directory hold every count: they are not for publication."
        + (f" {dropped} raters are not listed." if (dropped := len(report.raters) - len(raters)) else ""),
    ]
    return report._replace(
        notes=notes, groups=[_bare(one, hidden) for one in report.groups], levels=masked(report.levels),
        contrasts=masked(report.contrasts), findings=findings, raters=raters, spreads=masked(report.spreads),
        curves=masked(report.curves, lambda row: hide(row) or _point(row) in points),
    )  # fmt: skip


def _key(row: Evidence) -> Key:
    return row.slice["grouping"], row.slice["group"]


def _point(row: Evidence) -> Key:
    return (*_key(row), part_of(row), row.slice.get("stretch", ""))


def _negatives(group: Mapping[str, Any]) -> int:
    """Rows of outcome 0; 0 where outcomes are not of two values."""
    positive = int(group.get("num_positive") or 0)
    return int(group["n"]) - positive - int(group["num_unscored"]) if positive else 0


def _family(row: Evidence) -> str | None:
    """Which of a group's numbers go together, as each follows from the others."""
    name = row.claim.rsplit("/", 1)[1]
    for end in _ENDS:
        name = name.removesuffix(end)
    name = name.partition("_at_")[0].removesuffix("_pooled")
    return (
        "decisions" if name in _DECISIONS else "near" if name in _NEAR else "all" if "/labels/" in row.claim else None
    )


def _small(row: Evidence, least: int) -> bool:
    """Whether the rows of a number, or of a rate the ones or the zeros among them, are few."""
    counts = [row.n]
    if row.unit == "rate" and row.value is not None and row.claim.rsplit("/", 1)[1] != "reliability_score":
        yes = round(row.value * row.n)
        counts += [yes, row.n - yes]
    return any(0 < count < least for count in counts)


def _lines(groups: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Groups of a grouping add up to all rows, intersections with a part to that part."""
    names: dict[str, list[str]] = {}
    for one in groups:
        found = names.setdefault(one["grouping"], [])
        if one["name"] not in found:
            found.append(one["name"])
    out: list[Line] = [dict.fromkeys(((grouping, name) for name in of), 1.0) for grouping, of in names.items()]
    for grouping, of in names.items():
        parts = grouping.split(JOINED)
        for place, part in enumerate(parts if len(parts) > 1 else ()):
            for name in names.get(part, []):
                joined = [one for one in of if one.split(JOINED)[place : place + 1] == [name]]
                out.append({**dict.fromkeys(((grouping, one) for one in joined), 1.0), (part, name): -1.0})
    return out


def _points(report: Report, hidden: set[Key], least: int) -> set[Key]:
    """Points of curves that are not printed: a group's add up to the group, and a stretch's over groups to the stretch."""
    rates = [row for row in report.curves if row.claim.endswith("/reliability")]
    sizes = {_point(row): row.n for row in rates}
    few = {_point(row) for row in rates if _key(row) in hidden or _small(row, least)}
    lines: dict[Key, dict[Key, float]] = {}
    for key in sizes:
        grouping, group, part, stretch = key
        for line in (("group", grouping, group, part), ("stretch", grouping, part, stretch)):
            lines.setdefault(line, {})[key] = 1.0
    return closed(sizes, few, list(lines.values()), least=least)


def _masked(row: Evidence) -> Evidence:
    """The row without its numbers."""
    update = {"value": None, "low": None, "high": None, "n": 0, "n_unscored": 0, "unit": "suppressed"}
    return row.model_copy(update=update)


def _bare(group: dict[str, Any], hidden: Mapping[str, set[Key]]) -> dict[str, Any]:
    """A group's counts, None where they are hidden."""
    key = group["grouping"], group["name"]
    keep = ("grouping", "name", "population", "contrasted", "stage", "class")
    if key in hidden["all"]:
        return {name: value if name in keep else None for name, value in group.items()}
    return {**group, "num_near": None} if key in hidden["near"] and "num_near" in group else group
