"""The bundle's log: entries that only ever are added, each naming the digest of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from precepts.cards.bundle.finding import Finding
from precepts.errors import InputError
from precepts.runs import to_json, write_atomic
from precepts.types import Frozen

LOG = "log.jsonl"
FIRST = "0" * 64

Event = Literal["built", "signed", "signed_off"]


class Entry(Frozen):
    """What happened: the bundle was built, signed with a key, or signed off by a role.

    `files` holds the digests of the files that the entry speaks of; `prev` that of the line before, `digest` that of
    this entry without it.
    """

    v: Literal[1] = 1
    event: Event
    on: str
    files: dict[str, str]
    role: str = ""
    name: str = ""
    decision: str = ""
    reason: str = ""
    prev: str
    digest: str = ""


def append(path: Path, **fields: object) -> Entry:
    """Adds an entry to a bundle's log.

    Raises:
        InputError: If the log was changed: nothing is added to a broken chain.
    """
    if wrong := check_log(path):
        raise InputError(f"{wrong[0].path}: {wrong[0].what}; nothing is added to a broken log")
    entries = read_log(path)
    draft = Entry.model_validate({**fields, "prev": entries[-1].digest if entries else FIRST})
    entry = draft.model_copy(update={"digest": _digest(draft)})
    text = "".join(to_json(one) + "\n" for one in (*entries, entry))
    write_atomic(path / LOG, text)
    return entry


def read_log(path: Path) -> tuple[Entry, ...]:
    """The entries of a bundle's log that can be read, in order."""
    entries: list[Entry] = []
    for line in _lines(path):
        try:
            entries.append(Entry.model_validate(json.loads(line)))
        except (ValueError, ValidationError):
            break
    return tuple(entries)


def check_log(path: Path) -> list[Finding]:
    """Where the log was changed; empty if it stands. An absent log is empty, which `check_files` tells."""
    prev = FIRST
    for number, line in enumerate(_lines(path), start=1):
        where = f"{LOG}:{number}"
        try:
            entry = Entry.model_validate(json.loads(line))
        except (ValueError, ValidationError):
            return [Finding(where, "changed: not an entry")]
        if to_json(entry).encode() != line or entry.digest != _digest(entry):
            return [Finding(where, "changed since it was written")]
        if entry.prev != prev:
            return [Finding(where, "does not follow the entry before it: one was changed, removed or put in")]
        prev = entry.digest
    data = (path / LOG).read_bytes() if (path / LOG).exists() else b""
    return [Finding(LOG, "changed: its last line is cut")] if data and not data.endswith(b"\n") else []


def _lines(path: Path) -> Sequence[bytes]:
    if not (path / LOG).exists():
        return ()
    lines = (path / LOG).read_bytes().split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def _digest(entry: Entry) -> str:
    return hashlib.sha256(to_json(entry.model_copy(update={"digest": ""})).encode()).hexdigest()
