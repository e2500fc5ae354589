"""What the plain audit of labels leaves open: raters pooled by a model, gold that is partial or errs, no gold at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from precepts.audits.decision import Decision
from precepts.audits.label_cells import SAMPLED, LabelCells, View, views
from precepts.audits.raters import Rater
from precepts.audits.tables import is_missing
from precepts.stats import estimate
from precepts.stats.probit_mixed import MOST_EFFECTS
from precepts.types import Evidence, Input

_MOST_POOLED = 6
"""Raters of those that stand out whose pooled deviation is shown."""


class Corrected(NamedTuple):
    """Levels and gaps under another idea of the truth or of the raters, and what a reader must know of it."""

    levels: list[Evidence]
    contrasts: list[Evidence]
    notes: list[str]


class _Cells(NamedTuple):
    rows: Sequence[Mapping[str, Any]]
    grouping: str
    names: list[str]
    decision: Decision
    source: Input
    view: View

    def evidence(
        self, claim: str, estimator: str, statistic: str, of: str, *, against: Sequence[str] = (), seed: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> Evidence:  # fmt: skip
        """One number through the registry, so that it can be made again from the cells."""
        params: dict[str, Any] = {
            "score": self.view.label, "arm": f"groups.{self.grouping}", "cluster": "rater", "cluster_b": "item", "count": "count",
            "statistic": statistic, "of": of, **(extra or {}),
        }  # fmt: skip
        if estimator != "dawid_skene@1":
            params["label"] = self.view.gold
        if against:
            params["against"] = list(against)
        fields = [
            {"score": row[self.view.label], "label": row[self.view.gold], "arm": row["groups"][self.grouping],
             "cluster": row["rater"], "cluster_b": row["item"], "count": row["count"]}
            for row in self.rows
        ]  # fmt: skip
        read = ("score", "label", "arm", "cluster", "cluster_b", "count")
        options = {key: value for key, value in params.items() if key not in read}
        level = 1 - self.decision.alpha
        metric = estimate(estimator, fields, params=options, seed=seed, level=level)
        chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        where = {f"groups.{self.grouping}": self.names}
        return Evidence(
            claim=f"audit/labels/{claim}", slice={"grouping": self.grouping, "group": of}, better="neither", params=params,
            inputs=(self.source.model_copy(update={"where": where}),), model="raters", policy=self.decision.digest, seed=seed,
            baseline="mean of the other groups" if against else None, **chosen,
        )  # fmt: skip


def corrected_labels(cells: LabelCells, decision: Decision, source: Input, raters: Sequence[Rater]) -> Corrected:
    """Every correction that these ratings and this record call for."""
    out = Corrected([], [], [])
    view = views(decision)[0]
    if decision.classes:
        return out
    for grouping in cells.groupings:
        names = sorted({row["groups"][grouping] for row in cells.rows if not is_missing(row["groups"][grouping])})
        kept = [row for row in cells.rows if not is_missing(row["groups"][grouping])]
        one = _Cells(kept, grouping, names, decision, source, view)
        if decision.without_gold:
            _blind(one, out)
            continue
        _pooled(one, out, [rater for rater in raters if rater.grouping == grouping])
        missing = sum(row["count"] for row in kept if row["gold"] is None and row["label"] is not None)
        if missing or decision.gold_accuracy:
            _by_gold(one, out, missing)
    return out


def _pooled(cells: _Cells, out: Corrected, raters: Sequence[Rater]) -> None:
    """Gaps for a typical rater, and each outlying rater's own part, by a probit model with raters within groups."""
    num_raters = len({row["rater"] for row in cells.rows})
    truths = {
        name: {row["gold"] for row in cells.rows if row["groups"][cells.grouping] == name} for name in cells.names
    }
    full = [name for name in cells.names if {0, 1} <= truths[name]]
    if num_raters < 3 or len(full) < 2 or 2 * len(cells.names) + 2 * num_raters * (1 + len(cells.names)) > MOST_EFFECTS:
        return
    for statistic in ("dprime", "criterion"):
        for name in full:
            others = [other for other in full if other != name]
            row = cells.evidence(f"{statistic}_gap_typical_rater", "probit_mixed@1", statistic, name, against=others)
            out.contrasts.append(row)
    for rater in list(dict.fromkeys((one.rater, one.group) for one in raters if one.group in full))[:_MOST_POOLED]:
        row = cells.evidence("criterion_of_rater", "probit_mixed@1", "criterion", rater[1], extra={"rater": rater[0]})
        out.contrasts.append(
            row.model_copy(update={"slice": {**row.slice, "rater": rater[0]}, "baseline": "the typical rater there"})
        )
        others = [other for other in full if other != rater[1]]
        rest = cells._replace(rows=[one for one in cells.rows if one["rater"] not in (None, rater[0])])
        known = sorted({str(one["rater"]) for one in rest.rows})
        sampled = {"sampled": SAMPLED[cells.decision.generalise_to]}
        for statistic in ("dprime", "criterion"):
            row = rest.evidence(
                f"{statistic}_gap_without_rater", "trade_off@2", statistic, rater[1], against=others, extra=sampled
            )
            source = row.inputs[0].model_copy(update={"where": {**row.inputs[0].where, "rater": known}})
            out.contrasts.append(
                row.model_copy(update={"slice": {**row.slice, "rater": rater[0]}, "inputs": (source,)})
            )
    out.notes.append(
        f"By {cells.grouping}, gaps of a typical rater come from a probit model in which raters differ, overall and within groups: a gap that "
        "one rater makes has a wide interval there. Gaps without a rater leave out one that stands out."
    )


