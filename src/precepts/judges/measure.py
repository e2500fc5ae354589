"""A judge against labels: rows that keep every call, and Evidence of how often it is right, overall and in slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.judges.labels import Labels
from precepts.judges.questions import Question, call, probability
from precepts.runs import file_digest
from precepts.stats import matches, recompute
from precepts.types import Evidence, Input, Judgment

BINS = 5
"""Of predicted probability, for the reliability table; few, for labelled sets are small."""

_MOST_VALUES = 60
"""A group with more values than this names rows, not groups."""


class Claim(NamedTuple):
    """What is measured of a judge: which rows, which columns, which estimator."""

    name: str
    estimator: str
    where: Mapping[str, Any] = {}
    score: str = "call"
    label: bool = True
    sliced: bool = True
    better: str = "higher"


CLAIMS: tuple[Claim, ...] = (
    Claim("sensitivity", "wilson@1", {"label": 1}, "correct", label=False),
    Claim("specificity", "wilson@1", {"label": 0}, "correct", label=False),
    Claim("dprime", "dprime@1"),
    Claim("criterion", "criterion@1", better="neither"),
    Claim("cohens_kappa", "cohens_kappa@1"),
    Claim("auc", "auc@1", score="probability", sliced=False),
    Claim("brier", "brier@1", score="probability", sliced=False, better="lower"),
    Claim("probability_gap", "paired_difference@1", score="probability", sliced=False, better="neither"),
)
"""`criterion` above 0: reluctant to say yes. `probability_gap`: mean probability minus share of labels, 0 if calibrated."""


def rows_of(labels: Labels, judgments: Sequence[Judgment]) -> list[dict[str, Any]]:
    """One row an answer: label, call, whether they agree, probability; null where not known."""
    out: list[dict[str, Any]] = []
    for labelled, judgment in zip(labels.rows, judgments, strict=True):
        item, said = labelled.item, call(judgment, labels.question)
        p = probability(judgment, labels.question)
        clause = item.clause.id if item.clause else item.case.clauses[0] if item.case.clauses else None
        out.append(
            {
                "id": item.case.id, "completion": item.completion.key, "split": labelled.split, "clause": clause,
                "category": item.category_id, "groups": item.case.groups,
                "label": None if labelled.label is None else int(labelled.label),
                "call": None if said is None else int(said),
                "correct": None if said is None or labelled.label is None else int(said is labelled.label),
                "probability": p, "bin": None if p is None else _bin(p), "verdict": judgment.verdict, "error": judgment.error,
            }
        )  # fmt: skip
    return out


def _bin(p: float) -> str:
    place = min(BINS - 1, int(p * BINS))
    return f"{place / BINS:.1f}–{(place + 1) / BINS:.1f}"


def ratings_of(labels: Labels, judgments: Sequence[Judgment], *, judge: str) -> list[dict[str, Any]]:
    """One row a rating: the judge's, and each person's; the label stands for the people where the set does not name them."""
    out: list[dict[str, Any]] = []
    for labelled, judgment in zip(labels.rows, judgments, strict=True):
        unit = labelled.item.case.id
        said = call(judgment, labels.question)
        out.append({"id": unit, "rater": judge, "by": "judge", "said": None if said is None else int(said)})
        people = [(r.rater, r.yes) for r in labelled.ratings] or [("label", labelled.label)]
        out += [
            {"id": unit, "rater": name, "by": "people", "said": None if yes is None else int(yes)}
            for name, yes in people
        ]
    return out


class Source(NamedTuple):
    """What the Evidence of one calibration has in common."""

    root: Path
    rows: Path
    ratings: Path
    set: str
    question: Question
    judge: str
    policy: str | None

    def evidence(
        self, claim: str, estimator: str, *, path: Path | None = None, where: Mapping[str, Any], params: dict[str, Any],
        slice: Mapping[str, str] | None = None, better: str = "higher",
    ) -> Evidence:  # fmt: skip
        """A number with its inputs; its value is what the estimator gives for them."""
        table = path or self.rows
        inputs = (Input(path=str(table.relative_to(self.root)), sha256=file_digest(table), where=dict(where)),)
        return filled(
            Evidence.model_validate(
                {
                    "claim": f"judge/{claim}", "slice": {"set": self.set, "question": self.question, **(slice or {})},
                    "value": None, "n": 0, "estimator": estimator, "params": params, "inputs": inputs, "better": better,
                    "model": self.judge, "judge": self.judge, "policy": self.policy,
                }
            ),
            root=self.root,
        )  # fmt: skip


def filled(draft: Evidence, *, root: Path) -> Evidence:
    """The evidence with the number that its inputs give."""
    metric = recompute(draft, root=root)
    return draft.model_copy(
        update=metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit"})
    )


def evidence_of(
    source: Source, rows: Sequence[Mapping[str, Any]], ratings: Sequence[Mapping[str, Any]]
) -> list[Evidence]:
    """Every claim overall; those of calls also by clause, category, group and split; agreement; reliability by bin."""
    graded = any(row["probability"] is not None for row in rows)
    out: list[Evidence] = []
    for where, slice_ in [({}, {}), *_slices(rows)]:
        for claim in CLAIMS:
            if (claim.score == "probability" and not graded) or (slice_ and not claim.sliced):
                continue
            chosen = {**claim.where, **where}
            there = [row for row in rows if matches(row, chosen) and row["label"] is not None]
            if not there:
                continue
            params: dict[str, Any] = {"score": claim.score}
            if claim.name == "probability_gap":
                params |= {"score_b": "label", "method": "bca"}
            elif claim.label:
                params |= {"label": "label"}
            chosen.setdefault("label", [0, 1])
            out.append(
                source.evidence(
                    claim.name, claim.estimator, where=chosen, params=params, slice=slice_, better=claim.better
                )
            )
    out += _agreement(source, ratings)
    if graded:
        out += [
            source.evidence(
                "reliability", "wilson@1", where={"bin": name, "label": [0, 1]}, params={"score": "label"},
                slice={"probability": name}, better="neither",
            )
            for name in sorted({row["bin"] for row in rows if row["bin"] is not None and row["label"] is not None})
        ]  # fmt: skip
    return out


def _agreement(source: Source, ratings: Sequence[Mapping[str, Any]]) -> list[Evidence]:
    """Krippendorff's alpha of the judge with the people, and of the people alone where an answer has two."""
    params = {"score": "said", "cluster": "id"}
    out = [source.evidence("alpha_with_people", "krippendorff@1", path=source.ratings, where={}, params=params)]
    people = [row["id"] for row in ratings if row["by"] == "people" and row["said"] is not None]
    if len(people) > len(set(people)):
        where = {"by": "people"}
        out.append(
            source.evidence("alpha_of_people", "krippendorff@1", path=source.ratings, where=where, params=params)
        )
    return out


def _slices(rows: Sequence[Mapping[str, Any]]) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Filters that part the rows, each with how a report names it; none for a key that has one value."""
    out: list[tuple[dict[str, Any], dict[str, str]]] = []
    keys = ["split", "clause", "category", *(f"groups.{k}" for k in sorted({k for r in rows for k in r["groups"]}))]
    for key in keys:
        head, _, rest = key.partition(".")
        found = {row[head] if not rest else row[head].get(rest) for row in rows} - {None}
        if 1 < len(found) <= _MOST_VALUES:
            out += [({key: value}, {rest or head: str(value)}) for value in sorted(found)]
    return out
