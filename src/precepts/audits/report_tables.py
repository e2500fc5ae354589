"""The numbers of an audit as tables of text, for pages and terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from precepts.audits.raters import Rater
from precepts.audits.verdicts import SPREADS, Finding
from precepts.types import Evidence

TITLES: Mapping[str, str] = {
    "hit_rate": "hit rate", "correct_rejection_rate": "correct rejections", "dprime": "d′", "criterion": "criterion c",
    "false_alarm_rate": "false alarms",
    "log_cost_ratio": "ln revealed / decided cost ratio", "excess_criterion": "c less optimal c", "cost_ratio": "ln cost ratio",
    "base_rate": "outcome rate", "calibration": "over-prediction", "threshold_outcome": "over-prediction at the threshold",
    "auc": "AUC", "selection_rate": "selection rate", "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate", "precision": "precision", "accuracy": "accuracy", "cost": "cost per case",
    "calibration_slope": "calibration slope", "calibration_intercept": "calibration intercept", "ecce": "ECCE",
    "ecce_sigma": "ECCE in σ (1.6 by chance)", "exposure_share": "share of exposure", "item_share": "share of items",
    "merit_share": "share of merit", "exposure_per_item_share": "exposure over items", "exposure_per_merit_share": "exposure over merit",
    "exposure_representation": "exposure less items", "exposure_merit": "exposure less merit",
}  # fmt: skip

FURTHER = (
    "_gap_typical_rater",
    "_gap_without_rater",
    "_of_rater",
    "_gap_corrected",
    "_gap_without_gold",
    "counterfactual_gap",
)
"""Ends of the claims of gaps that get no verdict of their own."""
_SUFFIXES: Mapping[str, str] = {
    "_gap_typical_rater": " gap, typical rater", "_gap_without_rater": " gap without the rater", "_of_rater": " of the rater",
    "_pooled_gap": " gap, pooled", "_pooled": ", pooled",
    "_gap_corrected": " gap, gold corrected", "_corrected": ", gold corrected", "_gap_without_gold": " gap, no gold",
    "_without_gold": ", no gold", "_gap": " gap",
}  # fmt: skip


def number(value: float | None, *, sign: bool = False) -> str:
    """A number as people write it; a dash where there is none."""
    if value is None:
        return "–"
    return (
        f"{value:{'+' if sign else ''}.2f}"
        if abs(value) >= 0.095 or value == 0
        else f"{value:{'+' if sign else ''}.3f}"
    )


def interval(row: Evidence, *, sign: bool = False) -> str:
    """`0.12 [0.03, 0.21]`, or the value alone where the rows cannot tell its interval."""
    if row.unit == "suppressed":
        return row.unit
    if row.low is None or row.high is None:
        return number(row.value, sign=sign)
    return f"{number(row.value, sign=sign)} [{number(row.low, sign=sign)}, {number(row.high, sign=sign)}]"


def more(finding: Finding) -> str:
    """How much more data would decide, in words."""
    if finding.reason:
        return finding.reason
    if finding.verdict != "not enough data":
        return ""
    if finding.times_more is None:
        return "the value lies on the margin"
    return "more than 100 × the data" if finding.times_more > 100 else f"about {finding.times_more:.1f} × the data"


def title(measure: str) -> str:
    """The name of a measure for people."""
    if measure in TITLES:
        return TITLES[measure]
    for suffix, words in _SUFFIXES.items():
        if measure.endswith(suffix):
            return title(measure.removesuffix(suffix)) + words
    if "_at_" in measure:
        name, _, threshold = measure.partition("_at_")
        return f"{title(name)} at {threshold.replace('_', '.')}"
    return measure.replace("_", " ")


_NO_PART = ("grouping", "group", "rater", "stretch")


def part_of(row: Evidence) -> str:
    """The stage, class or cut that a number is of, in words; empty where there is but one."""
    return ", ".join(f"{key} {value}" for key, value in row.slice.items() if key not in _NO_PART)


_CALIBRATION = (
    "base_rate",
    "calibration",
    "threshold_outcome",
    "calibration_slope",
    "calibration_intercept",
    "ecce",
    "ecce_sigma",
    "auc",
    "mean_error",
    "mean_absolute_error",
)
"""Measures of scores; the others of a model are of decisions."""


def level_table(
    levels: Sequence[Evidence], grouping: str, part: str = "", *, scores: bool | None = None, pooled: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: one row a group, one column a measure; only those of scores, of decisions, or pooled, if asked for."""
    rows = [row for row in levels if row.slice["grouping"] == grouping and part_of(row) == part]
    rows = [row for row in rows if row.claim.endswith("_pooled") is pooled]
    if scores is not None:
        rows = [row for row in rows if (row.claim.rsplit("/", 1)[1] in _CALIBRATION) is scores]
    claims = list(dict.fromkeys(row.claim for row in rows))
    by_group: dict[str, dict[str, Evidence]] = {}
    for row in rows:
        by_group.setdefault(row.slice["group"], {})[row.claim] = row
    header = ["group", *(title(claim.rsplit("/", 1)[1].removesuffix("_pooled")) for claim in claims)]
    body = [[name, *(interval(found[c]) if c in found else "–" for c in claims)] for name, found in by_group.items()]
    return header, body


