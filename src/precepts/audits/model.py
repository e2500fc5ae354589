"""The audit of a model by group: calibration, the outcome at the decided threshold, discrimination; error rates to describe.

Error rates depend on the whole risk distribution of a group and so differ between groups of other base rates under the
most even-handed rule (infra-marginality: Corbett-Davies et al. 2023, JMLR 24(312)); calibration near the threshold does
not. Both are shown, and verdicts are given only where the record set a margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from precepts.audits.cells import ModelCells, contrasted
from precepts.audits.decision import Decision
from precepts.audits.measures import Measure, described, kept, measures
from precepts.audits.verdicts import Finding, above, adjusted, times_more, within
from precepts.stats import estimate, max_t_critical, nearest_correlation, wilson_interval
from precepts.stats.distributions import NORMAL, FloatArray, critical_z
from precepts.types import Evidence, Input

_MOST_JOINT = 400  # contrasts whose joint law is simulated; beyond it the bound of Šidák, which needs none


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


def audit_model(
    cells: ModelCells, decision: Decision, source: Input, *, model: str, part: Mapping[str, str] | None = None
) -> ModelAudit:
    """Every measure of every group, contrasts with everyone else, and verdicts where a margin was decided.

    `part` names the stage or the class that the cells are of, if there are several.
    """
    rows = cells.rows()
    out = ModelAudit([], [], [], [])
    for grouping in cells.groupings:
        one = _Grouping(rows, grouping, decision, source, model, part or {})
        out.groups.extend(one.groups())
        out.levels.extend(one.levels())
        out.contrasts.extend(one.gaps())
        out.findings.extend([*one.findings(out.contrasts), *one.achieved(), *one.bars()])
    return out._replace(findings=adjusted(out.findings))


class _Grouping:
    def __init__(
        self, rows: list[dict[str, Any]], grouping: str, decision: Decision, source: Input, model: str,
        part: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.part = part
        self.rows, self.grouping, self.decision, self.source, self.model = rows, grouping, decision, source, model
        self.names = sorted({row["groups"][grouping] for row in rows})
        self.decided = [name for name in self.names if contrasted(name)]
        self.key = f"groups.{grouping}"
        self.measures = measures(decision)
        self.by_name = {name: [row for row in rows if row["groups"][grouping] == name] for name in self.names}

    def groups(self) -> list[ModelGroup]:
        total = sum(row["count"] for row in self.rows)
        out: list[ModelGroup] = []
        for name, mine in self.by_name.items():
            n = sum(row["count"] for row in mine)
            low, high = wilson_interval(n, total, level=1 - self.decision.alpha)
            unscored = sum(r["count"] for r in mine if r["outcome"] is None or r["score"] is None)
            out.append(
                ModelGroup(
                    self.grouping, name, n, sum(r["count"] for r in mine if r["outcome"] == 1),
                    sum(r["count"] for r in mine if r["near"]), unscored, n / total, low, high,
                    self.decision.population.get(self.grouping, {}).get(name), contrasted(name),
                )
            )  # fmt: skip
        return out

    def _evidence(self, measure: Measure, name: str, *, level: float, gap: bool = False) -> Evidence:
        """One number, through the registry, so that it can be made again from the cells."""
        where: dict[str, Any] = {**measure.where}
        estimator, params = measure.made(self.decision)
        if gap:
            params |= {"arm": self.key, "of": name, "against": "others"}
            if len(self.decided) < len(self.names):
                where[self.key] = self.decided
        else:
            where[self.key] = name
        pool = [row for one in (self.decided if gap else [name]) for row in self.by_name[one]]
        fields = [
            {"score": row[measure.score], "label": row[measure.label] if measure.label else None,
             "arm": row["groups"][self.grouping], "count": row["count"], "score_b": row.get("weight"),
             "score_c": row.get("weight_sq")}
            for row in pool if kept(row, measure.where)
        ]  # fmt: skip
        options = {key: value for key, value in params.items() if key in ("of", "against", "measure")}
        metric = estimate(estimator, fields, params=options, level=level)
        chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        return Evidence(
            claim=f"audit/model/{measure.name}{'_gap' if gap else ''}", slice={"grouping": self.grouping, "group": name, **self.part},
            better=measure.better, params=params, inputs=(self.source.model_copy(update={"where": where}),), model=self.model,
            policy=self.decision.digest, baseline="all other groups together" if gap else None, **chosen,
        )  # fmt: skip

    def levels(self) -> list[Evidence]:
        level, shown = 1 - self.decision.alpha, [*self.measures, *described(self.decision)]
        return [self._evidence(m, name, level=level) for name in self.names for m in shown]

    def gaps(self) -> list[Evidence]:
        """Each group against all others, with intervals that hold at once over every measure of the grouping."""
        if len(self.decided) < 2:
            return []
        level = 2 * NORMAL.cdf(self.critical()) - 1
        out = [self._evidence(m, name, level=level, gap=True) for m in self.measures for name in self.decided]
        return out + ([self._abroca(name) for name in self.decided] if "abroca" in self.decision.margins else [])

    def _abroca(self, name: str) -> Evidence:
        """The area between the ROC curves of a group and of all others, at a level that holds over groups at once (Šidák)."""
        level = (1 - self.decision.alpha) ** (1 / len(self.decided))
        pool = [row for one in self.decided for row in self.by_name[one]]
        fields = [
            {"score": row["score"], "label": row["outcome"], "arm": row["groups"][self.grouping], "count": row["count"]}
            for row in pool
        ]
        params: dict[str, Any] = {
            "score": "score",
            "label": "outcome",
            "count": "count",
            "arm": self.key,
            "of": name,
            "resamples": 1000,
        }
        metric = estimate("abroca@1", fields, params={"of": name, "resamples": 1000}, level=level)
        chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        where = {self.key: self.decided} if len(self.decided) < len(self.names) else {}
        return Evidence(
            claim="audit/model/abroca_gap", slice={"grouping": self.grouping, "group": name, **self.part}, better="lower", params=params,
            inputs=(self.source.model_copy(update={"where": where}),), model=self.model, policy=self.decision.digest,
            baseline="all other groups together", **chosen,
        )  # fmt: skip

    def critical(self) -> float:
        """The max-statistic's critical value over all gaps of this grouping, from their covariance over cells."""
        number = len(self.measures) * len(self.decided)
        sidak = critical_z((1 - self.decision.alpha) ** (1 / number))
        if number > _MOST_JOINT or self.decision.columns.weight:
            return sidak
        columns = [self._influence(m, name) for m in self.measures for name in self.decided]
        influence = np.stack([column for column in columns if float(np.abs(column).max(initial=0)) > 0], axis=1)
        counts = np.array([row["count"] for one in self.decided for row in self.by_name[one]], dtype=float)
        covariance = influence.T @ (influence * counts[:, None])
        return min(sidak, max_t_critical(nearest_correlation(covariance), level=1 - self.decision.alpha))

    def _influence(self, measure: Measure, name: str) -> FloatArray:
        """What one observation of each cell adds to a gap, shape (cells of the decided groups,)."""
        rows = [row for one in self.decided for row in self.by_name[one]]
        mine = np.array([row["groups"][self.grouping] == name for row in rows])
        used = np.array([kept(row, measure.where) and row[measure.score] is not None
                         and (measure.label is None or row[measure.label] is not None) for row in rows])  # fmt: skip
        counts = np.array([row["count"] for row in rows], dtype=float)
        x = np.array([float(row[measure.score] or 0) for row in rows])
        y = np.array([float(row[measure.label] or 0) for row in rows]) if measure.label else np.zeros(len(rows))
        out = np.zeros(len(rows))
        for side, sign in ((mine & used, 1.0), (~mine & used, -1.0)):
            n = counts[side].sum()
            if not n:
                return np.zeros(len(rows))
            if measure.estimator == "group_auc@1":
                value = _placements(x[side], y[side], counts[side])
            else:
                value = x[side] - y[side]
                value = (value - (value @ counts[side]) / n) / n
            out[side] = sign * value
        return out

    def findings(self, contrasts: list[Evidence]) -> list[Finding]:
        """Verdicts on the gaps for which a margin was decided."""
        out: list[Finding] = []
        for row in contrasts:
            name = row.claim.removeprefix("audit/model/").removesuffix("_gap")
            mine = row.slice["grouping"] == self.grouping and all(row.slice.get(k) == v for k, v in self.part.items())
            if mine and name in self.decision.margins:
                out.append(self._finding("gap", name, row, self.decision.margins[name]))
        return out

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
        """Every group against the minimum quality of service, one-sided at alpha."""
        out: list[Finding] = []
        for name, bar in self.decision.minimum.items():
            measure = next((m for m in self.measures if m.name == name), None)
            if measure is None:
                continue
            for group in self.decided:
                row = self._evidence(measure, group, level=1 - 2 * self.decision.alpha)
                verdict = above(row.low, row.high, bar)
                out.append(
                    Finding(kind="bar", measure=name, grouping=self.grouping, group=group, evidence=row, margin=bar,
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


def _placements(scores: FloatArray, outcomes: FloatArray, counts: FloatArray) -> FloatArray:
    """The influence of one observation on an AUC, shape (n,); zeros where one outcome is absent."""
    distinct, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, counts * outcomes, minlength=distinct.size)
    zeros = np.bincount(place, counts * (1 - outcomes), minlength=distinct.size)
    if not ones.sum() or not zeros.sum():
        return np.zeros(scores.size)
    above_ = (np.cumsum(zeros) - zeros / 2) / zeros.sum()
    below = 1 - (np.cumsum(ones) - ones / 2) / ones.sum()
    value = float(ones @ above_) / ones.sum()
    return np.where(outcomes == 1, (above_[place] - value) / ones.sum(), (below[place] - value) / zeros.sum())
