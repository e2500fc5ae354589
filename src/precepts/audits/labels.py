"""The audit of those who label, people or LLM judges: signal detection by group.

Per group: how well raters tell the classes apart (d′), how much they ask for before they say yes (c), and the cost ratio
C_FP / C_FN that their ratings reveal, beside the one that was decided. Different remedies follow from each: training and
context for d′, instructions for c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.tables import binary, distinct, is_missing, require, with_groups
from precepts.audits.verdicts import Finding, Verdict, above, adjusted, times_more, within
from precepts.errors import InputError
from precepts.stats import Statistic, Trading, max_t_critical, metric_of, nearest_correlation, trade_off, trading
from precepts.stats.crossed import Sampled
from precepts.stats.distributions import NORMAL, critical_t
from precepts.stats.trade_off import Ratings, num_unscored_in, rate_interval
from precepts.types import Evidence, Input

SAMPLED: Mapping[str, Sampled] = {"raters and items": "both", "raters": "a", "items": "b", "neither": "rows"}
_CONTRASTS: tuple[Statistic, ...] = ("dprime", "criterion")
_MOST_GROUPS = 300
_BARS: Mapping[str, Statistic] = {
    "hit_rate": "hit_rate", "true_positive_rate": "hit_rate",
    "correct_rejection_rate": "correct_rejection_rate", "true_negative_rate": "correct_rejection_rate",
}  # fmt: skip


class LabelCells(NamedTuple):
    """Counted ratings by group, rater, item, truth and answer, and what the table looked like."""

    rows: list[dict[str, Any]]
    groupings: tuple[str, ...]
    num_duplicates: int
    """Ratings beyond the first of the same rater on the same item."""
    num_contradictions: int
    """Pairs of rater and item with both answers."""


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


def label_cells(table: pl.LazyFrame, decision: Decision, *, where: str) -> LabelCells:
    """Ratings counted by group, rater, item, truth and answer.

    Raises:
        InputError: If a column is missing or its values cannot be read.
    """
    columns = decision.columns
    unit = columns.cluster or columns.item
    require(table, {columns.label, columns.gold, columns.rater, columns.item, unit, *decision.groups}, where=where)
    schema = table.collect_schema()
    parsed = {
        name: binary(name, schema, columns.positive, distinct(table, name), where=where).alias(f"__{role}")
        for role, name in (("label", columns.label), ("gold", columns.gold))
    }
    frame, groupings = with_groups(table.with_columns(*parsed.values()), decision)
    pairs = (
        frame.group_by(columns.rater, columns.item)
        .agg(n=pl.len(), answers=pl.col("__label").drop_nulls().n_unique())
        .select((pl.col("n") - 1).sum().alias("again"), (pl.col("answers") > 1).sum().alias("both"))
        .collect()
    )
    keys = [*groupings, columns.rater, unit, "__gold", "__label"]
    counted = frame.group_by(list(dict.fromkeys(keys))).agg(count=pl.len()).sort(list(dict.fromkeys(keys))).collect()
    rows = [
        {
            "groups": {name: row[name] for name in groupings},
            "rater": _text(row[columns.rater]),
            "item": _text(row[unit]),
            "gold": row["__gold"],
            "label": row["__label"],
            "right": None if None in (row["__gold"], row["__label"]) else int(row["__gold"] == row["__label"]),
            "count": row["count"],
        }
        for row in counted.iter_rows(named=True)
    ]
    if not rows:
        raise InputError.at(where, None, "has no rows; an audit needs some")
    return LabelCells(rows, groupings, int(pairs.item(0, "again")), int(pairs.item(0, "both")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def audit_labels(cells: LabelCells, decision: Decision, source: Input) -> LabelAudit:
    """Signal detection by group, contrasts with the mean of the other groups, and verdicts where a margin was decided."""
    groups: list[Group] = []
    levels: list[Evidence] = []
    contrasts: list[Evidence] = []
    findings: list[Finding] = []
    for grouping in cells.groupings:
        one = _Grouping(cells.rows, grouping, decision, source)
        groups += one.groups()
        levels += one.levels()
        gaps, found = one.gaps()
        contrasts += gaps
        findings += [*found, *one.trade_offs(), *one.bars()]
    return LabelAudit(groups, levels, contrasts, adjusted(findings))


class _Grouping:
    """One grouping of the ratings: its arms, what can be estimated of them, and where the evidence points."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], grouping: str, decision: Decision, source: Input) -> None:
        self.grouping, self.decision = grouping, decision
        self.all = sorted({row["groups"][grouping] for row in rows})
        if len(self.all) > _MOST_GROUPS:
            raise InputError(
                f"The column {grouping!r} has {len(self.all)} groups; signal detection by group needs ratings of signal and of "
                f"noise in each and takes at most {_MOST_GROUPS}. Name coarser groups in the decision record."
            )
        self.rows = rows
        self.names = [name for name in self.all if not is_missing(name)] or self.all
        kept = [row for row in rows if row["groups"][grouping] in set(self.names)]
        self.ratings = _ratings(kept, grouping, self.names)
        self.found: Trading = trading(self.ratings, len(self.names))
        self.sampled: Sampled = SAMPLED[decision.generalise_to]
        self.unscored = {
            name: num_unscored_in([_row(row) for row in rows if row["groups"][grouping] == name]) for name in self.all
        }
        where = {f"groups.{grouping}": self.names}
        self.input = source.model_copy(update={"where": where})
        # An arm can be contrasted where both truths occur in it.
        self.full = [code for code in range(len(self.names)) if self.found.totals[code].all()]

    def groups(self) -> list[Group]:
        """Every group that occurs, the missing one too."""
        out: list[Group] = []
        for name in self.all:
            mine = [row for row in self.rows if row["groups"][self.grouping] == name]
            of = {1: 0, 0: 0}
            for row in mine:
                if row["label"] is not None and row["gold"] is not None:
                    of[row["gold"]] += row["count"]
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
            "score": "label", "label": "gold", "cluster": "rater", "cluster_b": "item", "count": "count",
            "arm": f"groups.{self.grouping}", "statistic": statistic, "of": self.names[arm], "sampled": sampled or self.sampled,
        }  # fmt: skip
        if statistic in ("log_cost_ratio", "excess_criterion"):
            params["cost_ratio"] = self.decision.costs_of(self.names[arm]).ratio
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
        slices = {"grouping": self.grouping, "group": self.names[arm]}
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
        return [self._evidence(s, arm, level=level)[0] for arm in range(len(self.names)) for s in statistics]

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
        """Each group against the minimum quality of service. All groups passing needs no correction: every one must."""
        out: list[Finding] = []
        for name, bar in self.decision.minimum.items():
            if name not in _BARS:
                continue
            for arm in range(len(self.names)):
                row, _ = self._evidence(_BARS[name], arm, level=1 - 2 * self.decision.alpha)  # one-sided at alpha
                verdict = above(row.low, row.high, bar)
                more = _bar_times_more(row, bar, self.decision) if verdict == "not enough data" else None
                out.append(
                    Finding(kind="bar", measure=name, grouping=self.grouping, group=self.names[arm], evidence=row, margin=bar,
                            verdict=verdict, times_more=more, reason="" if row.n else "no such rating in this group")
                )  # fmt: skip
        return out

    def _finding(self, kind: Any, measure: str, row: Evidence, estimate: Any, margin: float) -> Finding:
        verdict: Verdict = within(row.low, row.high, margin)
        more = None
        p = 2 * NORMAL.cdf(-abs(estimate.value) / estimate.error) if np.isinf(estimate.df) else _student_p(estimate)
        if verdict == "not enough data" and row.low is not None and row.high is not None:
            half = (row.high - row.low) / 2
            more = times_more(
                estimate.value, half, margin, critical=max(half / estimate.error, 1.0), power=self.decision.power
            )
        return Finding(
            kind=kind, measure=measure, grouping=self.grouping, group=self.names[row_arm(self.names, row)], evidence=row,
            margin=margin, verdict=verdict, p=p, times_more=more,
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
    critical = critical_t(1 - 2 * decision.alpha, df=10_000)
    return times_more(row.value, (row.high - row.low) / 2, bar, critical=critical, power=decision.power)


def _row(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {"score": cell["label"], "label": cell["gold"], "count": cell["count"]}


def _ratings(cells: Sequence[Mapping[str, Any]], grouping: str, names: Sequence[str]) -> Ratings:
    """Arrays of the cells that have an answer and a truth."""
    kept = [cell for cell in cells if cell["label"] is not None and cell["gold"] is not None]
    arms = {name: code for code, name in enumerate(names)}

    def codes(key: str) -> Any:
        texts = np.array([repr(i if c[key] is None else (c[key],)) for i, c in enumerate(kept)])
        return np.unique(texts, return_inverse=True)[1].astype(np.int64)

    def integers(values: list[int]) -> Any:
        return np.array(values, dtype=np.int64)

    return Ratings(
        arm=integers([arms[cell["groups"][grouping]] for cell in kept]),
        truth=integers([cell["gold"] for cell in kept]),
        yes=integers([cell["label"] for cell in kept]),
        times=np.array([float(cell["count"]) for cell in kept]),
        rater=codes("rater"),
        item=codes("item"),
    )


__all__ = ["Group", "LabelAudit", "LabelCells", "audit_labels", "label_cells", "rate_interval"]
