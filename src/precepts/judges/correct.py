"""A rate as a judge saw it, and corrected: raw, Rogan-Gladen from a judge card, prediction-powered from labels of the rated rows.

Rogan-Gladen promises: on the rated rows the judge errs as often, given the truth, as on the card's. Prediction-powered promises:
the labelled rows are a random sample of the rated ones. Which promise holds is for the person who asks; both are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.errors import InputError
from precepts.judges.card import JudgeCard, counts_of
from precepts.judges.labels import Labelled
from precepts.judges.measure import filled
from precepts.judges.questions import Question
from precepts.runs import file_digest
from precepts.stats import prediction_powered, rogan_gladen, split_labelled
from precepts.types import Evidence, Input, content_key

RATED, CARD_ROWS = "rated.jsonl", "card_rows.jsonl"

_COLUMNS: dict[Question, tuple[str, ...]] = {"refused": ("call", "refused"), "broke": ("call", "broke", "kept")}


class Rate(NamedTuple):
    """One way to give the rate, and what keeps it from being given or is to be known of it."""

    evidence: Evidence
    why: str | None = None


def rated_rows(
    rows: Sequence[Mapping[str, Any]], question: Question, labels: Sequence[Labelled] = ()
) -> list[dict[str, Any]]:
    """Rated rows as the estimators read them: id, call, and the label where the row has one.

    A row's call is its `call`, or its column `refused`; for `broke` its column `broke`, or `kept` below one half. A label is
    joined by its completion's key, else by its case's id if it is not known to be of another answer to the case.

    Raises:
        InputError: If no row has such a column, or no label is of a rated row.
    """
    column = next((key for key in _COLUMNS[question] if any(key in row for row in rows)), None)
    if column is None:
        raise InputError(
            f"No row says whether the answer {question}: none has a column {' or '.join(_COLUMNS[question])}. "
            "Give a table of scores, or another --question."
        )
    if labels and all(one.label is None for one in labels):
        raise InputError("No answer has a label that its raters agree on. Fill in `label` first.")
    by_key = {one.item.completion.key: one for one in labels}
    by_case = {one.item.case.id: one for one in labels}
    out: list[dict[str, Any]] = []
    joined = 0
    for number, row in enumerate(rows):
        row_id = next((str(row[key]) for key in ("case_id", "id") if row.get(key) not in (None, "")), str(number))
        found = by_key.get(str(row.get("completion"))) or by_case.get(row_id)
        label = found.label if found and not _of_another(row, found) else None
        joined += label is not None
        out.append(
            {"id": row_id, "call": _call(row.get(column), column), "label": None if label is None else int(label)}
        )
    if labels and not joined:
        first = labels[0].item.case.id
        raise InputError(
            f"None of the {len(labels)} labelled answers is among the rated rows; the first is {first!r:.60}."
        )
    return out


def _of_another(row: Mapping[str, Any], labelled: Labelled) -> bool:
    """Whether a label is known to be of another answer than the row's: another model answered the same case otherwise."""
    case, completion = labelled.item.case, labelled.item.completion
    if row.get("completion") == completion.key:
        return False
    if "answer" in row:
        # A spreadsheet may have changed line ends and outer blanks.
        return str(row["answer"]).split() != completion.answer.split()
    # Without a key in the label's file nothing says which completion it is of.
    named = completion.key != content_key(case.id, completion.answer)
    return named and row.get("completion") is not None


def _call(value: object, column: str) -> int | None:
    if value is None or not isinstance(value, int | float) or value == 0.5:
        return None
    return int((value < 0.5) if column == "kept" else (value > 0.5))


class Rating(NamedTuple):
    """What the rates of one table have in common."""

    root: Path
    name: str
    question: Question
    judge: str
    model: str
    policy: str | None
    slice: Mapping[str, str]


def rates(
    about: Rating, rows: Sequence[Mapping[str, Any]], card: JudgeCard | None, card_rows: Sequence[dict[str, Any]]
) -> list[Rate]:
    """The raw rate, and each correction that was asked for, from the tables in `about.root`.

    A correction that cannot be had has no value and says why; it is never left out in silence.
    """
    rated = Input(path=RATED, sha256=file_digest(about.root / RATED))
    out = [Rate(_evidence(about, "raw", "wilson@1", {"score": "call"}, (rated,)))]
    if card is not None:
        known = Input(path=CARD_ROWS, sha256=file_digest(about.root / CARD_ROWS))
        params = {"score": "call", "label": "label"}
        evidence = _evidence(about, "rogan_gladen", "rogan_gladen@1", params, (rated, known))
        calls = [row["call"] for row in rows if row["call"] is not None]
        made = rogan_gladen(sum(calls), len(calls), counts_of(list(card_rows)))
        out.append(Rate(evidence, made.why))
    if any(row["label"] is not None for row in rows):
        evidence = _evidence(about, "prediction_powered", "ppi@1", {"score": "call", "label": "label"}, (rated,))
        columns = split_labelled([{"score": row["call"], "label": row["label"]} for row in rows])
        out.append(Rate(evidence, prediction_powered(*columns[:3]).why))
    return out


def _evidence(about: Rating, how: str, estimator: str, params: dict[str, Any], inputs: tuple[Input, ...]) -> Evidence:
    return filled(
        Evidence(
            claim=f"judge/{about.question}_rate_{how}", slice={"of": about.name, **about.slice}, value=None, n=0, better="neither",
            estimator=estimator, params=params, inputs=inputs, model=about.model, policy=about.policy, judge=about.judge,
        ),
        root=about.root,
    )  # fmt: skip
