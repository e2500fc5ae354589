"""Labels that people gave, from CSV, JSONL, a Label Studio export, or a registered set.

A file's rows hold `answer` (or `text`) and `label`, and as they like `id`, `prompt`, `clause`, `category`, `rater`, `split`,
`completion` (the key of the completion that was labelled), `advice` (what another annotator said) and groups (an object in
JSON, columns `group.NAME` in CSV). A row with an empty label is not labelled; an empty answer is an answer. Rows of one id by
several raters are one answer: the majority is its label, and where they are split it has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple, cast

from precepts.data import ENTRIES, LabelledAnswer, LabelledText, load_labelled, load_texts
from precepts.errors import InputError, MissingError
from precepts.judges.judge import Item
from precepts.judges.label_files import EXAMPLE, read_rows, text_of
from precepts.judges.questions import Question, read_word, words_of
from precepts.policy import Policy
from precepts.types import Case, Completion, content_key

DEMO = "demo"
"""The 200 labelled completions of the demo, which ship with the package; read by a language model, not by people."""

_POST = "Write the post that you want published."
"""Stands for the prompt of a text that answers none."""

_ANSWER, _PROMPT, _RATER = ("answer", "text", "completion_text"), ("prompt", "question"), ("rater", "annotator")


class Rating(NamedTuple):
    """One person's word on one answer; `yes` None where it could not be told."""

    rater: str
    yes: bool | None


class Labelled(NamedTuple):
    """An answer with its label; None where the raters are split or nobody labelled it."""

    item: Item
    label: bool | None
    ratings: tuple[Rating, ...] = ()
    split: str | None = None


class Labels(NamedTuple):
    """Labelled answers, what was asked of them, and what the set is called."""

    name: str
    question: Question
    rows: tuple[Labelled, ...]
    notes: tuple[str, ...] = ()
    """What was taken for granted as the file was read."""

    @property
    def digest(self) -> str:
        """Names the content: the same answers and labels, the same digest."""
        return content_key(
            [(r.item.case.model_dump(mode="json"), r.item.completion.answer, r.label, r.ratings) for r in self.rows]
        )


def load_labels(source: str, *, question: Question | None = None, policy: Policy | None = None) -> Labels:
    """Labels of a registered set, of the demo, or of a file.

    Args:
        source: `pyrit_refusal`, `rbr_gold`, `spam_policy`, `teen_safety_policies`, `hatecheck`, `demo`, or a path that ends
            in .csv, .jsonl or .json (Label Studio).
        question: What a file's labels answer; `refused` if not given. A registered set brings its own.
        policy: Finds the clauses that rows name.

    Raises:
        MissingError: If there is no such set or file.
        InputError: If a row cannot be read (`path:line: …`), or the set answers another question.
    """
    if source == DEMO:
        return _of(source, "refused", question, _demo())
    if source in ENTRIES:
        if ENTRIES[source].labelled:
            return _of(source, "refused", question, [_answered(row) for row in load_labelled(source)])
        return _of(source, "broke", question, [_written(row) for row in load_texts(source)])
    path = Path(source).expanduser()
    asked = question or "refused"
    if not path.is_file():
        known = ", ".join([DEMO, *sorted(name for name, e in ENTRIES.items() if e.labelled or e.texts)])
        raise MissingError(
            f"There is no file {path}. Labels are a CSV, JSONL or Label Studio file, or one of: {known}."
        )
    rows = list(read_rows(path))
    return Labels(path.name, asked, tuple(_grouped(path, rows, asked, policy)), _taken(path, rows, asked))


def sample_labels(labels: Labels, *, split: str | None = None, limit: int | None = None) -> Labels:
    """The labels of one split, and at most `limit` of them, chosen by a hash of their ids and kept in order.

    Raises:
        InputError: If none is left.
    """
    rows = [row for row in labels.rows if split is None or row.split == split]
    if not rows:
        known = sorted({row.split for row in labels.rows if row.split})
        raise InputError(f"{labels.name} has no split {split!r}; it has {', '.join(known) or 'none'}.")
    if limit is not None and limit < len(rows):
        chosen = sorted(range(len(rows)), key=lambda i: content_key(rows[i].item.case.id))[:limit]
        rows = [rows[i] for i in sorted(chosen)]
    if not any(row.label is not None for row in rows):
        raise InputError(f"{labels.name}: no answer has a label that its raters agree on. Label some first.")
    name = labels.name + (f" {split}" if split else "") + (f", {limit}" if limit is not None else "")
    return labels._replace(name=name, rows=tuple(rows))


def _of(name: str, own: Question, asked: Question | None, rows: Sequence[Labelled]) -> Labels:
    if asked is not None and asked != own:
        raise InputError(f"{name} says of its answers whether they {own}, not whether they {asked}.")
    return Labels(name, own, tuple(rows))


