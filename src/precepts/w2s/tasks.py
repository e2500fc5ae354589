"""The registered tasks, and tasks of one's own from a CSV or JSONL file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.data import classification_entry, read_texts
from precepts.data.entry import suggestion
from precepts.errors import InputError, MissingError
from precepts.w2s.examples import Example, Role, Task, checked
from precepts.w2s.sources import INTENTS, PARSERS


class Registered(NamedTuple):
    """What the registry knows of a task: its public set, its classes and what it is for."""

    title: str
    source: str
    parser: str
    classes: tuple[str, ...]
    role: Role = "other"
    note: str = ""


_PAIR = ("first", "second")

TASKS: Mapping[str, Registered] = {
    "utilitarianism": Registered(
        "ETHICS utilitarianism: the more pleasant of two scenarios", "ethics", "utilitarianism", _PAIR, "primary"
    ),
    "movie-reviews": Registered(
        "Movie review snippets: positive or negative", "vader_movie", "movie_reviews", ("negative", "positive"), "primary"
    ),
    "banking": Registered(
        "CLINC150: about one's bank account or not", "clinc150", "banking", ("other", "banking"), "development"
    ),
    "intents": Registered("CLINC150: six intents that share their words", "clinc150", "intents", INTENTS),
    "deontology": Registered(
        "ETHICS deontology: a reasonable excuse or not", "ethics", "deontology", ("unreasonable", "reasonable"), "hard"
    ),
    "justice": Registered(
        "ETHICS justice: a reasonable claim or not", "ethics", "justice", ("unreasonable", "reasonable"), "hard"
    ),
    "virtue": Registered("ETHICS virtue: the trait fits or not", "ethics", "virtue", ("does not fit", "fits"), "hard"),
    "cosmosqa": Registered("CosmosQA made binary: a right answer or not", "cosmosqa", "cosmosqa", ("wrong", "right")),
    "piqa": Registered("PIQA: the way that reaches the goal", "piqa", "piqa", _PAIR),
    "harmless-replies": Registered(
        "HH-RLHF harmless: the preferred of two replies", "hh_single_turn_w2s", "harmless_replies", _PAIR
    ),
    "truthfulness": Registered("TruthfulQA: the best answer against an incorrect one", "truthfulqa", "truthfulness", _PAIR),
    "continuations": Registered("StereoSet: the sentence that goes on from its context", "stereoset", "continuations", _PAIR),
}  # fmt: skip
"""The registered tasks by name. Roles were given before any run of this table."""


def load_task(name: str | Path, *, download: bool = True) -> Task:
    """A registered task by name, or one's own from a `.csv` or `.jsonl` file.

    A file has a column `label` and either `text` or both `first` and `second` (label: which one is better). `group` names rows that
    belong together; `weak` is a label by the weak supervisor, where people are it.

    Raises:
        MissingError: If there is no such task or file.
        InputError: If a row cannot be read, with file and line.
    """
    if str(name) in TASKS:
        found = TASKS[str(name)]
        entry = classification_entry(found.source)
        examples = PARSERS[found.parser](read_texts(entry, download=download))
        return checked(
            Task(str(name), found.title, found.classes, entry.citation, entry.licence, tuple(examples), found.role, found.note)
        )  # fmt: skip
    path = Path(name).expanduser()
    if not path.is_file():
        near = suggestion(str(name), TASKS) or f"; registered are: {', '.join(TASKS)}."
        raise MissingError(f"There is no task and no file {str(name)!r:.80}{near}")
    return checked(_from_file(path))


def _from_file(path: Path) -> Task:
    rows = list(_rows(path))
    if not rows:
        raise InputError.at(path, None, "holds no rows; give a header and a row a line, or JSON lines")
    columns = rows[0][1].keys()
    if "label" not in columns or not ("text" in columns or {"first", "second"} <= columns):
        raise InputError.at(
            path,
            1,
            f"needs `label` and `text`, or `label`, `first` and `second`; it has {', '.join(columns) or 'none'}",
        )
    pairwise = "text" not in columns
    labels = [_text(path, line, row, "label") for line, row in rows]
    names = (
        _PAIR
        if pairwise
        else tuple(sorted(set(labels), key=lambda name: (len(name), name) if name.isdigit() else (99, name)))
    )
    by_label = {name: place for place, name in enumerate(names)} | ({"0": 0, "1": 1} if pairwise else {})
    examples: list[Example] = []
    for (line, row), label in zip(rows, labels, strict=True):
        texts = tuple(_text(path, line, row, key) for key in (("first", "second") if pairwise else ("text",)))
        weak = _written(row.get("weak"))
        for column, given in (("label", label), ("weak", weak)):
            if given and given not in by_label:
                known = ", ".join(by_label)
                raise InputError.at(
                    path, line, f"`{column}` is {given!r}, which is not a label; the labels are {known}"
                )
        group = _written(row.get("group")) or "\n".join(texts).casefold()
        examples.append(Example(texts, by_label[label], group, by_label[weak] if weak else None))
    return Task(path.stem, f"Rows of {path.name}", names, "given by the user", "not stated", tuple(_joined(examples)))


def _joined(examples: Sequence[Example]) -> list[Example]:
    """The rows, those of one text or of one pair, either way round, in one group: nothing is tested on that was trained on."""
    joined: dict[str, str] = {}
    seen: dict[tuple[str, ...], str] = {}

    def first(group: str) -> str:
        while (other := joined.get(group, group)) != group:
            group = other
        return group

    for example in examples:
        texts = tuple(sorted(text.casefold() for text in example.texts))
        one, other = first(seen.setdefault(texts, example.group)), first(example.group)
        joined[other] = one
    return [example._replace(group=first(example.group)) for example in examples]


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Rows with the line that each ends on."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError.at(path, None, "is not UTF-8; save it as UTF-8") from None
    if path.suffix in (".jsonl", ".json"):
        found: list[tuple[int, dict[str, Any]]] = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError.at(path, number, f"not JSON ({error})") from None
            if not isinstance(row, dict):
                raise InputError.at(path, number, "not a JSON object; one object a line is expected")
            found.append((number, row))
        return found
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows: list[tuple[int, dict[str, Any]]] = []
    try:
        for row in reader:
            if any(row.pop(None, ())):
                raise InputError.at(
                    path, reader.line_num, "has more fields than the header; put a text that holds a comma in quotes"
                )
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise InputError.at(path, reader.line_num + 1, f"not CSV ({error}); give JSON lines instead") from None
    return rows


def _text(path: Path, line: int, row: Mapping[str, Any], key: str) -> str:
    text = _written(row.get(key))
    if not text:
        raise InputError.at(path, line, f"`{key}` is empty; fill it or take the row out")
    return text


def _written(value: object) -> str:
    """A value as a CSV would hold it: nothing as an empty text, JSON's true and false as 1 and 0."""
    return "" if value is None else str(int(value) if isinstance(value, bool) else value).strip()
