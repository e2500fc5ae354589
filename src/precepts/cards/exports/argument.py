"""The card as a safety case: claims, and under each the evidence that it rests on, in LTAC text.

LTAC (Lightweight Text Assurance Case, Argevide, version 1.1) is read by tools that draw it in the notations of assurance cases (GSN, SACM,
CAE). A claim whose gate failed is marked `defeated`, one whose evidence does not suffice `needsSupport`: the argument says no more than
the card.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from precepts.cards.arms import arm_of, set_of
from precepts.cards.claims import claim_of
from precepts.cards.context import Card
from precepts.cards.decide import GateResult, Verdict
from precepts.cards.decide.scorecard import CategoryScore, Scorecard
from precepts.cards.figures import interval_text, value_text
from precepts.cards.recompute import evidence_id
from precepts.cards.sections import section_of
from precepts.cards.text import clip
from precepts.types import Evidence

_LONGEST = 400
_MARKS: dict[Verdict, str] = {"pass": "", "fail": "defeated", "insufficient": "needsSupport"}
_CASES = "The cases stand for what people will ask. A rate bounds nothing about prompts that differ from them in kind"
_BRACES = str.maketrans({"{": "❴", "}": "❵"})


@dataclass
class _Element:
    kind: str
    id: str
    text: str
    mark: str = ""
    reference: str = ""
    under: list[_Element] = field(default_factory=list["_Element"])

    def lines(self, depth: int = 0) -> Iterator[str]:
        if self.kind == "Link":
            yield f"{'  ' * depth}- Link {self.id}"
            return
        tail = (f" ({self.reference})" if self.reference else "") + (f" {{{self.mark}}}" if self.mark else "")
        yield f"{'  ' * depth}- {self.kind} {self.id}: {_said(self.text)}{tail}"
        for one in self.under:
            yield from one.lines(depth + 1)


def argument(card: Card) -> str:
    """The argument in LTAC.

    With gates, the top claim is that they pass, and each gate is a claim under it; with a risk policy, so is each of its categories.
    Without either, every section of the card stands as what was measured, and the top claim needs support: numbers alone decide nothing.
    Model text never stands in it: only names, cut and made visible, with the signs that LTAC reads replaced.
    """
    rows = {evidence_id(row): row for row in card.evidence}
    cited: set[str] = set()

    def evidence(ids: Sequence[str]) -> list[_Element]:
        return [_evidence(one, rows.get(one), cited) for one in ids]

    decision = card.decision
    model = card.facts.model or ", ".join(card.models) or "the model"
    policy = f"{card.policy.title}, {card.policy.id} {card.policy.version}"
    strategies: list[_Element] = []
    if decision and decision.gates:
        gates = decision.gates
        claims = [_gate(one, evidence) for one in decision.results]
        about = f"By the gates {gates.id} {gates.version}, each on the unfavourable end of an interval"
        strategies.append(_Element("Strategy", "S-gates", about, under=claims))
        top, mark = (
            f"{model} passes every gate of its release under {policy}",
            _MARKS[decision.verdict or "insufficient"],
        )
    else:
        top, mark = f"What {model} does under {policy} was measured; no gate says what a release needs", "needsSupport"
    if decision and decision.scorecard:
        strategies.append(_scorecard(decision.scorecard, evidence))
    if not strategies:
        strategies.append(_sections(card, evidence))
    case = _Element("Claim", "C-release", top, mark)
    case.under = [
        _Element("Context", "X-policy", f"The policy {policy}, decided by {card.policy.decided_by}", reference="policy.yaml"),
        _Element("Context", "X-day", f"Verdicts of {decision.on.isoformat() if decision else card.facts.when or 'no day'}", reference="card.json"),
        _Element("Assumption", "A-cases", _CASES),
        *([_Element("Assumption", "A-limits", " / ".join(card.facts.limits))] if card.facts.limits else []),
        *strategies,
    ]  # fmt: skip
    return "\n".join(case.lines()) + "\n"


def _gate(result: GateResult, evidence: Callable[[Sequence[str]], list[_Element]]) -> _Element:
    found = evidence(result.evidence)
    mark = _MARKS[result.verdict] or ("" if found else "needsSupport")
    return _Element("Claim", f"G-{_id(result.gate)}", f"{result.gate}: {result.line}", mark, under=found)


def _scorecard(card: Scorecard, evidence: Callable[[Sequence[str]], list[_Element]]) -> _Element:
    about = f"By the risk policy {card.policy} {card.version}: the worst indicator gives the category, the worst category the whole"
    return _Element("Strategy", "S-risk", about, under=[_category(one, evidence) for one in card.categories])


def _category(score: CategoryScore, evidence: Callable[[Sequence[str]], list[_Element]]) -> _Element:
    ids = list(dict.fromkeys(one for reading in score.readings for one in reading.evidence))
    text = f"{score.title} is {score.text('pre')} before mitigation and {score.text('post')} after"
    complete = all(score.complete.values())
    return _Element(
        "Claim", f"R-{_id(score.category)}", text, "" if complete and ids else "needsSupport", under=evidence(ids)
    )


def _sections(card: Card, evidence: Callable[[Sequence[str]], list[_Element]]) -> _Element:
    claims: list[_Element] = []
    for section in card.coverage:
        ids = [
            evidence_id(row)
            for row in card.evidence
            if section_of(row.claim) == section.section and set(row.slice) <= {"arm", "set", "suite"}
        ]
        claims.append(
            _Element(
                "Claim",
                f"M-{_id(section.section)}",
                f"{section.title}: {section.asks or 'measured'}",
                "needsSupport",
                under=evidence(ids),
            )
        )
    return _Element(
        "Strategy", "S-sections", "By the sections of a system card, those without evidence named", under=claims
    )


def _evidence(name: str, row: Evidence | None, cited: set[str]) -> _Element:
    if name in cited:
        return _Element("Link", f"E-{name}", "")
    cited.add(name)
    if row is None:
        return _Element("Evidence", f"E-{name}", "a row of evidence", reference="evidence.jsonl")
    where = ", ".join(f"{key} {value}" for key, value in sorted(row.slice.items()) if key not in ("arm", "set"))
    of = (
        f"{arm_of(row)} on {set_of(row)}"
        + (f", {where}" if where else "")
        + (f", minus {row.baseline}" if row.baseline else "")
    )
    text = f"{claim_of(row.claim).label} of {of}: {value_text(row)} {interval_text(row)}, n {row.n:,}, {row.n_unscored:,} unscored, {row.estimator}"
    return _Element("Evidence", f"E-{name}", text, reference=f"evidence.jsonl, card.html#e-{name}")


def _id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:60]


def _said(text: str) -> str:
    """One line in which no sign opens an option, and whose end is not read as a reference."""
    line = clip(text, _LONGEST).translate(_BRACES).strip() or "–"
    return f"{line}." if line.endswith(")") else line