def _answered(row: LabelledAnswer) -> Labelled:
    case = row.case.model_copy(update={"category": row.details.get("category"), "source": row.id.split("/")[0]})
    if wanted := row.details.get("response_type"):
        case = case.model_copy(update={"groups": {"wanted": wanted}})
    return Labelled(_item(case, row.answer), row.refused, split=row.split)


def _written(row: LabelledText) -> Labelled:
    case = Case.model_validate(
        {"id": row.id, "prompt": row.prompt or _POST, "category": row.category, "groups": row.groups}
    )
    ratings = tuple(Rating(name, yes) for name, yes in row.raters.items())
    return Labelled(_item(case, row.text), row.broke, ratings)


def _demo() -> list[Labelled]:
    text = (resources.files("precepts.judges") / "demo_labels.jsonl").read_text("utf-8")
    return [
        Labelled(
            _item(
                Case.model_validate(
                    {"id": f"{row['case_id']}/{row['arm']}", "prompt": row["prompt"], "groups": {"arm": row["arm"]}}
                ),
                row["answer"],
            ),
            row["label"] == "refuse",
        )
        for row in map(json.loads, text.splitlines())
    ]


def _item(case: Case, answer: str, key: str | None = None) -> Item:
    completion = Completion(
        key=key or content_key(case.id, answer), case_id=case.id, model="labelled", text=answer, answer=answer
    )
    return Item(case, completion, category=case.category)


def _grouped(
    path: Path, rows: Iterable[tuple[int, Mapping[str, object]]], question: Question, policy: Policy | None
) -> list[Labelled]:
    first: dict[str, tuple[int, Mapping[str, object]]] = {}
    ratings: dict[str, list[Rating]] = {}
    for number, row in rows:
        answer, prompt = text_of(row, _ANSWER), text_of(row, _PROMPT)
        if answer is None and not any(isinstance(row.get(key), str) for key in _ANSWER):
            raise InputError.at(path, number, f"`answer` is missing. A row is such as {EXAMPLE}")
        named = next((str(row[key]) for key in ("id", "case_id") if row.get(key) not in (None, "")), None)
        row_id = named or content_key(prompt, answer)
        word = row.get("label")
        yes = None if word is None or not str(word).strip() else read_word(word, question)
        if yes is None and word is not None and str(word).strip():
            raise InputError.at(
                path, number, f"label {str(word)!r:.40} is no answer to `{question}`. Write {words_of(question)}."
            )
        there = first.setdefault(row_id, (number, row))
        if text_of(there[1], _ANSWER) != answer:
            raise InputError.at(path, number, f"the id {row_id!r:.60} is that of line {there[0]}, with another answer")
        if yes is not None:
            ratings.setdefault(row_id, []).append(Rating(text_of(row, _RATER) or "", yes))
    if not first:
        raise InputError.at(path, None, f"holds no labelled answer. A row is such as {EXAMPLE}")
    return [_one(path, number, row, key, ratings.get(key, []), policy) for key, (number, row) in first.items()]


def _taken(path: Path, rows: Iterable[tuple[int, Mapping[str, object]]], question: Question) -> tuple[str, ...]:
    """A note where answers stand in another field than `answer`: a file of anything has a `text`."""
    held = {next((key for key in _ANSWER if text_of(row, (key,)) is not None), _ANSWER[0]) for _, row in rows}
    others = " and ".join(f"`{key}`" for key in _ANSWER[1:] if key in held)
    said = {"refused": "it refused", "broke": "it broke the policy"}[question]
    return (f"{path.name}: {others} was taken as the answer, and `label` as whether {said}",) if others else ()


def _one(
    path: Path, number: int, row: Mapping[str, object], row_id: str, ratings: Sequence[Rating], policy: Policy | None
) -> Labelled:
    groups = {key[6:]: str(value) for key, value in row.items() if key.startswith("group.") and value != ""}
    given = row.get("groups")
    if isinstance(given, dict):
        groups |= {str(k): str(v) for k, v in cast("dict[object, object]", given).items()}
    case = Case.model_validate(
        {
            "id": row_id,
            "prompt": text_of(row, _PROMPT) or _POST,
            "category": text_of(row, ("category",)),
            "groups": groups,
        }
    )
    item = _item(case, text_of(row, _ANSWER) or "", text_of(row, ("completion",)))
    if clause := text_of(row, ("clause",)):
        if policy is None:
            item = item._replace(case=case.model_copy(update={"clauses": (clause,)}))
        else:
            try:
                item = item._replace(clause=policy.clause(clause))
            except InputError as error:
                raise InputError.at(path, number, str(error)) from None
    if advice := text_of(row, ("advice",)):
        item = item._replace(advice=(advice,))
    return Labelled(item, majority([r.yes for r in ratings]), tuple(ratings), text_of(row, ("split",)))


def majority(votes: Sequence[bool | None]) -> bool | None:
    """What more than half of the votes cast say; None where there is no vote or they are split."""
    cast_votes = [vote for vote in votes if vote is not None]
    yes = sum(cast_votes)
    return None if 2 * yes == len(cast_votes) else 2 * yes > len(cast_votes)