def _by_gold(cells: _Cells, out: Corrected, missing: int) -> None:
    """Levels and gaps with unverified ratings counted by what verified ones say, and a gold label that errs allowed for."""
    accuracy = cells.decision.gold_accuracy
    for statistic in ("hit_rate", "correct_rejection_rate", "dprime", "criterion"):
        for name in cells.names:
            known = accuracy.get(name, accuracy.get("all"))
            extra = {} if known is None else {"sensitivity": known.sensitivity, "specificity": known.specificity}
            out.levels.append(
                cells.evidence(f"{statistic}_corrected", "corrected_detection@1", statistic, name, extra=extra)
            )
            others = [other for other in cells.names if other != name]
            if others and statistic in ("dprime", "criterion") and set(accuracy) <= {"all"}:
                row = cells.evidence(
                    f"{statistic}_gap_corrected", "corrected_detection@1", statistic, name, against=others, extra=extra
                )
                out.contrasts.append(row)
    if missing:
        out.notes.append(
            f"{missing} ratings have no gold label. Corrected values give them the shares of verified ratings with the same answer, which is "
            "right if, given the answer, chance chose what was verified; where an answer was never verified there is no value."
        )
    if accuracy:
        out.notes.append(
            "Corrected values allow for a gold label that errs as the record says, independently of the raters given the truth."
        )


def _blind(cells: _Cells, out: Corrected) -> None:
    """What agreement alone says where there is no gold label."""
    for statistic in ("prevalence", "hit_rate", "correct_rejection_rate", "dprime", "criterion"):
        for name in cells.names:
            out.levels.append(cells.evidence(f"{statistic}_without_gold", "dawid_skene@1", statistic, name))
            others = [other for other in cells.names if other != name]
            if others and statistic in ("dprime", "criterion"):
                row = cells.evidence(f"{statistic}_gap_without_gold", "dawid_skene@1", statistic, name, against=others)
                out.contrasts.append(row)
    out.notes.append(
        f"By {cells.grouping}, there is no gold label: shares come from agreement among raters, by group (Dawid and Skene). A mistake or a "
        "bias that all raters share is not identified and is not in these intervals, so no verdict is given."
    )
