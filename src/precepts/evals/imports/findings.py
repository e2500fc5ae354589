"""External red teaming: what people or firms tried and found, a row a conversation, with who they were and what they had access to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precepts.errors import InputError
from precepts.evals.imports.imported import Imported, Stated

REQUIRED = ("id", "team", "access", "state", "outcome")
OPTIONAL = ("checkpoint", "category", "modality", "severity", "date", "session", "source", "note")
OUTCOMES = {"unsafe": 1.0, "safe": 0.0, "unclear": None}
MODALITIES = ("text", "image", "audio")
NO_IMAGE = "image inputs: no conversation with an image was reported, so nothing is measured of them"


def read_findings(path: Path) -> Imported:
    """A CSV or JSONL file of conversations that red teamers had.

    Columns: `id`, `team`, `access` (as API, weights, chat), `state` (as before or after mitigations), `outcome` (unsafe,
    safe, unclear); and, where they
    are known, `checkpoint`, `category`, `modality` (text, image, audio), `severity`, `date`, `session` (conversations of
    one sitting are resampled
    together), `source`, `note`.

    Raises:
        InputError: If the file cannot be read, lacks a column, has one that is unknown, or a value that is none of those allowed.
    """
    rows = [_row(path, number, row) for number, row in _records(path)]
    if len({row["id"] for row in rows}) < len(rows):
        raise InputError.at(path, None, "two rows have the same id; every conversation has one of its own")
    stated: list[Stated] = []
    keys = ("team", "access", "state", "checkpoint")
    for group in sorted({tuple(row[key] for key in keys) for row in rows}):
        where: dict[str, Any] = dict(zip(keys, group, strict=True))
        about = {key: value for key, value in where.items() if value}
        judge = f"people: {where['team']}"
        inside = [row for row in rows if all(row[key] == where[key] for key in keys)]
        for part in ({}, *({"category": c} for c in sorted({r["category"] for r in inside if r["category"]}))):
            stated.append(Stated("unsafe_share", "unsafe", "clustered_wilson@1", {**where, **part}, {**about, **part},
                                 {"cluster": "session"}, judge=judge))  # fmt: skip
            stated.append(
                Stated("findings", "unsafe", "count@1", {**where, **part}, {**about, **part}, judge=judge)
            )  # fmt: skip
        # Said for images whether there are any or not: without one the number is absent, and n = 0 says so.
        stated.append(Stated("unsafe_share", "unsafe", "clustered_wilson@1", {**where, "modality": "image"}, {**about,
        "modality": "image"},
                             {"cluster": "session"}, judge=judge))  # fmt: skip
    missing = () if any(row["modality"] == "image" for row in rows) else (NO_IMAGE,)
    return Imported("external red teaming", None, rows, stated, missing)


def _records(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.at(path, None, f"cannot be read ({error}). Give CSV or JSONL in UTF-8.") from None
    found: list[tuple[int, Mapping[str, Any]]] = []
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found += [(number, dict(json.loads(line)))] if line.strip() else []
            except (ValueError, TypeError) as error:
                raise InputError.at(path, number, f"not a JSON object ({error})") from None
    else:
        found = list(enumerate(csv.DictReader(io.StringIO(text, newline="")), 2))
    if not found:
        raise InputError.at(path, 1, f"there is no row; the columns are {', '.join((*REQUIRED, *OPTIONAL))}")
    return found


def _row(path: Path, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    given = {str(key): "" if value is None else str(value).strip() for key, value in row.items()}
    if unknown := sorted(set(given) - {*REQUIRED, *OPTIONAL}):
        known = ", ".join((*REQUIRED, *OPTIONAL))
        raise InputError.at(path, number, f"unknown column {', '.join(unknown)}; known are {known}")
    if empty := [key for key in REQUIRED if not given.get(key)]:
        what = f"{', '.join(empty)} must be given: a finding without it says nothing of whom or what"
        raise InputError.at(path, number, what)
    outcome, modality = given["outcome"].casefold(), given.get("modality", "").casefold() or "text"
    if outcome not in OUTCOMES or modality not in MODALITIES:
        raise InputError.at(path, number, f"outcome is one of {', '.join(OUTCOMES)} and modality of {', '.join(MODALITIES)}; got "
                            f"{outcome!r:.40} and {modality!r:.40}")  # fmt: skip
    rest = {key: given.get(key, "") for key in (*REQUIRED, *OPTIONAL)}
    return {**rest, "modality": modality, "unsafe": OUTCOMES[outcome], "session": rest["session"] or rest["id"]}
