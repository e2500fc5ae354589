"""The audit of a model by group: calibration, the outcome at the decided threshold, discrimination; error rates to describe.

Error rates depend on the whole risk distribution of a group and so differ between groups of other base rates under the
most even-handed rule (infra-marginality: Corbett-Davies et al. 2023, JMLR 24(312)); calibration near the threshold does
not. Both are shown, and verdicts are given only where the record set a margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from precepts.audits.cells import ModelCells, contrasted
from precepts.audits.decision import Decision
from precepts.audits.measures import TRUE_NEGATIVE, Measure, described, dispersed, measures, reliability
from precepts.audits.sums import GroupSums
from precepts.audits.tables import JOINED, MEMBERSHIP
from precepts.audits.verdicts import BETWEEN, SPREADS, Finding, above, adjusted, at_bar, times_more, within
from precepts.stats import max_t_critical, nearest_correlation, pooled_rates, wilson_interval
from precepts.stats.clustered import effective_wilson
from precepts.stats.distributions import NORMAL, critical_z
from precepts.stats.pooled import MOST_GROUPS, no_rate, pooled_metric
from precepts.types import Evidence, Input, Metric

_MOST_JOINT = 400  # contrasts whose joint law is simulated; beyond it the bound of Šidák, which needs none
_MOST_HELD = 40_000_000  # contrasts × cells of which the joint law is made: 320 MB
_DRAWS = 1000
MOST_CURVES = 24
"""Groups of a grouping whose reliability curves are made: the largest."""


class ModelGroup(NamedTuple):
    """What there is of one group, and its share of all against the population's where one was given."""

    grouping: str
    name: str
    n: int
    num_positive: int
    num_near: int
    num_unscored: int
    share: float
    low: float
    high: float
    population: float | None
    contrasted: bool


class ModelAudit(NamedTuple):
    """Groups, levels (one row a group and measure), gaps against all others, and findings with verdicts."""

    groups: list[ModelGroup]
    levels: list[Evidence]
    contrasts: list[Evidence]
    findings: list[Finding]
    curves: Sequence[Evidence] = ()
    """Points of reliability curves: two rows a group and stretch of scores."""
    spreads: Sequence[Evidence] = ()
    """How far groups lie apart in each measure."""


def audit_model(
    cells: ModelCells, decision: Decision, source: Input, *, model: str, part: Mapping[str, str] | None = None
) -> ModelAudit:
    """Every measure of every group, contrasts with everyone else, and verdicts where a margin was decided.

    `part` names the stage or the class that the cells are of, if there are several.
    """
    out, curves, spreads = ModelAudit([], [], [], []), list[Evidence](), list[Evidence]()
    for grouping in cells.groupings:
        one = _Grouping(GroupSums(cells, grouping), grouping, decision, source, model, part or {})
        out.groups.extend(one.groups())
        out.levels.extend(one.levels())
        out.contrasts.extend(one.gaps())
        curves += one.curves()
        spreads += one.spreads()
        out.findings.extend([*one.findings(out.contrasts), *one.achieved(), *one.bars()])
    return out._replace(findings=adjusted(out.findings), curves=curves, spreads=spreads)


