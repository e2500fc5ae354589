"""Sums of cells by group: made once a measure for all groups, after which every number is a few additions.

A group against all the others needs the sums of all the others, which are those of everyone less its own. So an audit costs
groups × measures and not groups × measures × cells, however many cells there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from precepts.audits.cells import ModelCells, contrasted
from precepts.audits.measures import CLUSTERED, Measure
from precepts.stats import Moments, Stretch, cumulative_error, recalibration, reliability_metric
from precepts.stats.abroca import abroca_metric
from precepts.stats.calibration_curve import ecce_metric, effective, recalibration_metric
from precepts.stats.clustered_group import Side, clustered_metric
from precepts.stats.costs import CostSide, cost_metric
from precepts.stats.distributions import FloatArray
from precepts.stats.group_auc import auc_metric, auc_of_counts, placements
from precepts.stats.ratios import gap_metric, rate_metric
from precepts.stats.spread import Estimate, dispersion_metric, of_auc, of_gap, of_rate
from precepts.stats.weighted import WeightedSide, weighted_metric
from precepts.types import Metric


class GroupSums:
    """The cells of one grouping as columns, and what each measure needs of them by group."""

    def __init__(self, cells: ModelCells, grouping: str) -> None:
        """Codes the groups; sums are made when a measure is first asked for."""
        texts, self.codes = np.unique(cells.frame[grouping].to_numpy(), return_inverse=True)
        self.names: list[str] = [str(text) for text in texts]
        self.decided = np.array([contrasted(name) for name in self.names])
        self._columns = cells.columns()
        self.count = self.column("count")
        self.clusters = cells.clusters()
        self._made: dict[Any, FloatArray] = {}

    def column(self, name: str) -> FloatArray:
        """A column of the cells as numbers, NaN where it is null, shape (cells,)."""
        return self._columns[name]

    def kept(self, where: Mapping[str, Any]) -> Any:
        """Which cells are among the rows of a measure, shape (cells,)."""
        mask = np.ones(self.count.size, dtype=bool)
        for key, value in where.items():
            mask &= np.isin(self.column(key), np.asarray(value, dtype=np.float64))
        return mask

    def total(self, values: FloatArray) -> FloatArray:
        """Sums of a column by group, shape (groups,)."""
        return np.bincount(self.codes, values, minlength=len(self.names)).astype(np.float64)

    def metric(self, measure: Measure, name: str, *, weighted: str | None, gap: bool, level: float) -> Metric:
        """The measure of one group, or with `gap` less that of all other groups that were decided on.

        `weighted` names the measure of `weighted_group@1` that stands for it where rows have weights.
        """
        group = self.names.index(name)
        if measure.estimator in ("ecce@1", "recalibration@1"):
            return self._curve(measure, group, level=level)
        if self.clusters is not None and (kind := CLUSTERED.get(measure.estimator)) is not None:
            return self._clustered(measure, kind, group, gap=gap, level=level)
        sums = self._sums(measure, weighted)
        sides = [sums[group]]
        if gap:
            sides.append(sums[self.decided].sum(axis=0) - sums[group])
        unscored = round(sum(float(side[0]) for side in sides))
        n = round(sum(float(side[1]) for side in sides))
        if measure.estimator == "reliability@1":
            found = Stretch(*map(float, sides[0][2:]))
            return reliability_metric(found, measure.statistic, n=n, num_unscored=unscored, level=level)
        if measure.estimator == "group_cost@1":
            costs = np.array(measure.costs)
            found = [CostSide(costs, side[4:], float(side[2]), float(side[3])) for side in sides]
            return cost_metric(found, n=n, num_unscored=unscored, level=level)
        if weighted is not None:
            return weighted_metric(
                weighted, [_weighted(side) for side in sides], n=n, num_unscored=unscored, level=level
            )
        if measure.estimator == "group_rate@1":
            return rate_metric([(float(s[2]), float(s[1])) for s in sides], num_unscored=unscored, level=level)
        if measure.estimator == "calibration_gap@1":
            moments = [Moments(*map(float, side[1:])) for side in sides]
            return gap_metric(moments, num_unscored=unscored, level=level)
        areas = [auc_of_counts(*np.split(side[2:], 2)) for side in sides]
        return auc_metric(areas, n=n, num_unscored=unscored, level=level)

    def _clustered(self, measure: Measure, kind: str, group: int, *, gap: bool, level: float) -> Metric:
        """The same of rows in clusters, from the cells themselves."""
        scored, x, y, _ = self._scored(measure)
        missing = self.kept(measure.where) & ~scored
        mine = self.codes == group
        masks = [mine, self.decided[self.codes] & ~mine] if gap else [mine]
        clusters = self.clusters
        assert clusters is not None, "asked only where rows have clusters"
        sides = [Side(*(column[mask & scored] for column in (x, y, self.count, clusters))) for mask in masks]
        n, unscored = (round(sum(float(self.count[mask & some].sum()) for mask in masks)) for some in (scored, missing))
        return clustered_metric(kind, sides, costs=measure.costs, n=n, num_unscored=unscored, level=level)

    def rates(self, measure: Measure) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of a rate: unscored, n and successes of the groups that were decided on, each of shape (groups,)."""
        unscored, n, yes = self._sums(measure, None)[self.decided].T
        return unscored, n, yes

    def dispersion(self, measure: Measure, statistic: str, *, weighted: str | None, level: float) -> Metric:
        """How far the groups that were decided on lie apart in a measure, sampling noise taken out."""
        sides = self._sums(measure, weighted)[self.decided]
        found = [_estimate(measure, side, weighted) for side in sides]
        n, lacking = round(float(sides[:, 1].sum())), round(float(sides[:, 0].sum()))
        return dispersion_metric(found, statistic, n=n, num_unscored=lacking, level=level)

    def abroca(self, name: str, *, resamples: int, level: float) -> Metric:
        """The area between the ROC curves of a group and of all other groups that were decided on."""
        auc = Measure("auc", "group_auc@2", "bin", "outcome", {})
        sums = self._sums(auc, None)
        mine = sums[self.names.index(name)]
        others = sums[self.decided].sum(axis=0) - mine
        # Only scores that occur on a side count, as the draws depend on how many there are.
        counts = np.stack([np.stack(np.split(side[2:], 2)[::-1]) for side in (mine, others)])
        counts = counts[:, :, counts.sum(axis=(0, 1)) > 0]
        n, unscored = int(mine[1] + others[1]), int(mine[0] + others[0])
        return abroca_metric(counts, n=n, num_unscored=unscored, resamples=resamples, seed=0, level=level)

    def _sums(self, measure: Measure, weighted: str | None) -> FloatArray:
        """By group: unscored, n, and what the measure needs; shape (groups, sums)."""
        key = (measure.estimator, measure.score, measure.label, str(measure.where), weighted)
        if key not in self._made:
            self._made[key] = self._summed(measure, weighted)
        return self._made[key]

    def _scored(self, measure: Measure) -> tuple[Any, FloatArray, FloatArray, FloatArray]:
        """Which cells have the measure; score and label, 0 elsewhere; and unscored by group."""
        x = self.column(measure.score)
        y = self.column(measure.label) if measure.label else np.zeros_like(x)
        kept = self.kept(measure.where)
        scored = kept & ~np.isnan(x) & ~np.isnan(y)
        return scored, np.where(scored, x, 0.0), np.where(scored, y, 0.0), self.total(self.count * (kept & ~scored))

    def _summed(self, measure: Measure, weighted: str | None) -> FloatArray:
        scored, x, y, unscored = self._scored(measure)
        n = self.total(self.count * scored)
        if measure.estimator == "reliability@1":
            size, squares = (one * scored for one in self._sizes())
            found = [self.total(one) for one in (size, squares, size * x, size * y, size * x * x)]
            return np.stack([unscored, n, *found], axis=1)
        if measure.estimator == "group_cost@1":
            size, squares = (one * scored for one in self._sizes())
            at = [self.total(size * (x == cost)) for cost in measure.costs]
            return np.stack([unscored, n, self.total(size), self.total(squares), *at], axis=1)
        size = (self.count if weighted is None else self.column("weight")) * scored
        moments = [self.total(size * one) for one in (np.ones_like(x), x, y, x * x, x * y)]
        if weighted is None and measure.estimator == "group_rate@1":
            return np.stack([unscored, n, moments[1]], axis=1)
        if weighted is None and measure.estimator == "calibration_gap@1":
            return np.stack([unscored, *moments], axis=1)
        head = [unscored, n]
        if weighted is not None:
            head += [self.total(self.column("weight_sq") * scored), *moments]
        place = np.unique(x, return_inverse=True)[1] if measure.estimator == "group_auc@2" else np.zeros(x.size, int)
        bins = int(place.max(initial=0)) + 1
        by_score: list[FloatArray] = [
            np.bincount(self.codes * bins + place, weights=size * one, minlength=len(self.names) * bins)
            .astype(np.float64)
            .reshape(-1, bins)
            for one in (y, 1 - y)
        ]
        return np.concatenate([np.stack(head, axis=1), *by_score], axis=1)

    def _sizes(self) -> tuple[FloatArray, FloatArray]:
        """Of each cell what its rows weigh, and the sum of their squared weights: both the count where there are no weights."""
        given = "weight" in self._columns
        return self.column("weight" if given else "count"), self.column("weight_sq" if given else "count")

    def _curve(self, measure: Measure, group: int, *, level: float) -> Metric:
        """Calibration slope, intercept or ECCE of one group, from its own cells."""
        scored, x, y, unscored = self._scored(measure)
        mine = scored & (self.codes == group)
        size, squares = (one[mine] for one in self._sizes())
        n, lacking, statistic = int(self.count[mine].sum()), int(unscored[group]), measure.statistic
        if measure.estimator == "ecce@1":
            found = cumulative_error(x[mine], y[mine], size, squares) if size.sum() else None
            return ecce_metric(found, statistic, n=n, num_unscored=lacking, level=level)
        found = recalibration(x[mine], y[mine], effective(size, squares))
        return recalibration_metric(found, statistic, n=n, num_unscored=lacking, level=level)

    def covariance(self, asked: Sequence[tuple[Measure, str]]) -> FloatArray:
        """Covariance of gaps, each a measure and a group, from what one observation of each cell adds to them.

        Gaps that these data cannot have are left out; shape (k, k) for the k others.
        """
        parts = [self._influence(measure, name) for measure, name in asked]
        varying = [part for part in parts if part.any()]
        if not varying:
            return np.zeros((0, 0))
        found = np.stack(varying, axis=1)
        if self.clusters is None:
            return found.T @ (found * self.count[:, None])
        codes = self.clusters.astype(np.int64)
        summed = np.stack([np.bincount(codes, part * self.count) for part in found.T], axis=1)
        return np.asarray(summed.T @ summed, dtype=np.float64)

    def _influence(self, measure: Measure, name: str) -> FloatArray:
        """What one observation of each cell adds to a gap, shape (cells,); zeros where a side has no row."""
        scored, x, y, _ = self._scored(measure)
        mine = self.codes == self.names.index(name)
        decided = self.decided[self.codes] & scored
        out = np.zeros(x.size)
        for side, sign in ((mine & decided, 1.0), (~mine & decided, -1.0)):
            n = float(self.count[side].sum())
            if not n:
                return np.zeros(x.size)
            if measure.estimator == "group_auc@2":
                value = placements(x[side], y[side], self.count[side])
            else:
                value = x[side] - y[side]
                value = (value - float(value @ self.count[side]) / n) / n
            out[side] = sign * value
        return out


def _estimate(measure: Measure, side: FloatArray, weighted: str | None) -> Estimate | None:
    """One group's value and noise, at the effective number of rows where they are weighted."""
    if weighted is None and measure.estimator == "group_rate@1":
        return of_rate(float(side[2]), float(side[1]))
    if weighted is None and measure.estimator == "calibration_gap@1":
        return of_gap(Moments(*map(float, side[1:])))
    if weighted is None:
        return of_auc(*np.split(side[2:], 2))
    given = _weighted(side)
    moments = Moments(*(one * given.factor for one in given.moments))
    if weighted == "auc":
        return of_auc(given.ones * given.factor, given.zeros * given.factor)
    return of_rate(moments.score, moments.n) if weighted == "rate" else of_gap(moments)


def _weighted(side: FloatArray) -> WeightedSide:
    ones, zeros = np.split(side[8:], 2)
    return WeightedSide(float(side[2]), Moments(*map(float, side[3:8])), ones, zeros)
