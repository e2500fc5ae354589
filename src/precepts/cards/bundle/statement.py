"""The in-toto statement of a bundle: the digest of every file, and what the bundle says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from precepts.cards.bundle.finding import Finding
from precepts.cards.bundle.ledger import LOG, read_log
from precepts.cards.bundle.sign import SIGNATURE
from precepts.runs import file_digest, to_json

STATEMENT = "statement.json"
PREDICATE_FILE = "bundle.json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:precepts:evidence-bundle:v1"
_BESIDE = (STATEMENT, LOG, SIGNATURE)
"""Files that the statement cannot name: itself, and what is added after it. The log names the first and the last."""


def make_statement(path: Path) -> str:
    """The statement about a directory as it stands, in one fixed form: an in-toto Statement v1.

    Subjects are all files but the statement, the log and the signature; the predicate is what `bundle.json` holds.
    """
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in _digests(path).items()]
    predicate: object = {}
    if (path / PREDICATE_FILE).exists():
        try:
            predicate = json.loads((path / PREDICATE_FILE).read_bytes())
        except ValueError:
            predicate = {}
    document = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE, "predicate": predicate}
    return to_json(document, indent=1) + "\n"


def check_files(path: Path) -> list[Finding]:
    """Every file that is not as the statement says: changed, missing or put in; empty if all are."""
    file, entries = path / STATEMENT, read_log(path)
    if not file.exists():
        return [Finding(STATEMENT, "missing")]
    if not entries or STATEMENT not in entries[0].files:
        return [Finding(LOG, "missing, or its first entry does not name the statement")]
    findings: list[Finding] = []
    if file_digest(file) != entries[0].files[STATEMENT]:
        findings.append(Finding(STATEMENT, f"changed: {LOG} names another digest of it"))
    named = _named(file)
    if named is None:
        return findings or [Finding(STATEMENT, "not an in-toto statement")]
    if not findings:
        there = _digests(path)
        for name in sorted(named.keys() | there.keys()):
            if name not in there:
                findings.append(Finding(name, "missing"))
            elif name not in named:
                findings.append(Finding(name, "not part of the bundle: the statement does not name it"))
            elif there[name] != named[name]:
                findings.append(Finding(name, f"changed: sha256 is {there[name]}, the statement says {named[name]}"))
    for entry in entries[1:]:
        for name, digest in entry.files.items():
            if name != STATEMENT and not (path / name).is_file():
                findings.append(Finding(name, f"missing, and {LOG} names it"))
            elif name != STATEMENT and file_digest(path / name) != digest:
                findings.append(Finding(name, f"changed: {LOG} names another digest of it"))
    if (path / SIGNATURE).exists() and not any(SIGNATURE in entry.files for entry in entries):
        findings.append(Finding(SIGNATURE, f"not part of the bundle: {LOG} does not name it"))
    return findings


def _digests(path: Path) -> dict[str, str]:
    files = sorted(one for one in path.rglob("*") if one.is_file() or one.is_symlink())
    names = [(one.relative_to(path).as_posix(), one) for one in files]
    return {name: "a link" if one.is_symlink() else file_digest(one) for name, one in names if name not in _BESIDE}


def _named(file: Path) -> Mapping[str, str] | None:
    try:
        document: Any = json.loads(file.read_bytes())
        subjects = cast("list[dict[str, Any]]", document["subject"])
        return {str(one["name"]): str(one["digest"]["sha256"]) for one in subjects}
    except (ValueError, KeyError, TypeError):
        return None
