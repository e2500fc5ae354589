"""What is measured of a model's groups: each measure an estimator of the cells, with the rows and keys that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from precepts.audits.cells import act_at
from precepts.audits.decision import Decision

CLUSTERED: Mapping[str, str] = {
    "group_rate@1": "rate", "calibration_gap@1": "gap", "group_auc@2": "auc", "group_cost@1": "cost",
}  # fmt: skip
"""By estimator the measure of `clustered_group@1` that stands for it where rows come in clusters."""
_OWN_WEIGHTS = ("reliability@1", "group_cost@1", "ecce@1", "recalibration@1")
"""Estimators that take weights themselves; for the others `weighted_group@1` stands where rows have weights."""
_WEIGHTED: Mapping[str, str] = {"group_rate@1": "rate", "calibration_gap@1": "gap", "group_auc@2": "auc"}


class Measure(NamedTuple):
    """A measure as an estimator of the cells: which rows, which keys."""

    name: str
    estimator: str
    score: str
    label: str | None
    where: Mapping[str, Any]
    better: Literal["higher", "lower", "neither"] = "neither"
    statistic: str = ""
    """Which of the estimator's statistics, where it has several."""
    costs: tuple[float, ...] = ()
    """What a wrong act may cost, of a mean cost."""

    @property
    def spreads(self) -> bool:
        """Whether the spread between groups is estimated."""
        return self.estimator in _WEIGHTED

    def weighted(self, decision: Decision) -> str | None:
        """The measure of `weighted_group@1` that stands for this one where rows have weights."""
        return _WEIGHTED.get(self.estimator) if decision.columns.weight is not None else None

    def made(self, decision: Decision) -> tuple[str, dict[str, Any]]:
        """The estimator under this record, and its options: weighted where rows have weights."""
        params: dict[str, Any] = {"score": self.score, "count": "count"}
        if self.label:
            params["label"] = self.label
        if self.statistic:
            params["statistic"] = self.statistic
        if self.costs:
            params["costs"] = list(self.costs)
        if decision.columns.cluster is not None:
            return "clustered_group@1", params | {"cluster": "cluster", "measure": CLUSTERED[self.estimator]}
        if self.estimator in _OWN_WEIGHTS and decision.columns.weight is not None:
            return self.estimator, params | {"score_b": "weight", "score_c": "weight_sq", "weights": "given"}
        if (measure := self.weighted(decision)) is None:
            return self.estimator, params
        params |= {"score_b": "weight", "score_c": "weight_sq", "measure": measure}
        return "weighted_group@1", params


def measures(decision: Decision) -> list[Measure]:
    """What is measured of every group under this record, and contrasted."""
    known: dict[str, Any] = {"outcome": [0, 1]}
    predicted = "score" if decision.score == "probability" else "expected"
    found = [
        Measure("base_rate", "group_rate@1", "outcome", None, {}),
        Measure("calibration", "calibration_gap@1", predicted, "outcome", {}),
        # Ranks are taken over score bins, within which cells of unlike outcomes have unlike means.
        Measure("auc", "group_auc@2", "bin", "outcome", {}, "higher"),
        Measure("selection_rate", "group_rate@1", "decision", None, {}),
        Measure("true_positive_rate", "group_rate@1", "decision", None, {"outcome": 1}, "higher"),
        Measure("false_positive_rate", "group_rate@1", "decision", None, {"outcome": 0}, "lower"),
        Measure("precision", "group_rate@1", "outcome", None, {"decision": 1}, "higher"),
        Measure("accuracy", "group_rate@1", "correct", None, known, "higher"),
    ]
    if decision.score == "probability":
        found.insert(2, Measure("threshold_outcome", "calibration_gap@1", "score", "outcome", {"near": True}))
    elif decision.cut is not None:
        # Near the cut a group's outcomes are set against everyone's at the same ranks.
        found.insert(2, Measure("threshold_outcome", "calibration_gap@1", "expected", "outcome", {"near": True}))
    return [*found, _cost(decision)] if "cost" in decision.margins else found


TRUE_NEGATIVE = Measure("true_negative_rate", "group_rate@1", "rejected", None, {"outcome": 0}, "higher")
"""One less the false positive rate: measured where the record sets a bar for it."""


def _cost(decision: Decision) -> Measure:
    """The mean of what wrong acts cost, by the decided costs."""
    every = [decision.costs_of(group) for group in ("", *decision.costs_by_group)]
    costs = tuple(sorted({cost for one in every for cost in (one.false_positive, one.false_negative)}))
    return Measure("cost", "group_cost@1", "cost", None, {}, "lower", costs=costs)


def described(decision: Decision) -> list[Measure]:
    """What is shown of every group and not contrasted: calibration slope, ECCE, rates at the further thresholds."""
    known, out = {"outcome": [0, 1]}, list[Measure]()
    if decision.score == "probability" and decision.columns.cluster is None:
        out = [Measure("calibration_slope", "recalibration@1", "score", "outcome", known, statistic="slope"),
               Measure("calibration_intercept", "recalibration@1", "score", "outcome", known, statistic="intercept"),
               Measure("ecce", "ecce@1", "score", "outcome", known, "lower", "range"),
               Measure("ecce_sigma", "ecce@1", "score", "outcome", known, "lower", "range_in_sigma")]  # fmt: skip
    for threshold in decision.thresholds:
        act = act_at(threshold)
        out += [
            Measure(f"selection_rate_{act}", "group_rate@1", act, None, {}),
            Measure(f"true_positive_rate_{act}", "group_rate@1", act, None, {"outcome": 1}, "higher"),
            Measure(f"false_positive_rate_{act}", "group_rate@1", act, None, {"outcome": 0}, "lower"),
            Measure(f"precision_{act}", "group_rate@1", "outcome", None, {act: 1}, "higher"),
        ]
    return out if "cost" in decision.margins else [*out, _cost(decision)]


def dispersed(measure: Measure, decision: Decision) -> dict[str, Any]:
    """Options of `dispersion@1` for the spread of a measure between groups."""
    params: dict[str, Any] = {"score": measure.score, "count": "count", "measure": _WEIGHTED[measure.estimator]}
    if measure.label:
        params["label"] = measure.label
    if decision.columns.weight is not None:
        params |= {"score_b": "weight", "score_c": "weight_sq", "weights": "given"}
    return params


def reliability(decision: Decision, stretch: int) -> tuple[Measure, Measure]:
    """A point of the reliability curve: the outcome rate in a stretch of scores, and what was predicted there."""
    predicted, where = "score" if decision.score == "probability" else "expected", {"stretch": stretch}
    return (
        Measure("reliability", "reliability@1", predicted, "outcome", where, statistic="outcome"),
        Measure("reliability_score", "reliability@1", predicted, "outcome", where, statistic="score"),
    )


def kept(row: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Whether a cell is among the rows of a measure."""
    return all(row[key] in value if isinstance(value, list) else row[key] == value for key, value in where.items())
