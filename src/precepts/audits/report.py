"""An audit as one document: JSON for programs, Markdown and one HTML page for people, a table for the terminal.

The order is that of the argument: is there enough data; what was found; verdicts; what remains to be decided, and by whom.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from precepts.audits.decision import Decision
from precepts.audits.freeze import Frozen
from precepts.audits.raters import Rater
from precepts.audits.verdicts import Finding
from precepts.types import Evidence

_HERE = Path(__file__).parent
TITLES: Mapping[str, str] = {
    "hit_rate": "hit rate", "correct_rejection_rate": "correct rejections", "dprime": "d′", "criterion": "criterion c",
    "log_cost_ratio": "ln revealed / decided cost ratio", "excess_criterion": "c less optimal c", "cost_ratio": "ln cost ratio",
    "base_rate": "outcome rate", "calibration": "over-prediction", "threshold_outcome": "over-prediction at the threshold",
    "auc": "AUC", "selection_rate": "selection rate", "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate", "precision": "precision", "accuracy": "accuracy",
    "calibration_slope": "calibration slope", "ecce": "ECCE",
}  # fmt: skip

_FURTHER = (
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
    "_gap_corrected": " gap, gold corrected", "_corrected": ", gold corrected", "_gap_without_gold": " gap, no gold",
    "_without_gold": ", no gold", "_gap": " gap",
}  # fmt: skip


class Report(NamedTuple):
    """Everything that is shown of an audit."""

    kind: str
    source: str
    decision: Decision
    frozen: Frozen
    notes: list[str]
    """What a reader must know first: duplicates, bins, suppression, what could not be computed."""
    groups: list[dict[str, Any]]
    levels: list[Evidence]
    contrasts: list[Evidence]
    findings: list[Finding]
    raters: list[Rater]

    def document(self) -> dict[str, Any]:
        """The audit as one JSON document."""
        return {
            "v": 1, "audit": self.kind, "source": self.source, "decision": self.decision.model_dump(mode="json"),
            "decision_sha256": self.frozen.sha256, "frozen_at": self.frozen.at, "notes": self.notes, "groups": self.groups,
            "levels": [row.model_dump(mode="json") for row in self.levels],
            "gaps": [row.model_dump(mode="json") for row in self.contrasts],
            "findings": [row.model_dump(mode="json") for row in self.findings],
            "raters": [row.model_dump(mode="json") for row in self.raters],
            "verdicts": self.counts(), "open_questions": open_questions(self),
        }  # fmt: skip

    def counts(self) -> dict[str, int]:
        """How many findings have each verdict."""
        verdicts = ("within margin", "outside margin", "not enough data")
        return {verdict: sum(one.verdict == verdict for one in self.findings) for verdict in verdicts}


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


def open_questions(report: Report) -> list[str]:
    """What the numbers cannot answer and somebody has to: normative, so named and not settled here."""
    decision = report.decision
    questions: list[str] = []
    counts = report.counts()
    if counts["outside margin"]:
        questions.append(
            f"{counts['outside margin']} findings lie outside the margins decided. Why, and what follows, is for {decision.escalate_to}."
        )
    if counts["not enough data"]:
        questions.append(
            f"{counts['not enough data']} questions of the record cannot be answered with these data. Is more to be collected, "
            "or is deciding without it acceptable?"
        )
    if report.kind == "model":
        questions.append(
            "Are the outcomes themselves measured alike in every group? An audit of a model takes them as true."
        )
        rates = {r.slice["grouping"]: [] for r in report.levels}
        for row in report.levels:
            if row.claim == "audit/model/base_rate" and row.low is not None:
                rates[row.slice["grouping"]].append(row)
        for grouping, rows in rates.items():
            if len(rows) > 1 and max(r.low or 0 for r in rows) > min(r.high or 1 for r in rows):
                questions.append(
                    f"Outcome rates differ between groups of {grouping}: error rates then differ under an even-handed threshold "
                    "too (infra-marginality). They are description here; should any of them bind?"
                )
    else:
        questions.append("Is the gold label right for every group? Everything here is measured against it.")
        if decision.prevalence is None:
            questions.append(
                "No prevalence was decided, so each group's own share of signal in this sample was used for revealed costs. "
                "Is it the share that raters meet?"
            )
    return questions


def part_of(row: Evidence) -> str:
    """The stage, class or cut that a number is of, in words; empty where there is but one."""
    return ", ".join(f"{key} {value}" for key, value in row.slice.items() if key not in ("grouping", "group", "rater"))


def level_table(report: Report, grouping: str, part: str = "") -> tuple[list[str], list[list[str]]]:
    """Header and rows: one row a group, one column a measure."""
    rows = [row for row in report.levels if row.slice["grouping"] == grouping and part_of(row) == part]
    claims = list(dict.fromkeys(row.claim for row in rows))
    by_group: dict[str, dict[str, Evidence]] = {}
    for row in rows:
        by_group.setdefault(row.slice["group"], {})[row.claim] = row
    header = ["group", *(title(claim.rsplit("/", 1)[1]) for claim in claims)]
    body = [[name, *(interval(found[c]) if c in found else "–" for c in claims)] for name, found in by_group.items()]
    return header, body


def finding_table(findings: Sequence[Finding]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the verdicts."""
    header = ["grouping", "group", "measure", "kind", "value", "margin or bar", "n", "p (BH)", "verdict", "to decide"]
    body = [
        [
            one.grouping, one.group, ", ".join(filter(None, [title(one.measure), part_of(one.evidence)])), one.kind,
            interval(one.evidence, sign=one.kind != "bar"),
            f"{'' if one.kind == 'bar' else '±'}{number(one.margin)}", f"{one.evidence.n:,}",
            "–" if one.p_bh is None else f"{one.p_bh:.2g}" if one.p_bh > 1e-99 else "< 1e-99", one.verdict, more(one),
        ]
        for one in findings
    ]  # fmt: skip
    return header, body