def _size(row: Evidence) -> str:
    return "–" if row.unit == "suppressed" else f"{row.n:,}"


def finding_table(findings: Sequence[Finding]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the verdicts."""
    order = ("outside margin", "not enough data", "within margin")
    findings = sorted(findings, key=lambda one: order.index(one.verdict))
    header = ["grouping", "group", "measure", "kind", "value", "margin or bar", "n", "p (BH)", "verdict", "to decide"]
    body = [
        [
            one.grouping, one.group, ", ".join(filter(None, [title(one.measure), part_of(one.evidence)])), one.kind,
            interval(one.evidence, sign=one.kind != "bar"),
            f"{'' if one.kind == 'bar' else '±'}{number(one.margin)}", _size(one.evidence),
            "–" if one.p_bh is None else f"{one.p_bh:.2g}" if one.p_bh > 1e-99 else "< 1e-99", one.verdict, more(one),
        ]
        for one in findings
    ]  # fmt: skip
    return header, body


def spread_table(spreads: Sequence[Evidence], grouping: str, part: str = "") -> tuple[list[str], list[list[str]]]:
    """Header and rows: one row a measure, the standard deviation between groups and the unbiased variance."""
    rows = [row for row in spreads if row.slice["grouping"] == grouping and part_of(row) == part]
    by: dict[str, dict[str, Evidence]] = {}
    for row in rows:
        name = row.claim.rsplit("/", 1)[1]
        end = next(end for end in SPREADS.values() if name.endswith(end))
        by.setdefault(name.removesuffix(end), {})[end] = row
    sd, variance = SPREADS.values()
    return ["measure", "standard deviation between groups", "variance between groups, unbiased", "n"], [
        [
            title(name),
            interval(of[sd]),
            "–" if (value := of[variance].value) is None else f"{value:.2g}",
            f"{of[sd].n:,}",
        ]
        for name, of in by.items()
    ]


def gap_table(rows: Sequence[Evidence]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of gaps that get no verdict."""
    header = ["grouping", "group", "measure", "rater", "value", "n"]
    return header, [
        [row.slice["grouping"], row.slice["group"], title(row.claim.rsplit("/", 1)[1]), row.slice.get("rater", "–"),
         interval(row, sign=True), _size(row)]
        for row in rows
    ]  # fmt: skip


def rater_table(raters: Sequence[Rater]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of raters that stand out."""
    header = ["rater", "group", "measure", "rate", "n", "other raters", "elsewhere", "p (BH)"]
    body = [
        [one.rater, one.group, title(one.measure), interval(one.evidence), f"{one.evidence.n:,}", number(one.others),
         number(one.elsewhere), f"{one.p_bh:.2g}"]
        for one in raters
    ]  # fmt: skip
    return header, body


def group_table(groups: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of data sufficiency; a count that is 0 in every group, or a column without a value, is left out."""
    merged = [_with_interval(group) for group in groups]
    named = [key for key in (merged[0] if merged else ()) if any(group[key] not in (None, 0) for group in merged)]
    kept = [key for key in named if key != "contrasted" or not all(group[key] for group in merged)]
    return [name.replace("num_", "").replace("_", " ") for name in kept], [
        [_cell(group[key]) for key in kept] for group in merged
    ]


def _with_interval(group: Mapping[str, Any]) -> dict[str, Any]:
    """The group with its share and the share's limits in one."""
    if "share" not in group:
        return dict(group)
    limits = f"{number(group['share'])} [{number(group['low'])}, {number(group['high'])}]"
    return {key: limits if key == "share" else value for key, value in group.items() if key not in ("low", "high")}


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if isinstance(value, float) else str(value)
