"""From an Evidence row back to its number: select the rows it names, estimate again, say what differs.

Options of an Evidence row (`params`) that say how rows are read, all optional:

| option | meaning |
|---|---|
| `score`, `score_b`, `score_c`, `label`, `cluster`, `arm`, `group`, `fold` | the key in the file; `scores.refused` enters an object |
| `join` | key, or list of keys, on which two or three inputs are paired: arm, baseline, ceiling |
| `positive` | value, or list of values, of the label that count as 1 |

Without `join` the rows of all inputs stand one after another; of exactly two, the first is `arm` a and the second b.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from precepts.errors import InputError, PreceptsError
from precepts.stats.registry import Params, estimate
from precepts.stats.rows import ROW_KEYS, Row, same_value
from precepts.stats.tables import Tables
from precepts.types import Evidence, Input, Metric

_ARMS = ("score", "score_b", "score_c")


def select_rows(
    inputs: Sequence[Input], *, root: Path, params: Params | None = None, tables: Tables | None = None
) -> list[Row]:
    """The rows that an estimator reads, with the keys of `precepts.stats.rows`.

    A record without a value where `params` points has None there, and so has a joined row whose pair is absent: both
    are unscored.

    Args:
        inputs: JSONL files, their digests and which records of them; see `matches` for `where`.
        root: The directory that the paths are relative to.
        params: Options as in the module docstring; others are ignored.
        tables: Files of `root` that were read before, for many rows of evidence of the same files.

    Raises:
        MissingError: If a file is not there.
        DigestError: If a file is not the recorded one.
        InputError: If a path leaves `root`, a line is not a JSON object, no selected record has a key that `params`
            names, or a key to join on is absent or occurs twice.
    """
    options = params or {}
    keep, files = _first_keys(options), tables or Tables(root)
    read = [files.read(one, keep | _where_keys(one)).select(keep, one.where, matches) for one in inputs]
    if options.get("join") is not None:
        return _joined(inputs, read, options)
    rows: list[Row] = []
    for position, (one, records) in enumerate(zip(inputs, read, strict=True)):
        fields = _fields(records, _keys(options), one.path, named=options)
        if len(read) == 2 and "arm" not in options:
            fields = [{**row, "arm": "ab"[position]} for row in fields]
        rows.extend(fields)
    return rows


def recompute(evidence: Evidence, *, root: Path, tables: Tables | None = None) -> Metric:
    """The Metric that the evidence's estimator gives for the evidence's inputs, params, seed and level.

    Raises:
        PreceptsError: As `select_rows` and `estimate`.
    """
    rows = select_rows(evidence.inputs, root=root, params=evidence.params, tables=tables)
    return estimate(evidence.estimator, rows, params=evidence.params, seed=evidence.seed, level=evidence.level)


def verify(evidence: Evidence, *, root: Path, tables: Tables | None = None) -> list[str]:
    """What differs between the evidence and its recomputation, one sentence per field; empty if nothing does.

    Numbers may differ by one part in 10⁹. A file that is missing or changed is named instead of the fields.
    `tables` are files of `root` that stay as they are: they are read once for all evidence that is verified with them.
    """
    try:
        again = recompute(evidence, root=root, tables=tables)
    except PreceptsError as error:
        return [f"inputs: {error}"]
    return [
        f"{field}: the evidence says {getattr(evidence, field)}, its inputs give {getattr(again, field)}"
        for field in ("value", "low", "high", "n", "n_unscored", "unit")
        if not _agree(getattr(evidence, field), getattr(again, field))
    ]


def matches(record: Mapping[str, object], where: Mapping[str, object]) -> bool:
    """Whether a record passes an equality filter.

    Every key of `where`, a dot entering an object, must hold the value given, or one of them if a list is given. An
    absent key reads as null; true is not 1.
    """
    for key, wanted in where.items():
        found = lookup(record, key)
        allowed = cast("list[object]", wanted) if isinstance(wanted, list) else [wanted]
        if not any(same_value(found, one) for one in allowed):
            return False
    return True


def lookup(record: Mapping[str, object], key: str) -> object:
    """The value at a key, or at a path of keys joined by dots, a whole key first; None where there is none."""
    if key in record:
        return record[key]
    head, dot, rest = key.partition(".")
    inner = record.get(head)
    return lookup(cast("Mapping[str, object]", inner), rest) if dot and isinstance(inner, Mapping) else None


def tables_for(evidence: Iterable[Evidence], *, root: Path) -> Tables:
    """Tables below `root` that keep of each file what these rows of evidence read."""
    wanted: dict[str, frozenset[str]] = {}
    for row in evidence:
        keys = _first_keys(row.params)
        for one in row.inputs:
            wanted[one.path] = wanted.get(one.path, frozenset()) | keys | _where_keys(one)
    return Tables(root, wanted)


def _where_keys(one: Input) -> frozenset[str]:
    """The keys of a record that a filter can lead to."""
    return frozenset(name for key in one.where for name in (key, key.partition(".")[0]))


def _first_keys(options: Params) -> frozenset[str]:
    """The keys of a record that the options can lead to: of a path `scores.refused`, itself and `scores`."""
    given = [*ROW_KEYS, *(options.get(key) for key in ROW_KEYS), options.get("join")]
    flat = [key for one in given for key in (cast("list[object]", one) if isinstance(one, list) else [one])]
    names = [key for key in flat if isinstance(key, str)]
    return frozenset([*names, *(name.partition(".")[0] for name in names)])


def _keys(options: Params) -> dict[str, str]:
    """Where each row key is found in a record: where the options say, else under its own name."""
    keys: dict[str, str] = {}
    for row_key in ROW_KEYS:
        given = options.get(row_key, row_key)
        if not isinstance(given, str):
            raise InputError(f"The option {row_key} is the name of a key, such as scores.refused; got {given!r}.")
        keys[row_key] = given
    return keys


def _fields(records: Sequence[Row], keys: Mapping[str, str], path: str, *, named: Params) -> list[Row]:
    """Each record with row keys only; a row key no record has is left out, unless it was named, which is an error."""
    kept = {row_key: key for row_key, key in keys.items() if _has(records, key)}
    for row_key in named:
        if records and row_key in keys and row_key not in kept:
            raise InputError.at(path, None, f"no selected record has {keys[row_key]!r}, which is to be the {row_key}")
    return [{row_key: lookup(record, key) for row_key, key in kept.items()} for record in records]


def _has(records: Sequence[Row], key: str) -> bool:
    """Whether a record has the key or path at all, null or not."""
    head, dot, rest = key.partition(".")
    for record in records:
        if key in record:
            return True
        if dot and head in record:
            inner = record[head]
            # A judge that failed leaves its object empty or null; if all failed, the key is unscored and not misspelt.
            if not inner or (isinstance(inner, Mapping) and _has([cast("Row", inner)], rest)):
                return True
    return False


def _joined(inputs: Sequence[Input], tables: Sequence[Sequence[Row]], options: Params) -> list[Row]:
    """One row per value of the join key in any input; what an input lacks is None."""
    join = options["join"]
    join_keys = [join] if isinstance(join, str) else join
    if not (isinstance(join_keys, list) and all(isinstance(key, str) for key in cast("list[object]", join_keys))):
        raise InputError(f"The option join is the name of a key, or a list of names; got {join!r}.")
    if not 2 <= len(inputs) <= len(_ARMS):
        raise InputError(f"The option join pairs two or three inputs: arm, baseline, ceiling; got {len(inputs)}.")
    keys = _keys(options)
    shared = {key: keys[key] for key in ("label", "cluster", "group", "fold")}
    arms = _ARMS[: len(inputs)]
    rows: dict[str, dict[str, object]] = {}
    for arm, one, records in zip(arms, inputs, tables, strict=True):
        source = keys[arm] if arm in options else keys["score"]
        named = {"score": source, **{key: options[key] for key in shared if key in options and arm == "score"}}
        fields = _fields(records, {"score": source, **shared}, one.path, named=named)
        seen: set[str] = set()
        for record, field in zip(records, fields, strict=True):
            values = [lookup(record, key) for key in cast("list[str]", join_keys)]
            if any(value is None for value in values):
                raise InputError.at(one.path, None, f"a selected record has no {join!r} to join on")
            name = json.dumps(values, sort_keys=True)
            if name in seen:
                raise InputError.at(one.path, None, f"{join!r} is {name} in two selected records; narrow `where`")
            seen.add(name)
            row = rows.setdefault(name, {**dict.fromkeys(arms)})
            row[arm] = field["score"]
            for key in shared:
                if row.get(key) is None and field.get(key) is not None:
                    row[key] = field[key]
    return list(rows.values())


def _agree(one: object, other: object) -> bool:
    """Equal, or numbers equal to one part in 10⁹."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return one == other
