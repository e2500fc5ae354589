"""An audit as one document: JSON for programs, Markdown and one HTML page for people, a table for the terminal.

The order is that of the argument: is there enough data; what was found; verdicts; what remains to be decided, and by whom.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from precepts.audits.decision import Decision
from precepts.audits.freeze import Frozen
from precepts.audits.label_run import LabelRun
from precepts.audits.model import MOST_CURVES
from precepts.audits.raters import Rater
from precepts.audits.report_curves import curve_table, figures
from precepts.audits.report_tables import (
    FURTHER,
    finding_table,
    gap_table,
    group_table,
    interval,
    level_table,
    number,
    part_of,
    rater_table,
    spread_table,
    title,
)
from precepts.audits.verdicts import Finding
from precepts.types import Evidence

_HERE = Path(__file__).parent


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
    curves: Sequence[Evidence] = ()
    """Points of reliability curves."""
    spreads: Sequence[Evidence] = ()
    """How far groups lie apart in each measure."""
    labels: LabelRun | None = None
    """The audit of those who gave the outcomes, where there was one."""

    def document(self) -> dict[str, Any]:
        """The audit as one JSON document."""
        return {
            "v": 1, "audit": self.kind, "source": self.source, "decision": self.decision.model_dump(mode="json"),
            "decision_sha256": self.frozen.sha256, "frozen_at": self.frozen.at, "notes": self.notes, "groups": self.groups,
            "levels": [row.model_dump(mode="json") for row in self.levels],
            "gaps": [row.model_dump(mode="json") for row in self.contrasts],
            "curves": [row.model_dump(mode="json") for row in self.curves],
            "dispersion": [row.model_dump(mode="json") for row in self.spreads],
            "findings": [row.model_dump(mode="json") for row in self.findings],
            "raters": [row.model_dump(mode="json") for row in self.raters],
            "verdicts": self.counts(), "open_questions": open_questions(self),
            "labels": None if self.labels is None else self.labels.document(),
        }  # fmt: skip

    def counts(self) -> dict[str, int]:
        """How many findings have each verdict."""
        verdicts = ("within margin", "outside margin", "not enough data")
        return {verdict: sum(one.verdict == verdict for one in self.findings) for verdict in verdicts}


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
        questions.append(_of_outcomes(report.labels))
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


def _of_outcomes(labels: LabelRun | None) -> str:
    """What remains to be asked of the outcomes that a model is measured against."""
    if labels is None:
        return "Are the outcomes themselves measured alike in every group? An audit of a model takes them as true; see `--labels`."
    outside, open_ = (labels.verdicts.get(name, 0) for name in ("outside margin", "not enough data"))
    if not outside and not open_:
        return "The labels lie within the margins of their own record. Is that record the right one for outcomes of this model?"
    return (
        f"Of those who gave the labels {outside} findings lie outside their margins and {open_} cannot be decided. What follows takes "
        "these labels as true: which of its verdicts may rest on how people label, and not on the model?"
    )


def _label_sections(labels: LabelRun) -> list[dict[str, Any]]:
    """What an audit of labels found, before anything is measured against these labels."""
    tables = list(dict.fromkeys((row.slice["grouping"], part_of(row)) for row in labels.levels))
    text = (
        f"From the audit of {labels.source} in {labels.path}, under the record {labels.decision_sha256[:16]}, frozen {labels.frozen_at}. "
        "All that follows is measured against such labels."
    )
    out = [
        _section(
            f"Labels, by {grouping}{f', {part}' if part else ''}", text, level_table(labels.levels, grouping, part)
        )
        for grouping, part in tables
    ]
    return [*out, _section("Labels: verdicts", "By the margins of that record.", finding_table(labels.findings))]


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

    out += _label_sections(report.labels) if report.labels is not None else []

    def if_any(heading: str, text: str, table: tuple[list[str], list[list[str]]], **more: Any) -> None:
        if table[1]:
            out.append(_section(heading, text, table) | more)

    for grouping, part in tables:
        by = f"by {grouping}{f', {part}' if part else ''}"
        if report.kind == "labels":
            out.append(
                _section(
                    f"What raters do, {by}",
                    f"One by one, {percent} intervals.",
                    level_table(report.levels, grouping, part),
                )
            )
            text = (
                "Each rate drawn towards what its parts predict, the more the fewer ratings it has. Intervals hold for "
                f"{percent} of groups on average, if ratings are independent: raters and items that differ are not allowed for. "
                "Description; verdicts rest on each group's own ratings."
            )
            pooled = level_table(report.levels, grouping, part, pooled=True)
            if_any(f"Small intersections, partially pooled, {by}", text, pooled)
            continue
        if report.decision.score == "ranking":
            text = f"Who gets how much of the attention that lists give? One by one, {percent} intervals; lists are what was sampled."
            out.append(_section(f"Exposure, {by}", text, level_table(report.levels, grouping, part)))
            continue
        text = f"Is a score the same risk in every group, and does it tell outcomes apart? One by one, {percent} intervals."
        out.append(
            _section(
                f"Calibration and discrimination, {by}", text, level_table(report.levels, grouping, part, scores=True)
            )
        )
        curve = curve_table(report.curves, grouping, part)
        text = (
            "Predicted → came true, in stretches of scores that hold about as many rows each of everyone. Above the diagonal a group is "
            f"under-predicted. The intervals of one curve hold at once at {percent}. Curves are description: they get no verdict."
            + (f" Those of the {MOST_CURVES} largest groups." if len(curve[1]) >= MOST_CURVES else "")
        )
        if_any(f"Reliability curves, {by}", text, curve, figures=figures(report.curves, grouping, part))
        text = (
            "Rates at the threshold: description, as they differ with outcome rates under an even-handed threshold too."
        )
        if_any(f"Decisions, {by}", text, level_table(report.levels, grouping, part, scores=False))
        rests_on = (
            "these."
            if report.decision.pool_intersections
            else "each group's own rows, as the record does not say otherwise."
        )
        text = (
            "The same rates, each drawn towards what its parts predict, the more the fewer rows it has. Intervals hold for "
            f"{percent} of groups on average. Verdicts rest on {rests_on}"
        )
        pooled = level_table(report.levels, grouping, part, pooled=True)
        if_any(f"Small intersections, partially pooled, {by}", text, pooled)
    text = (
        "How far the groups' true values lie apart, sampling noise taken out, groups counting alike; 0 where they differ no more than "
        f"noise makes them. Largest less smallest grows with noise and with the number of groups. One by one, {percent} "
        "intervals; description, no verdict."
    )
    for grouping, part in tables:
        by = f"by {grouping}{f', {part}' if part else ''}"
        if_any(f"Spread between groups, {by}", text, spread_table(report.spreads, grouping, part))
    if report.raters:
        text = "Raters whose rate in a group differs from the other raters' in the same group."
        out.append(_section("Raters to look at", text, rater_table(report.raters)))
    if further := [row for row in report.contrasts if row.claim.endswith(FURTHER)]:
        text = f"Gaps under other ideas of the raters or of the truth, one by one, {percent} intervals. They get no verdict."
        out.append(_section("Gaps in another light", text, gap_table(further)))
    text = (
        "A gap is a group against the others, a trade-off a group against what was decided, a bar a minimum. Intervals of gaps hold "
        f"at once at {percent} within a grouping (max-statistic)."
    )
    out.append(_section("Verdicts", text, finding_table(report.findings)))
    return out


def _section(heading: str, text: str, table: tuple[list[str], list[list[str]]]) -> dict[str, Any]:
    return {"heading": heading, "text": text, "header": table[0], "rows": table[1], "figures": []}


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
        outside=[_line(one) for one in report.findings if one.verdict == "outside margin"],
    )  # fmt: skip


def _line(one: Finding) -> str:
    """A finding in one line of the page's head."""
    what = ", ".join(filter(None, [title(one.measure), part_of(one.evidence)]))
    against = "at least" if one.kind == "bar" else "margin ±"
    value = interval(one.evidence, sign=one.kind != "bar")
    return f"{one.group}: {what} {value}, {against}{' ' if one.kind == 'bar' else ''}{number(one.margin)}"


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
