"""Freezing a decision record: its digest and date are written before any number is computed, and it then stays.

That a table has the record's columns, and values of their kind, is checked before: a record that fits no table is not frozen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from precepts.audits.decision import Decision
from precepts.errors import DigestError, InputError
from precepts.runs import to_json, write_atomic


class Frozen(NamedTuple):
    """When a record was frozen, under which digest, and whether that was just now."""

    sha256: str
    at: str
    fresh: bool


def frozen_path(path: Path) -> Path:
    """Where the frozen record stands: beside the YAML, `decision.yaml` → `decision.frozen.json`."""
    return path.with_name(f"{path.stem}.frozen.json")


def freeze(decision: Decision, path: Path) -> Frozen:
    """Freezes the record that was read from `path`, or checks that it is still the one that was frozen.

    Raises:
        DigestError: If the record was changed after it was frozen; the message names the keys.
        InputError: If the frozen file cannot be read or written.
    """
    if before := frozen_before(decision, path):
        return before
    target = frozen_path(path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"v": 1, "sha256": decision.digest, "frozen_at": now, "decision": json.loads(to_json(decision))}
    try:
        write_atomic(target, to_json(document, indent=1) + "\n")
    except OSError as error:
        raise InputError.at(target, None, f"the record must be frozen beside its YAML: {error.strerror}") from None
    return Frozen(decision.digest, now, fresh=True)


def frozen_before(decision: Decision, path: Path) -> Frozen | None:
    """When the record that was read from `path` was frozen; None if it was not yet. Errors as of `freeze`; nothing is written."""
    target = frozen_path(path)
    record: dict[str, Any] = json.loads(to_json(decision))
    if target.exists():
        try:
            there: dict[str, Any] = json.loads(target.read_text("utf-8"))
            sha256, at, old = str(there["sha256"]), str(there["frozen_at"]), dict[str, Any](there["decision"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError.at(target, None, f"is not a frozen record ({error}); restore it") from None
        if hashlib.sha256(to_json(old).encode()).hexdigest() != sha256:
            raise DigestError(f"{target}: was edited: its record does not have the digest it states; restore it")
        # A record frozen before a key was known says its default, so what is compared is what both mean.
        try:
            meant = Decision.model_validate(old)
        except ValidationError as error:
            raise InputError.at(
                target,
                None,
                f"holds a record that this version does not know ({error.errors()[0]['msg']}); use the one it was frozen with",
            ) from None
        if meant.digest != decision.digest:
            old = json.loads(to_json(meant))
            changed = ", ".join(sorted(key for key in record.keys() | old.keys() if record.get(key) != old.get(key)))
            raise DigestError(
                f"{path}: changed since it was frozen at {at}: {changed}. Numbers may have been seen since. Restore it; or "
                f"write a new record under a new name with `decided: {{supersedes: {sha256[:12]}}}`."
            )
        return Frozen(sha256, at, fresh=False)
    return None


@contextmanager
def mended_anew(before: Frozen | None) -> Generator[None]:
    """Adds to an error about a table and its record how a record that was frozen `before` is mended; else it is simply corrected."""
    try:
        yield
    except InputError as error:
        if before is None:
            raise
        raise InputError(
            f"{error} The record was frozen at {before.at}: if it must change, write a new one under a new name with "
            f"`decided: {{supersedes: {before.sha256[:12]}}}`."
        ) from None
