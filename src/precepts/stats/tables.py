"""Files of rows, each read once for all the evidence that names it: the keys that are needed, column by column.

A number is made again from the rows of a file; a card makes hundreds from the same file. Equal texts and numbers are held once, so that a
million rows take some hundred bytes each and not thousands.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

from precepts.errors import DigestError, InputError, MissingError, PreceptsError
from precepts.runs import file_digest
from precepts.types import Input

Row = Mapping[str, object]
_ABSENT: Any = object()
_FEW = 4096
_decode = json.JSONDecoder().decode


class Table:
    """The rows of one file: for each key a column, with a mark where a row lacks the key."""

    def __init__(self, digest: str, num_rows: int, columns: Mapping[str, Sequence[object]]) -> None:
        """Made by `Tables`."""
        self.digest, self.num_rows, self._columns = digest, num_rows, columns

    @property
    def keys(self) -> frozenset[str]:
        """The keys that were kept."""
        return frozenset(self._columns)

    def select(
        self, keep: Iterable[str], where: Mapping[str, object], passes: Callable[[Row, Mapping[str, object]], bool]
    ) -> list[Row]:
        """The records that pass the filter, of each the keys to keep, in the file's order."""
        asked = self._taken({name for key in where for name in (key, key.partition(".")[0])})
        kept = self._taken(keep)
        chosen: list[Row] = []
        known: dict[tuple[object, ...], bool] = {}
        for place in range(self.num_rows):
            if asked and not self._passes(asked, place, where, passes, known):
                continue
            chosen.append({key: value for key, column in kept if (value := column[place]) is not _ABSENT})
        return chosen

    def _passes(
        self, asked: Sequence[tuple[str, Sequence[object]]], place: int, where: Mapping[str, object],
        passes: Callable[[Row, Mapping[str, object]], bool], known: dict[tuple[object, ...], bool],
    ) -> bool:  # fmt: skip
        """Whether a row passes; equal values are asked about once, told apart by type since true is not 1."""
        values = [column[place] for _, column in asked]
        key = (*values, *map(type, values))
        try:
            if (held := known.get(key)) is not None:
                return held
        except TypeError:  # an object or a list among the values
            key = None
        row = {name: value for (name, _), value in zip(asked, values, strict=True) if value is not _ABSENT}
        found = passes(row, where)
        if key is not None and len(known) < _FEW:
            known[key] = found
        return found

    def _taken(self, keys: Iterable[str]) -> list[tuple[str, Sequence[object]]]:
        return [(key, self._columns[key]) for key in sorted(set(keys)) if key in self._columns]


class Tables:
    """Files below a directory, the last few of them held.

    Args to `__init__`: the directory that paths are relative to; for each path the keys that will be asked for (others are read again when
    they are); how many files are held.
    """

    def __init__(self, root: Path, wanted: Mapping[str, frozenset[str]] | None = None, *, most: int = 3) -> None:
        """Nothing is read yet."""
        self.root, self._wanted, self._most = root, dict(wanted or {}), most
        self._held: OrderedDict[str, Table] = OrderedDict()

    def read(self, one: Input, keys: frozenset[str]) -> Table:
        """The table of an input, after a check of its digest.

        Raises:
            MissingError: If it is not there.
            DigestError: If it is not the recorded one.
            InputError: If the path leaves the directory, or a line is not a JSON object.
        """
        held = self._held.get(one.path)
        wanted = self._wanted[one.path] = self._wanted.get(one.path, frozenset()) | keys
        if held is None or not keys <= held.keys:
            held = _read(self.root, one.path, wanted, one.sha256)
            self._held[one.path] = held
        self._held.move_to_end(one.path)
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        _same(one.path, held.digest, one.sha256)
        return held


def _read(root: Path, path: str, keys: frozenset[str], sha256: str) -> Table:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise InputError.at(path, None, "an input's path is relative to the evidence's root and stays inside it")
    columns: dict[str, list[object]] = {key: [] for key in sorted(keys)}
    shared: dict[object, object] = {}
    num_rows = 0
    try:
        digest = file_digest(root / path)
        _same(path, digest, sha256)
        with (root / path).open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                for key, value in _record(path, number, line).items():
                    if (column := columns.get(key)) is not None:
                        if len(column) < num_rows:
                            column.extend([_ABSENT] * (num_rows - len(column)))
                        column.append(_held_once(value, shared))
                num_rows += 1
        for column in columns.values():
            column.extend([_ABSENT] * (num_rows - len(column)))
    except OSError as error:
        if isinstance(error, PreceptsError):
            raise
        raise MissingError(f"{path}: cannot be read under {root} ({error.strerror})") from None
    return Table(digest, num_rows, columns)


def _same(path: str, found: str, recorded: str) -> None:
    if found != recorded:
        raise DigestError(f"{path}: changed since the number was made: sha256 is {found}, recorded {recorded}")


def _record(path: str, number: int, line: bytes) -> dict[str, object]:
    try:
        try:
            record: object = _decode(line.decode())
        except ValueError:
            record = json.loads(line)  # other encodings, halves of characters, and the error in its own words
    except ValueError as error:
        raise InputError.at(path, number, f"not JSON ({error})") from None
    if not isinstance(record, dict):
        raise InputError.at(path, number, "not a JSON object")
    return cast("dict[str, object]", record)


def _held_once(value: object, shared: dict[object, object]) -> object:
    """The value, or one equal to it that is held already, of the first few thousand texts and numbers."""
    if type(value) is not str and (
        type(value) is not float or value == 0.0
    ):  # -0.0 is equal to 0.0, and is another number
        return value
    return shared.setdefault(value, value) if len(shared) < _FEW else shared.get(value, value)
