"""The index of a table: a row a case, with what is filtered by and where its lines stand in the files.

Texts stay in the files: a line is read where it begins when somebody looks at the case. A line that cannot be read is a row too, with the
reason, so that nothing is lost from sight.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import polars as pl

from precepts.serve.tables import Table

VERSION = 2
_WORD = 200
_WORDS = ("case_id", "category", "clause", "asked", "did", "verdict", "topic", "problem")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(_WORDS, pl.String),
    **dict.fromkeys(("kept", "refused"), pl.Float32),
    "num_judgments": pl.UInt16, "judges_differ": pl.Boolean,
    **dict.fromkeys(("completion_at", "score_at", "case_at"), pl.Int64),
}  # fmt: skip
SAID_SCHEMA: dict[str, Any] = {"row": pl.UInt32, "at": pl.Int64}


class Index(NamedTuple):
    """`cases`: a row a case, in the order of the file. `said`: for each judgment the case's row, rising, and where its line begins."""

    cases: pl.DataFrame
    said: pl.DataFrame


def build_index(table: Table, *, on_progress: Callable[[int], None] = lambda _: None) -> Index:
    """Reads a table's files once, line by line.

    Args:
        table: Whose files.
        on_progress: Told the bytes read so far, now and then.
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    places: dict[str, int] = {}
    said_rows: list[int] = []
    said_at: list[int] = []
    first: dict[int, str] = {}
    completions, judgments, scores = table.files

    def place_of(name: str) -> int:
        place = places.get(name)
        if place is None:
            place = places[name] = len(columns["case_id"])
            for column, values in columns.items():
                values.append(_EMPTY[column])
            columns["case_id"][place] = name
        return place

    seen = 0
    for path, kind in ((completions, "completion"), (scores, "score"), (judgments, "judgment")):
        for number, (at, line) in enumerate(_lines(path), start=1):
            seen += len(line)
            if not number % 20_000:
                on_progress(seen)
            row = _object(line)
            if row is None:
                place = place_of(f"{path.name}:{number}")
                columns["problem"][place] = f"{path.name}:{number} is not a JSON object"
                columns["completion_at" if kind != "score" else "score_at"][place] = at if kind != "judgment" else -1
                continue
            place = place_of(_word(row.get("case_id") or row.get("id")) or f"{path.name}:{number}")
            if kind == "judgment":
                _judged(columns, place, row, first)
                said_rows.append(place)
                said_at.append(at)
                continue
            if columns[f"{kind}_at"][place] >= 0:  # one case in two lines: both are kept
                place = place_of(f"{_word(row.get('case_id'))} ({path.name}:{number})")
            columns[f"{kind}_at"][place] = at
            _filled(columns, place, row)
    for at, line in _lines(table.cases) if table.cases else ():
        row = _object(line)
        place = places.get(_word((row or {}).get("id")) or "")
        if row is not None and place is not None:
            columns["case_at"][place] = at
            if columns["category"][place] is None:
                columns["category"][place] = _word(row.get("category"))
    cases = pl.DataFrame(columns, schema=SCHEMA).with_columns(
        pl.col("category", "clause", "asked", "did", "verdict", "topic").cast(pl.Categorical)
    )
    said = pl.DataFrame({"row": said_rows, "at": said_at}, schema=SAID_SCHEMA)
    return Index(cases, said.sort("row", maintain_order=True))


_EMPTY: dict[str, Any] = {
    **dict.fromkeys(_WORDS, None), "kept": None, "refused": None, "num_judgments": 0, "judges_differ": False, "completion_at": -1,
    "score_at": -1, "case_at": -1,
}  # fmt: skip


def _filled(columns: dict[str, list[Any]], place: int, row: dict[str, Any]) -> None:
    """What a completion or a score says of its case; a later file says it where an earlier did not."""
    for name in ("category", "clause", "asked", "did", "verdict", "topic"):
        if (name != "clause" or "asked" in row) and columns[name][place] is None and row.get(name) is not None:
            columns[name][place] = _word(row[name])
    for name in ("kept", "refused"):
        if columns[name][place] is None:
            columns[name][place] = _number(row.get(name))
    if row.get("error") and columns["problem"][place] is None:
        columns["problem"][place] = _word(row["error"])


def _judged(columns: dict[str, list[Any]], place: int, row: dict[str, Any], first: dict[int, str]) -> None:
    """What a judgment says of its case; `first` holds the verdict of the first judgment of each."""
    columns["num_judgments"][place] = min(columns["num_judgments"][place] + 1, 65_535)
    if (verdict := _word(row.get("verdict"))) is not None:
        if columns["did"][place] is None:
            columns["did"][place] = verdict
        if first.setdefault(place, verdict) != verdict:
            columns["judges_differ"][place] = True
    if columns["kept"][place] is None and columns["score_at"][place] < 0:
        columns["kept"][place] = _number(row.get("score"))
    if row.get("error") and columns["problem"][place] is None:
        columns["problem"][place] = _word(row["error"])


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Where each line that is not blank begins, and the line."""
    if not path.is_file():
        return
    at = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield at, line
            at += len(line)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", row) if isinstance(row, dict) else None


def _word(value: object) -> str | None:
    """A short text that a frame can hold: at most 200 characters, half characters replaced."""
    if value is None:
        return None
    return str(value)[:_WORD].encode("utf-8", "replace").decode()


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, bool | int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def line_at(path: Path, at: int) -> dict[str, Any]:
    """The object whose line begins at an offset; with the key `unreadable` alone where it is none."""
    try:
        with path.open("rb") as file:
            file.seek(at)
            line = file.readline()
    except OSError as error:
        return {"unreadable": f"{path.name} cannot be read: {error.strerror}"}
    return _object(line) or {"unreadable": line.decode("utf-8", "replace")}


def stored(table: Table, cache: Path) -> Path:
    """Where the index of a table, as its files stand, is kept."""
    key = json.dumps([VERSION, str(table.path.resolve()), table.stamp])
    return cache / hashlib.sha256(key.encode()).hexdigest()[:24]


def load_index(path: Path) -> Index | None:
    """An index that was kept, if it can be read."""
    try:
        return Index(pl.read_parquet(path / "cases.parquet"), pl.read_parquet(path / "said.parquet"))
    except (OSError, pl.exceptions.PolarsError):
        return None


def keep_index(index: Index, path: Path) -> None:
    """Keeps an index; a directory that cannot be written to is no error, since it is made again."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name, frame in index._asdict().items():
            half = path / f".{name}.{os.getpid()}"
            frame.write_parquet(half)
            half.replace(path / f"{name}.parquet")
    except OSError:
        return
