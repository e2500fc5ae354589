"""Measures by group of rows that were sampled in clusters: several decisions about one person, several posts of one author."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from precepts.errors import InputError
from precepts.stats.clustered import effective_wilson
from precepts.stats.costs import CostSide
from precepts.stats.distributions import FloatArray, critical_t
from precepts.stats.group_auc import auc_of_counts, placements
from precepts.stats.ratios import Moments
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

MEASURES = ("rate", "gap", "auc", "cost")


class Side(NamedTuple):
    """The counted rows of one side of a comparison; all of shape (n,)."""

    score: FloatArray
    label: FloatArray
    """0 where the measure has none."""
    counts: FloatArray
    cluster: FloatArray
    """Numbers that name clusters, the same ones on both sides."""


class _Found(NamedTuple):
    value: float
    limits: Interval
    by_cluster: FloatArray
    """What each cluster adds to the value, shape (clusters of both sides,)."""


def clustered_metric(
    measure: str, sides: Sequence[Side], *, costs: Sequence[float], n: int, num_unscored: int, level: float
) -> Metric:
    """`clustered_group@1` of one side or two."""
    unit = (
        {"auc": "auc", "cost": "cost", "rate": "rate"}.get(measure, "difference") if len(sides) == 1 else "difference"
    )
    clusters = int(max((side.cluster.max() for side in sides if side.cluster.size), default=-1)) + 1
    found = [_found(measure, side, clusters, costs, level=level) for side in sides]
    whole = [one for one in found if one is not None]
    value: float | None = None
    limits: Interval | None = None
    if len(whole) == len(sides):
        value, limits = whole[0].value, whole[0].limits
        if len(whole) == 2:
            value, limits = _difference(*whole)
    return as_metric("clustered_group@1", value, limits, level=level, n=n, num_unscored=num_unscored, unit=unit)


def _found(measure: str, side: Side, clusters: int, costs: Sequence[float], *, level: float) -> _Found | None:
    """One side's value and interval at its effective number of rows; None where it has no value."""
    n = float(side.counts.sum())
    if n <= 0:
        return None
    if measure == "auc":
        ones, zeros = _by_score(side)
        area = auc_of_counts(ones, zeros)
        if area is None:
            return None
        value, influence = area.value, placements(side.score, side.label, side.counts)
    else:
        each = side.score - side.label
        value = float(each @ side.counts) / n
        influence = (each - value) / n
    by_cluster = np.bincount(side.cluster.astype(np.int64), side.counts * influence, minlength=clusters).astype(
        np.float64
    )
    plain = float(side.counts @ influence**2)
    f = _factor(by_cluster, plain, n, int(np.unique(side.cluster).size), level=level)
    if measure == "rate":
        limits = effective_wilson(value, n * f, level=level)
    elif measure == "gap":
        x, y, c = side.score, side.label, side.counts
        sums = (n, float(x @ c), float(y @ c), float(x**2 @ c), float((x * y) @ c))
        limits = Moments(*(f * one for one in sums)).gap_interval(level=level)
    elif measure == "cost":
        kinds = np.unique(np.array(costs, dtype=np.float64))
        at = np.array([float(side.counts[side.score == cost].sum()) for cost in kinds])
        limits = CostSide(kinds, at, n, n / f).interval(level=level)
    else:
        ones, zeros = _by_score(side)
        area = auc_of_counts(ones * f, zeros * f)
        assert area is not None, "both outcomes occur, as before"
        limits = area.score_interval(level=level)
    return _Found(value, limits, by_cluster)


def _by_score(side: Side) -> tuple[FloatArray, FloatArray]:
    """How often each outcome has each score, lowest score first."""
    place = np.unique(side.score, return_inverse=True)[1]
    ones, zeros = (
        np.bincount(place, side.counts * outcome).astype(np.float64) for outcome in (side.label, 1 - side.label)
    )
    return ones, zeros


