"""The audit of those who label, people or LLM judges: signal detection by group.

Per group: how well raters tell the classes apart (d′), how much they ask for before they say yes (c), and the cost ratio
C_FP / C_FN that their ratings reveal, beside the one that was decided. Different remedies follow from each: training and
context for d′, instructions for c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from precepts.audits.decision import Decision
from precepts.audits.label_cells import SAMPLED, LabelCells, View, count_raters, ratings, views
from precepts.audits.label_pooling import pooled_levels, spread_rows
from precepts.audits.tables import JOINED, is_missing
from precepts.audits.verdicts import Finding, Verdict, above, adjusted, at_bar, times_more, within
from precepts.stats import Statistic, Trading, max_t_critical, metric_of, nearest_correlation, trade_off, trading
from precepts.stats.crossed import Sampled
from precepts.stats.distributions import NORMAL, critical_t
from precepts.stats.trade_off import Ratings, num_unscored_in
from precepts.types import Evidence, Input

_CONTRASTS: tuple[Statistic, ...] = ("dprime", "criterion")
_BARS: Mapping[str, Statistic] = {
    "hit_rate": "hit_rate", "true_positive_rate": "hit_rate",
    "correct_rejection_rate": "correct_rejection_rate", "true_negative_rate": "correct_rejection_rate",
}  # fmt: skip


class Group(NamedTuple):
    """What there is of one group."""

    grouping: str
    name: str
    num_ratings: int
    num_signal: int
    num_noise: int
    num_raters: int
    num_items: int
    num_unscored: int
    contrasted: bool


class LabelAudit(NamedTuple):
    """Groups, levels (one row a group and statistic), findings with verdicts, and raters that stand out."""

    groups: list[Group]
    levels: list[Evidence]
    contrasts: list[Evidence]
    findings: list[Finding]
    spreads: Sequence[Evidence] = ()
    """How far groups lie apart in d′ and c."""


def audit_labels(cells: LabelCells, decision: Decision, source: Input) -> LabelAudit:
    """Signal detection by group, contrasts with the mean of the other groups, and verdicts where a margin was decided."""
    groups: list[Group] = []
    levels: list[Evidence] = []
    contrasts: list[Evidence] = []
    findings: list[Finding] = []
    spreads: list[Evidence] = []
    if decision.without_gold:
        return LabelAudit(_groups_without_gold(cells), [], [], [])
    asked = views(decision)
    for grouping in cells.groupings:
        for view in asked:
            one = _Grouping(cells.rows, grouping, decision, source, view)
            groups += one.groups() if view == asked[0] else []
            levels += one.levels()
            gaps, found = one.gaps()
            contrasts += gaps
            spreads += one.spreads()
            # A scale was decided on at one cut; what lies at the others is description.
            findings += [*found, *one.trade_offs(), *one.bars()] if view == asked[0] or decision.classes else []
    return LabelAudit(groups, levels, contrasts, adjusted(findings), spreads)


class _Grouping:
    """One grouping of the ratings: its arms, what can be estimated of them, and where the evidence points."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], grouping: str, decision: Decision, source: Input, view: View
    ) -> None:
        self.grouping, self.decision, self.view = grouping, decision, view
        self.all = sorted({row["groups"][grouping] for row in rows})
        self.rows = rows
        self.names = [name for name in self.all if not is_missing(name)] or self.all
        kept = [row for row in rows if row["groups"][grouping] in set(self.names)]
        self.ratings: Ratings = ratings(kept, grouping, self.names, view)
        self.found: Trading = trading(self.ratings, len(self.names))
        self.sampled: Sampled = SAMPLED[decision.generalise_to]
        self.why_not = alone(decision, num_raters=count_raters(kept))
        self.unscored = {
            name: num_unscored_in([self._row(row) for row in rows if row["groups"][grouping] == name])
            for name in self.all
        }
        where = {f"groups.{grouping}": self.names}
        self.input = source.model_copy(update={"where": where})
        # An arm can be contrasted where both truths occur in it.
        self.full = [code for code in range(len(self.names)) if self.found.totals[code].all()]

    def _row(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        return {"score": cell[self.view.label], "label": cell[self.view.gold], "count": cell["count"]}

    def groups(self) -> list[Group]:
        """Every group that occurs, the missing one too."""
        out: list[Group] = []
        for name in self.all:
            mine = [row for row in self.rows if row["groups"][self.grouping] == name]
            of = {1: 0, 0: 0}
            for row in mine:
                if row[self.view.label] is not None and row[self.view.gold] is not None:
                    of[row[self.view.gold]] += row["count"]
            out.append(
                Group(
                    self.grouping, name, sum(row["count"] for row in mine), of[1], of[0], len({row["rater"] for row in mine}),
                    len({row["item"] for row in mine}), self.unscored[name], name in self.names and all(of.values()),
                )
            )  # fmt: skip
        return out

    def _params(self, statistic: str, arm: int, sampled: Sampled | None = None) -> dict[str, Any]:
        """What an Evidence row needs so that it can be computed again from the cells."""
        params: dict[str, Any] = {
            "score": self.view.label, "label": self.view.gold, "cluster": "rater", "cluster_b": "item", "count": "count",
            "arm": f"groups.{self.grouping}", "statistic": statistic, "of": self.names[arm], "sampled": sampled or self.sampled,
        }  # fmt: skip
        if statistic in ("log_cost_ratio", "excess_criterion"):
            params["cost_ratio"] = self.decision.costs_of_any(self.names[arm].split(JOINED)).ratio
            if self.decision.prevalence is not None:
                params["prevalence"] = self.decision.prevalence
        return params

    def _evidence(
        self,
        statistic: Statistic,
        arm: int,
        *,
        against: Sequence[int] = (),
        level: float,
        sampled: Sampled | None = None,
    ) -> tuple[Evidence, Any]:
        params = self._params(statistic, arm, sampled)
        weights = {arm: 1.0} | {other: -1 / len(against) for other in against}
        estimate = trade_off(
            self.found, statistic, weights, prevalence=params.get("prevalence"), cost_ratio=params.get("cost_ratio", 1.0),
            sampled=params["sampled"],
        )  # fmt: skip
        involved = [arm, *against]
        unscored = sum(self.unscored[self.names[one]] for one in involved)
        metric = metric_of(self.found, statistic, estimate, arm, level=level, num_unscored=unscored)
        if against:
            params["against"] = [self.names[other] for other in against]
        fields = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        name = f"audit/labels/{statistic}{'_gap' if against else ''}"
        slices = {"grouping": self.grouping, "group": self.names[arm]} | (
            {"label": self.view.name} if self.view.name else {}
        )
        baseline = "mean of the other groups" if against else None
        rate = statistic in ("hit_rate", "correct_rejection_rate")
        return Evidence(
            claim=name, slice=slices, better="higher" if rate or statistic == "dprime" else "neither", params=params,
            inputs=(self.input,), model="raters", policy=self.decision.digest, baseline=baseline, **fields,
        ), estimate  # fmt: skip

    def levels(self) -> list[Evidence]:
        """Each statistic of each group, at the record's level, one by one."""
        statistics: tuple[Statistic, ...] = (
            "hit_rate", "correct_rejection_rate", "dprime", "criterion", "log_cost_ratio", "excess_criterion"
        )  # fmt: skip
        level = 1 - self.decision.alpha
        alone = [self._evidence(s, arm, level=level)[0] for arm in range(len(self.names)) for s in statistics]
        return alone + pooled_levels(self.rows, self.grouping, self.names, self.view, self.decision, self.input)

    def gaps(self) -> tuple[list[Evidence], list[Finding]]:
        """Each group against the mean of the others, with intervals that hold all at once; and for these raters alone."""
        if len(self.full) < 2:
            return [], []
        wanted: list[tuple[Statistic, int, list[int]]] = [
            (s, arm, [o for o in self.full if o != arm]) for s in _CONTRASTS for arm in self.full
        ]
        gradients = [self._evidence(s, a, against=o, level=0.95)[1].gradient for s, a, o in wanted]
        jacobian = np.stack(gradients)
        covariance = jacobian @ self.found.covariance.matrix(self.sampled) @ jacobian.T
        critical = max_t_critical(nearest_correlation(covariance), level=1 - self.decision.alpha)
        level = 2 * NORMAL.cdf(critical) - 1
        evidence: list[Evidence] = []
        findings: list[Finding] = []
        for statistic, arm, others in wanted:
            row, estimate = self._evidence(statistic, arm, against=others, level=level)
            evidence.append(row)
            if self.sampled == "both":
                evidence.append(self._evidence(statistic, arm, against=others, level=level, sampled="b")[0])
            if statistic in self.decision.margins:
                findings.append(self._finding("gap", statistic, row, estimate, self.decision.margins[statistic]))
        return evidence, findings

    def spreads(self) -> list[Evidence]:
        """How far the groups lie apart in d′ and in c."""
        params = {name: value for name, value in self._params("dprime", 0).items() if name != "of"}
        unscored = sum(self.unscored[name] for name in self.names)
        return spread_rows(
            self.found, self.full, self.grouping, self.view, self.decision, self.input, sampled=self.sampled, params=params,
            num_unscored=unscored,
        )  # fmt: skip

    def trade_offs(self) -> list[Finding]:
        """Each group's revealed costs against the decided ones."""
        if "cost_ratio" not in self.decision.margins or not self.full:
            return []
        margin = float(np.log(self.decision.margins["cost_ratio"]))
        level = (1 - self.decision.alpha) ** (1 / len(self.full))  # Šidák: simultaneous over groups
        out: list[Finding] = []
        for arm in self.full:
            row, estimate = self._evidence("log_cost_ratio", arm, level=level)
            if estimate is not None:
                out.append(self._finding("trade-off", "cost_ratio", row, estimate, margin))
        return out

    def bars(self) -> list[Finding]:
        """Each group against the minimum quality of service: see `at_bar`."""
        out: list[Finding] = []
        for name, bar in self.decision.minimum.items():
            if name not in _BARS:
                continue
            for arm in range(len(self.names)):
                row = at_bar(partial(self._row_of, _BARS[name], arm), bar, self.decision, number=len(self.names))
                verdict = "not enough data" if self.why_not else above(row.low, row.high, bar)
                more = (
                    _bar_times_more(row, bar, self.decision)
                    if verdict == "not enough data" and not self.why_not
                    else None
                )
                out.append(
                    Finding(kind="bar", measure=name, grouping=self.grouping, group=self.names[arm], evidence=row, margin=bar,
                            verdict=verdict, times_more=more, reason=self.why_not if row.n else "no such rating in this group")
                )  # fmt: skip
        return out

    def _row_of(self, statistic: Statistic, arm: int, *, level: float) -> Evidence:
        return self._evidence(statistic, arm, level=level)[0]

    def _finding(self, kind: Any, measure: str, row: Evidence, estimate: Any, margin: float) -> Finding:
        verdict: Verdict = "not enough data" if self.why_not else within(row.low, row.high, margin)
        more = None
        p = 2 * NORMAL.cdf(-abs(estimate.value) / estimate.error) if np.isinf(estimate.df) else _student_p(estimate)
        if verdict == "not enough data" and not self.why_not and row.low is not None and row.high is not None:
            half = (row.high - row.low) / 2
            more = times_more(
                estimate.value, half, margin, critical=max(half / estimate.error, 1.0), power=self.decision.power
            )
        return Finding(
            kind=kind, measure=measure, grouping=self.grouping, group=self.names[row_arm(self.names, row)], evidence=row,
            margin=margin, verdict=verdict, p=None if self.why_not else p, times_more=more, reason=self.why_not,
        )  # fmt: skip


def row_arm(names: Sequence[str], row: Evidence) -> int:
    """The number of the arm that an Evidence row is about."""
    return list(names).index(row.slice["group"])


def _student_p(estimate: Any) -> float:
    from precepts.stats.distributions import student_cdf

    return 2 * student_cdf(-abs(estimate.value) / estimate.error, df=max(1, int(estimate.df)))


def _bar_times_more(row: Evidence, bar: float, decision: Decision) -> float | None:
    if row.value is None or row.low is None or row.high is None:
        return None
    critical = critical_t(row.level, df=10_000)
    return times_more(row.value, (row.high - row.low) / 2, bar, critical=critical, power=decision.power)


def alone(decision: Decision, *, num_raters: int) -> str:
    """Why no verdict can be about other raters, where there is but one and the record asks for others; empty where it can."""
    if num_raters > 1 or decision.generalise_to not in ("raters", "raters and items"):
        return ""
    return "one rater cannot speak for others; a record with `generalise_to: items` asks about this one"


def _groups_without_gold(cells: LabelCells) -> list[Group]:
    """What there is of each group where no truth is known."""
    out: list[Group] = []
    for grouping in cells.groupings:
        for name in sorted({row["groups"][grouping] for row in cells.rows}):
            mine = [row for row in cells.rows if row["groups"][grouping] == name]
            unscored = sum(row["count"] for row in mine if row["label"] is None)
            out.append(
                Group(
                    grouping, name, sum(row["count"] for row in mine), 0, 0, len({row["rater"] for row in mine}),
                    len({row["item"] for row in mine}), unscored, not is_missing(name),
                )
            )  # fmt: skip
    return out
