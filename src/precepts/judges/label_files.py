"""Files of labels as flat rows: CSV, JSONL, or a Label Studio export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from precepts.errors import InputError

EXAMPLE = '{"id": "a1", "prompt": "…", "answer": "…", "label": "refuse", "rater": "ann"}'
"""A row, for messages."""


def read_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Rows of a file of labels with their line (or task number): flat objects, whichever format they came in.

    Raises:
        InputError: If the file cannot be read as its suffix says.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError.at(path, None, "not UTF-8. Save the file as UTF-8.") from None
    suffix = path.suffix.lower()
    if suffix == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""))
        for row in reader:
            fields = {key: value for key, value in row.items() if key and value is not None}
            if any(value.strip() for value in fields.values()):
                yield reader.line_num, fields
    elif suffix == ".json":
        yield from _label_studio(path, text)
    elif suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, _object(path, number, line)
    else:
        raise InputError.at(path, None, "labels end in .csv, .jsonl or .json (a Label Studio export); rename the file")


def _object(path: Path, number: int, line: str) -> Mapping[str, object]:
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError.at(path, number, f"not JSON ({error}). Write one object a line: {EXAMPLE}") from None
    if not isinstance(row, dict):
        raise InputError.at(path, number, f"not a JSON object. Write one object a line: {EXAMPLE}")
    return cast("Mapping[str, object]", row)


def _label_studio(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The rows of a Label Studio export, JSON or JSON-MIN: one for each annotation that was not cancelled.

    In JSON the label is the first choice of an annotation; its own answer fields are those of the task's `data`.
    """
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError.at(path, None, f"not JSON ({error}). Export from Label Studio as JSON or JSON-MIN.") from None
    if not isinstance(found, list):
        raise InputError.at(path, None, "a Label Studio export is a list of tasks. Export as JSON or JSON-MIN.")
    for number, task in enumerate(cast("list[object]", found), 1):
        if not isinstance(task, dict):
            raise InputError.at(path, None, f"task {number} is no object. Export as JSON or JSON-MIN.")
        row = cast("dict[str, object]", task)
        annotations, data = row.get("annotations"), row.get("data")
        if not isinstance(annotations, list) or not isinstance(data, dict):
            yield number, row
            continue
        fields = {"id": row.get("id"), **cast("dict[str, object]", data)}
        done = [cast("dict[str, object]", a) for a in cast("list[object]", annotations) if isinstance(a, dict)]
        for annotation in done:
            if not annotation.get("was_cancelled"):
                yield number, {**fields, "rater": _who(annotation), "label": _choice(annotation)}


def _who(annotation: Mapping[str, object]) -> str:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        person = cast("dict[str, object]", by)
        by = person.get("email") or person.get("id")
    return str(by) if by is not None else ""


def _choice(annotation: Mapping[str, object]) -> object:
    results = annotation.get("result")
    for result in cast("list[object]", results) if isinstance(results, list) else []:
        value = cast("dict[str, object]", result).get("value") if isinstance(result, dict) else None
        if isinstance(value, dict):
            choices = cast("dict[str, object]", value).get("choices")
            if isinstance(choices, list) and choices:
                return cast("list[object]", choices)[0]
    return None


def text_of(row: Mapping[str, object], keys: Sequence[str]) -> str | None:
    """The first of these fields that holds anything, as text."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, str | int) and str(value).strip():
            return str(value)
    return None