def _factor(by_cluster: FloatArray, plain: float, n: float, clusters: int, *, level: float) -> float:
    """Effective rows a row: one over the design effect, which is at least 1, lowered for the few clusters that tell it."""
    if plain > 0 and clusters > 1:
        variance = clusters / (clusters - 1) * float(by_cluster @ by_cluster)
        f = min(1.0, plain / variance) if variance > 0 else 1.0
        f *= (critical_t(level, df=max(1, round(n) - 1)) / critical_t(level, df=clusters - 1)) ** 2
    else:  # nothing tells how rows of a cluster go together: each cluster counts as one
        f = clusters / n
    return min(1.0, max(f, 1 / n))


def _difference(one: _Found, other: _Found) -> tuple[float, Interval]:
    """One side less the other: MOVER with the correlation that clusters with rows on both sides make."""
    value = one.value - other.value
    size = math.sqrt(float(one.by_cluster @ one.by_cluster) * float(other.by_cluster @ other.by_cluster))
    rho = float(one.by_cluster @ other.by_cluster) / size if size > 0 else 0.0

    def arm(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a + b * b - 2 * rho * a * b))

    low = value - arm(one.value - one.limits[0], other.limits[1] - other.value)
    return value, (low, value + arm(one.limits[1] - one.value, other.value - other.limits[0]))


@estimator("clustered_group", version=1, params=("of", "against", "measure", "costs"))
def clustered_group(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """A `rate` of `score`, a calibration `gap` (mean score less mean label), an `auc` or a mean `cost` of the arm `of`, by clusters.

    With `against: others` less that of all other rows. Keys: `score`, `label` (of a gap and an AUC), `arm`, `count`, `cluster`. Each
    side is taken at its effective number of rows: their number over the design effect, the cluster-robust variance of the
    measure by its linearisation over that of independent rows, and lowered for few clusters (Korn and Graubard 1998, Survey
    Methodology 24:193-201). Where nothing varies every cluster counts as one row. Intervals are those of the measure there; a
    difference by MOVER with the correlation of sides that share clusters (Zou and Donner 2008, Statistics in Medicine
    27:1693-1702). `costs` as in `group_cost@1`.
    """
    measure = choice_option(params, "measure", MEASURES)
    given = params.get("costs")
    costs = [
        float(cast("float", one)) for one in cast("Sequence[object]", given if isinstance(given, list | tuple) else [])
    ]
    if measure == "cost" and not costs:
        raise InputError("clustered_group@1 needs the option `costs` for a mean cost.")
    of = params.get("of")
    chosen = [[row for row in rows if of is None or str(row.get("arm")) == str(of)]]
    if choice_option(params, "against", ("nobody", "others")) == "others":
        chosen.append([row for row in rows if str(row.get("arm")) != str(of)])
    labelled = measure in ("gap", "auc")
    names = sorted({str(row.get("cluster")) for row in rows})
    codes = {name: code for code, name in enumerate(names)}
    sides: list[Side] = []
    n = unscored = 0
    for side in chosen:
        filled = [{**row, "count": row.get("count", 1)} for row in side]
        keys = ("score", "label", "count") if labelled else ("score", "count")
        read = read_columns(filled, *keys, positive=params.get("positive"))
        if any(row.get("cluster") is None for row in read.rows):
            raise InputError("clustered_group@1 needs a `cluster` on every scored row; one has none.")
        count = read.column(len(keys) - 1)
        n += int(count.sum())
        unscored += sum(int(row["count"]) for row in filled if isinstance(row["count"], int | float)) - int(count.sum())
        cluster = np.array([codes[str(row["cluster"])] for row in read.rows], dtype=np.float64)
        label = read.column(1) if labelled else np.zeros(read.n)
        sides.append(Side(read.column(0), label, count, cluster))
    return clustered_metric(measure, sides, costs=costs, n=n, num_unscored=unscored, level=level)
