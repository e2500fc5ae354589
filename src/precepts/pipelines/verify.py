"""`precepts card verify`: every file of a bundle checked, every number made again, every page rendered again."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from html import unescape
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from precepts.cards.bundle import (
    LOG,
    SIGNATURE,
    STATEMENT,
    Entry,
    Finding,
    Opening,
    Withheld,
    check_files,
    check_log,
    check_opening,
    read_log,
    verify_signature,
)
from precepts.cards.sources import EVIDENCE
from precepts.errors import MissingError, PreceptsError
from precepts.pipelines.card import BUNDLE, PAGE, card_of, rendered
from precepts.progress import progress
from precepts.runs import read_jsonl, to_json
from precepts.stats import tables_for
from precepts.stats import verify as verify_row
from precepts.types import Evidence


class Report(NamedTuple):
    """What a verification found: nothing in `findings` means that all of it holds. `notes` say what was not checked."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    num_files: int = 0
    num_numbers: int = 0
    entries: tuple[Entry, ...] = ()


def verify(path: Path, *, key: Path | None = None, openings: Sequence[Opening] = ()) -> Report:
    """Checks a card's bundle.

    The log's chain, the statement, the digest of every file, the signature (with a public key), every row of evidence
    from the rows of the files that it names, and every page from the evidence. What a file's own check names ends the
    search: a number from a changed file says nothing.

    Raises:
        MissingError: If there is no bundle.
    """
    if not (path / STATEMENT).exists() and not (path / LOG).exists():
        raise MissingError(
            f"{path} holds no bundle: neither {STATEMENT} nor {LOG}. Give the --out of `precepts card build`."
        )
    if broken := check_log(path):
        return Report(tuple(broken), ("The log is broken, so nothing else was checked.",))
    findings = check_files(path)
    notes: list[str] = []
    if (path / SIGNATURE).exists() and key is None:
        notes.append(
            "The signature was not checked: give the public key as --key. Without it, who rebuilt the whole bundle is not told."
        )
    elif key is not None and not (path / SIGNATURE).exists():
        findings.append(Finding(SIGNATURE, "missing: the bundle is not signed"))
    elif key is not None and not findings and (wrong := verify_signature(path / STATEMENT, path / SIGNATURE, key=key)):
        findings.append(Finding(SIGNATURE, wrong))
    elif key is None:
        notes.append("The bundle is not signed: this shows that it agrees with itself, not who made it.")
    if findings:
        return Report(tuple(findings), (*notes, "Numbers were not made again, since files are not as they were."))
    evidence = [Evidence.model_validate(row) for row in read_jsonl(path / EVIDENCE)]
    known: dict[str, list[str]] = {}
    tables = tables_for(evidence, root=path)
    with progress("make numbers again", len(evidence), unit="numbers") as bar:
        for row in sorted(evidence, key=lambda row: [one.path for one in row.inputs]):  # each file is read once
            known[to_json(row)] = verify_row(row, root=path, tables=tables)
            bar.advance()
    for number, row in enumerate(evidence, start=1):
        findings += [Finding(f"{EVIDENCE}:{number}", f"{row.claim}: {what}") for what in known[to_json(row)]]
    findings += list(_pages(path, known))
    findings += list(_opened(path, openings))
    num_files = sum(1 for one in path.rglob("*") if one.is_file())
    return Report(tuple(findings), tuple(notes), num_files, len(evidence), read_log(path))


def _pages(path: Path, known: dict[str, list[str]]) -> Iterator[Finding]:
    try:
        again = rendered(card_of(path, check=lambda row: known.get(to_json(row), ["it was not computed"])))
    except PreceptsError as error:
        yield Finding(BUNDLE, f"the card cannot be rendered again: {error}")
        return
    made_by, here = (
        json.loads((path / BUNDLE).read_text("utf-8"))["made_by"],
        f"precepts {metadata.version('precepts')}",
    )
    for name, text in again.items():
        there = (path / name).read_text("utf-8") if (path / name).exists() else ""
        if there != text and (name != PAGE or _words(there) != _words(text)):
            version = "" if made_by == here else f" (it was made by {made_by}, this is {here})"
            yield Finding(name, f"not what its evidence gives{version}: {_first(_words(there), _words(text))}")


def _opened(path: Path, openings: Sequence[Opening]) -> Iterator[Finding]:
    tables = [Withheld.model_validate(one) for one in json.loads((path / BUNDLE).read_text("utf-8"))["withheld"]]
    roots = {one.table: one for one in tables}
    for one in openings:
        table = roots.get(one.table)
        if table is None:
            yield Finding(one.table, "an opening names it, and the bundle withholds no such table")
        elif one.rows != table.rows or not check_opening(one, root=table.root):
            yield Finding(one.table, f"row {one.index} is not the one that was withheld")


def _words(page: str) -> list[str]:
    """What a page says, drawings left out: their shapes may differ between versions of the program that draws."""
    plain = re.sub(r"<style>.*?</style>|<[^>]*>", "\n", page, flags=re.S)
    return [line.strip() for line in unescape(plain).split("\n") if line.strip()]


def _first(there: Sequence[str], again: Sequence[str]) -> str:
    matcher = difflib.SequenceMatcher(None, there, again, autojunk=False) if len(there) + len(again) < 20_000 else None
    if matcher is None:
        pair = next(((a, b) for a, b in zip(there, again, strict=False) if a != b), ("an end", "another end"))
        return f"it says {pair[0]!r:.120}, the evidence gives {pair[1]!r:.120}"
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind != "equal":
            said, given = " ".join(there[a0:a1]) or "nothing", " ".join(again[b0:b1]) or "nothing"
            return f"it says {said!r:.120}, the evidence gives {given!r:.120}"
    return "its bytes differ, its words do not"
