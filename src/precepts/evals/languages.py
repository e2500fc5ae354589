"""Any suite in other languages, through a supplied table of translations: the same cells, one more for each language that the table has.

The table is a CSV file with the columns `id`, `language`, `text`, and `choices` where a cell has choices (in their order, `
| ` between). `id` is that of
the cell, as `precepts eval SUITE --texts FILE` writes it. What is translated is the last user message; checks by program
and rules stay those of the suite.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai import Task, task_with
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser

from precepts.errors import InputError
from precepts.evals.suite import Suite

ORIGINAL = "original"
"""What rows call the language of the suite's own texts."""
_COLUMNS: tuple[str, ...] = ("id", "language", "text", "choices")
_BETWEEN = " | "


class Translation(NamedTuple):
    """One cell in one language."""

    language: str
    text: str
    choices: tuple[str, ...]


Table = Mapping[str, Sequence[Translation]]


def read_table(path: Path) -> Table:
    """Translations by cell.

    Raises:
        InputError: If the file cannot be read, lacks a column, has an empty text, or says a cell twice in one language.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.at(
            path, None, f"cannot be read ({error}). Give a CSV file with the columns id, language, text."
        ) from None
    if not rows or not {"id", "language", "text"} <= rows[0].keys():
        has = ", ".join(rows[0]) if rows else "no row"
        raise InputError.at(path, 1, f"a translation table has the columns id, language, text; this one has {has}")
    out: dict[str, list[Translation]] = {}
    for number, row in enumerate(rows, 2):
        cell, language, text = (str(row[key] or "").strip() for key in ("id", "language", "text"))
        if not (cell and text and language) or language == ORIGINAL:
            raise InputError.at(
                path, number, f"a row needs an id, a text, and a language that is not called {ORIGINAL!r}"
            )
        if any(one.language == language for one in out.get(cell, ())):
            raise InputError.at(path, number, f"{cell} stands twice in {language}; delete one row")
        choices = tuple(part.strip() for part in (row.get("choices") or "").split("|") if part.strip())
        out.setdefault(cell, []).append(Translation(language, text, choices))
    return out


def translated(task: Task, table: Table, *, suite: str) -> Task:
    """The task with a cell for every translation of one, each right after its original.

    Raises:
        InputError: If no cell of the suite is in the table, or a translation has another number of choices than its cell.
    """
    cells: list[Sample] = []
    found = False
    for sample in task.dataset:
        cells.append(_marked(sample, ORIGINAL))
        if (sample.metadata or {}).get("given") is not None:
            continue  # its text is made already, by a template or by hand: a translation of the request would not be read
        for one in table.get(str(sample.id), ()):
            found = True
            cells.append(_in_language(sample, one))
    if not found:
        first = task.dataset[0].id
        raise InputError(
            f"No cell of the suite {suite} is in the table of translations. Its cells are called like {first!r}; "
            f"precepts eval {suite} --texts FILE writes them all."
        )
    return task_with(task, dataset=MemoryDataset(cells, name=f"{task.dataset.name}, translated"))


def _marked(sample: Sample, language: str) -> Sample:
    metadata: dict[str, Any] = dict(sample.metadata or {})
    return sample.model_copy(
        update={"metadata": {**metadata, "row": {**metadata.get("row", {}), "language": language}}}
    )


def _in_language(sample: Sample, one: Translation) -> Sample:
    if sample.choices and len(sample.choices) != len(one.choices):
        raise InputError(
            f"{sample.id} in {one.language}: the cell has {len(sample.choices)} choices and its translation {len(one.choices)}. "
            f"Write them into the column choices, {_BETWEEN!r} between."
        )
    given = sample.input
    text = one.text if isinstance(given, str) else [*given[:-1], ChatMessageUser(content=one.text)]
    changed: dict[str, Any] = {"id": f"{sample.id}@{one.language}", "input": text}
    if sample.choices:
        changed["choices"] = list(one.choices)
    return _marked(sample, one.language).model_copy(update=changed)


def spoken(suite: Suite) -> Suite:
    """The suite with every claim on the original texts, and again by language: one case in two languages is not two cases."""
    claims = tuple(
        replace(claim, where={**claim.where, "language": ORIGINAL}, by=(*claim.by, "language"))
        for claim in suite.claims
    )
    note = (
        " Rules and checks read English: in other languages they are sound only where they look for words that were not "
        "translated. Use --judge."
    )
    return replace(suite, claims=claims, shows_not=suite.shows_not + note)


def write_texts(tasks: Mapping[str, Task], path: Path, *, limit: int | None) -> int:
    """Writes the texts to be translated, a row a cell, language left empty; returns how many."""
    rows: list[dict[str, str]] = []
    for task in tasks.values():
        for sample in list(task.dataset)[:limit]:
            text = sample.input if isinstance(sample.input, str) else sample.input[-1].text
            rows.append({"id": str(sample.id), "language": "", "text": text, "choices": _BETWEEN.join(sample.choices or ())})  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