class _Grouping:
    def __init__(
        self, sums: GroupSums, grouping: str, decision: Decision, source: Input, model: str, part: Mapping[str, str]
    ) -> None:
        self.part = part
        self.clustered = decision.columns.cluster is not None
        self.sums, self.grouping, self.decision, self.source, self.model = sums, grouping, decision, source, model
        self.names = sums.names
        self.decided = [name for name in self.names if contrasted(name)]
        self.key = f"groups.{grouping}"
        self.measures = measures(decision)
        # Groups that share parts can borrow from each other; a grouping by one column has no parts.
        fit = (
            JOINED in grouping
            and 4 <= len(self.decided) <= MOST_GROUPS
            and not decision.columns.weight
            and not self.clustered
        )
        self.pooled = [m for m in self.measures if m.estimator == "group_rate@1"] if fit else []

    def groups(self) -> list[ModelGroup]:
        sums = self.sums
        outcome, near = sums.column("outcome"), sums.column("near")
        unscored = np.isnan(outcome) | np.isnan(sums.column("score"))
        n, positive, close, lacking = (
            sums.total(sums.count * mask).astype(int).tolist()
            for mask in (np.ones_like(outcome), outcome == 1, near == 1, unscored)
        )
        out: list[ModelGroup] = []
        shares = [self._share(place, n) for place in range(len(n))]
        for place, name in enumerate(self.names):
            out.append(
                ModelGroup(
                    self.grouping, name, n[place], positive[place], close[place], lacking[place], *shares[place],
                    self.decision.population.get(self.grouping, {}).get(name), contrasted(name),
                )
            )  # fmt: skip
        return out

    def _share(self, place: int, n: list[int]) -> tuple[float, float, float]:
        """A group's share of all rows with its limits; where rows stand once for each group they may belong to, by probability."""
        level = 1 - self.decision.alpha
        if self.decision.columns.weight != MEMBERSHIP:
            return n[place] / sum(n), *wilson_interval(n[place], sum(n), level=level)
        sizes = self.sums.total(self.sums.column("weight"))
        share = float(sizes[place] / sizes.sum()) if sizes.sum() > 0 else 0.0
        return share, *effective_wilson(share, max(n), level=level)

    def _evidence(self, measure: Measure, name: str, *, level: float, gap: bool = False) -> Evidence:
        """One number from the sums, which the registry's estimator makes again from the cells."""
        where: dict[str, Any] = {**measure.where}
        _, params = measure.made(self.decision)
        if gap:
            params |= {"arm": self.key, "of": name, "against": "others"}
            if len(self.decided) < len(self.names):
                where[self.key] = self.decided
        else:
            where[self.key] = name
        metric = self.sums.metric(measure, name, weighted=measure.weighted(self.decision), gap=gap, level=level)
        claim = f"{measure.name}{'_gap' if gap else ''}"
        return self._row(claim, name, metric, where, params, better=measure.better, gap=gap)

    def _row(
        self, claim: str, name: str, metric: Metric, where: dict[str, Any], params: dict[str, Any], *, better: Any, gap: bool
    ) -> Evidence:  # fmt: skip
        chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        return Evidence(
            claim=f"audit/model/{claim}", slice={"grouping": self.grouping, "group": name, **self.part}, better=better, params=params,
            inputs=(self.source.model_copy(update={"where": where}),), model=self.model, policy=self.decision.digest,
            baseline="all other groups together" if gap else None, **chosen,
        )  # fmt: skip

    def levels(self) -> list[Evidence]:
        level, shown = 1 - self.decision.alpha, [*self.measures, *described(self.decision)]
        plain = [self._evidence(m, name, level=level) for name in self.names for m in shown]
        return plain + [self._drawn_together(m, name, level=level) for name in self.decided for m in self.pooled]

    def curves(self) -> list[Evidence]:
        """The reliability curve of each of the largest groups: the intervals of one curve's outcome rates hold at once (Šidák)."""
        if self.clustered:
            return []
        stretch = self.sums.column("stretch")
        number = int(np.nan_to_num(stretch).max(initial=0))
        size = self.sums.total(self.sums.count * ~np.isnan(stretch))
        largest = sorted(range(len(self.names)), key=lambda place: -size[place])[:MOST_CURVES]
        out: list[Evidence] = []
        for name in (self.names[place] for place in sorted(largest)):
            for one in range(1, number + 1):
                rate, predicted = reliability(self.decision, one)
                at_once = (1 - self.decision.alpha) ** (1 / number)
                point = (
                    self._evidence(rate, name, level=at_once),
                    self._evidence(predicted, name, level=1 - self.decision.alpha),
                )
                at = {"stretch": f"{one} of {number}"}
                out += [row.model_copy(update={"slice": {**row.slice, **at}}) for row in point if row.n]
        return out

    def spreads(self) -> list[Evidence]:
        """How far the groups lie apart in each measure: standard deviation between them, and the unbiased variance."""
        if len(self.decided) < 2 or self.clustered:
            return []
        out: list[Evidence] = []
        for measure in (one for one in self.measures if one.spreads):
            where = {**measure.where} | ({self.key: self.decided} if len(self.decided) < len(self.names) else {})
            for statistic, end in SPREADS.items():
                level, weighted = 1 - self.decision.alpha, measure.weighted(self.decision)
                metric = self.sums.dispersion(measure, statistic, weighted=weighted, level=level)
                params = dispersed(measure, self.decision) | {"arm": self.key, "statistic": statistic}
                out.append(self._row(f"{measure.name}{end}", BETWEEN, metric, where, params, better="lower", gap=False))
        return out

    def _drawn_together(self, measure: Measure, name: str, *, level: float, gap: bool = False) -> Evidence:
        """A rate of an intersection, or its gap, partially pooled over all intersections."""
        unscored, n, yes = self.sums.rates(measure)
        some = n + unscored > 0  # a group without any row of the measure is not among the rows of the number either
        names = [one for one, has in zip(self.decided, some.tolist(), strict=True) if has]
        metric = no_rate(level=level, against=gap)
        if name in names:
            found = pooled_rates(yes[some].tolist(), n[some].tolist(), [tuple(one.split(JOINED)) for one in names])
            at = names.index(name)
            lacking = int(unscored[some][at])
            metric = pooled_metric(found, n[some], at, against=gap, statistic="rate", num_unscored=lacking, level=level)
        where: dict[str, Any] = {**measure.where} | (
            {self.key: self.decided} if len(self.decided) < len(self.names) else {}
        )
        params: dict[str, Any] = {"score": measure.score, "count": "count", "arm": self.key, "of": name}
        params |= {"against": "others"} if gap else {}
        claim = f"{measure.name}_pooled{'_gap' if gap else ''}"
        return self._row(claim, name, metric, where, params, better=measure.better, gap=gap)

    def gaps(self) -> list[Evidence]:
        """Each group against all others, with intervals that hold at once over every measure of the grouping."""
        if len(self.decided) < 2:
            return []
        level = 2 * NORMAL.cdf(self.critical()) - 1
        out = [self._evidence(m, name, level=level, gap=True) for m in self.measures for name in self.decided]
        asked = [m for m in self.pooled if m.name in self.decision.margins]
        out += [self._drawn_together(m, name, level=level, gap=True) for m in asked for name in self.decided]
        return out + ([self._abroca(name) for name in self.decided] if "abroca" in self.decision.margins else [])

    def _abroca(self, name: str) -> Evidence:
        """The area between the ROC curves of a group and of all others, at a level that holds over groups at once (Šidák)."""
        level = (1 - self.decision.alpha) ** (1 / len(self.decided))
        params: dict[str, Any] = {
            "score": "bin", "label": "outcome", "count": "count", "arm": self.key, "of": name, "resamples": _DRAWS,
        }  # fmt: skip
        metric = self.sums.abroca(name, resamples=_DRAWS, level=level)
        where = {self.key: self.decided} if len(self.decided) < len(self.names) else {}
        return self._row("abroca_gap", name, metric, where, params, better="lower", gap=True)

    def critical(self) -> float:
        """The max-statistic's critical value over all gaps of this grouping, from their covariance over cells."""
        number = len(self.measures) * len(self.decided)
        sidak = critical_z((1 - self.decision.alpha) ** (1 / number))
        large = number > _MOST_JOINT or number * len(self.sums.count) > _MOST_HELD
        if large or self.decision.columns.weight:
            return sidak
        covariance = self.sums.covariance([(m, name) for m in self.measures for name in self.decided])
        if not covariance.size:  # nothing varies on any side
            return sidak
        return min(sidak, max_t_critical(nearest_correlation(covariance), level=1 - self.decision.alpha))

    def findings(self, contrasts: list[Evidence]) -> list[Finding]:
        """Verdicts on the gaps for which a margin was decided."""
        out: list[Finding] = []
        for row in contrasts:
            name = row.claim.removeprefix("audit/model/").removesuffix("_gap")
            mine = row.slice["grouping"] == self.grouping and all(row.slice.get(k) == v for k, v in self.part.items())
            plain = name.removesuffix("_pooled")
            # One verdict a question: from the pooled gap where the record says so, else from the group's own rows.
            if mine and plain in self.decision.margins and (name != plain) is self._pools(plain):
                out.append(self._finding("gap", name, row, self.decision.margins[plain]))
        return out

    def _pools(self, name: str) -> bool:
        return self.decision.pool_intersections and any(m.name == name for m in self.pooled)

    def achieved(self) -> list[Finding]:
        """Whether acting at the threshold has the risk that was decided, in every group: score less outcome near it."""
        margin = self.decision.margins.get("threshold_outcome")
        if margin is None or self.decision.score != "probability":
            return []
        near = next(m for m in self.measures if m.name == "threshold_outcome")
        level = (1 - self.decision.alpha) ** (1 / max(1, len(self.decided)))
        return [
            self._finding("trade-off", "threshold_outcome", self._evidence(near, name, level=level), margin)
            for name in self.decided
        ]

    def bars(self) -> list[Finding]:
        """Every group against the minimum quality of service: see `at_bar`."""
        out: list[Finding] = []
        for name, bar in self.decision.minimum.items():
            measure = next((m for m in [*self.measures, TRUE_NEGATIVE] if m.name == name), None)
            if measure is None:
                continue  # of an audit of labels, and the page says so
            for group in self.decided:
                make = self._drawn_together if self._pools(name) else self._evidence
                row = at_bar(partial(make, measure, group), bar, self.decision, number=len(self.decided))
                verdict = above(row.low, row.high, bar)
                out.append(
                    Finding(kind="bar", measure=name + "_pooled" * self._pools(name), grouping=self.grouping, group=group, evidence=row, margin=bar,
                            verdict=verdict, times_more=self._more(row, bar) if verdict == "not enough data" else None,
                            reason="" if row.n else "no such row in this group")
                )  # fmt: skip
        return out

    def _finding(self, kind: Any, name: str, row: Evidence, margin: float) -> Finding:
        verdict = within(row.low, row.high, margin)
        p = None
        if (
            name != "abroca"
            and row.value is not None
            and row.low is not None
            and row.high is not None
            and row.high > row.low
        ):
            error = (row.high - row.low) / 2 / critical_z(row.level)
            p = 2 * NORMAL.cdf(-abs(row.value) / error)
        return Finding(
            kind=kind, measure=name, grouping=self.grouping, group=row.slice["group"], evidence=row, margin=margin,
            verdict=verdict, p=p, times_more=self._more(row, margin) if verdict == "not enough data" else None,
            reason="" if row.value is not None else "cannot be computed: a side has no such row",
        )  # fmt: skip

    def _more(self, row: Evidence, margin: float) -> float | None:
        if row.value is None or row.low is None or row.high is None:
            return None
        half = (row.high - row.low) / 2
        return times_more(row.value, half, margin, critical=critical_z(row.level), power=self.decision.power)