def gap_table(rows: Sequence[Evidence]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of gaps that get no verdict."""
    header = ["grouping", "group", "measure", "rater", "value", "n"]
    return header, [
        [row.slice["grouping"], row.slice["group"], title(row.claim.rsplit("/", 1)[1]), row.slice.get("rater", "–"),
         interval(row, sign=True), f"{row.n:,}"]
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
    """Header and rows of data sufficiency."""
    header = list(groups[0]) if groups else []
    return [name.replace("num_", "").replace("_", " ") for name in header], [
        ["–" if v is None else f"{v:,}" if isinstance(v, int) and not isinstance(v, bool) else f"{v:.3f}" if isinstance(v, float)
         else ("yes" if v else "no") if isinstance(v, bool) else str(v) for v in group.values()]
        for group in groups
    ]  # fmt: skip


def sections(report: Report) -> list[dict[str, Any]]:
    """The tables of the page in its order: heading, a sentence, header, rows."""
    tables = list(dict.fromkeys((row.slice["grouping"], part_of(row)) for row in report.levels))
    percent = f"{100 * (1 - report.decision.alpha):g} %"
    out: list[dict[str, Any]] = [
        _section(
            "Is there enough data?",
            "Every group that occurs, the small and the missing ones too.",
            group_table(report.groups),
        )
    ]
    what = "What raters do, by" if report.kind == "labels" else "Calibration, discrimination and decisions, by"
    for grouping, part in tables:
        heading = f"{what} {grouping}{f': {part}' if part else ''}"
        out.append(_section(heading, f"One by one, {percent} intervals.", level_table(report, grouping, part)))
    if report.raters:
        text = "Raters whose rate in a group differs from the other raters' in the same group."
        out.append(_section("Raters to look at", text, rater_table(report.raters)))
    if further := [row for row in report.contrasts if row.claim.endswith(_FURTHER)]:
        text = f"Gaps under other ideas of the raters or of the truth, one by one, {percent} intervals. They get no verdict."
        out.append(_section("Gaps in another light", text, gap_table(further)))
    text = (
        "A gap is a group against the others, a trade-off a group against what was decided, a bar a minimum. Intervals of gaps hold "
        f"at once at {percent} within a grouping (max-statistic)."
    )
    out.append(_section("Verdicts", text, finding_table(report.findings)))
    return out


def _section(heading: str, text: str, table: tuple[list[str], list[list[str]]]) -> dict[str, Any]:
    return {"heading": heading, "text": text, "header": table[0], "rows": table[1]}


def markdown(report: Report) -> str:
    """The audit as Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    decision = report.decision
    out = [
        f"# Audit of {report.kind}: {report.source}", "", f"**{decision.question}**", "",
        f"Principle: {decision.principle.replace('_', ' ')}. Decided by {decision.decided.by} on {decision.decided.on}; frozen "
        f"{report.frozen.at}, sha256 `{report.frozen.sha256[:16]}`. Sampling: {decision.sampling}.", "",
        ", ".join(f"{number} {verdict}" for verdict, number in report.counts().items()) + ".", "",
        *(f"- {note}" for note in report.notes), "",
    ]  # fmt: skip
    for section in sections(report):
        out += [f"## {section['heading']}", "", section["text"], ""]
        if section["rows"]:
            out += [line(section["header"]), line(["---"] * len(section["header"])), *map(line, section["rows"]), ""]
        else:
            out += ["Nothing.", ""]
    out += ["## Open normative questions", "", *(f"- {question}" for question in open_questions(report)), ""]
    out += ["## Escalate to", "", decision.escalate_to, ""]
    return "\n".join(out)


def html(report: Report) -> str:
    """The audit as one page, everything that came from data escaped."""
    return _template().render(
        report=report, decision=report.decision, sections=sections(report), questions=open_questions(report), counts=report.counts(),
    )  # fmt: skip


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("audit.html.j2")
