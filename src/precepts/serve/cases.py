"""One case of a table, read from its files: prompt, reasoning, answer, judgments, clauses."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import polars as pl

from precepts.data import ENTRIES, load_cases
from precepts.errors import InputError, PreceptsError
from precepts.policy import Clause, Policy, load_policy
from precepts.serve.index import Index, line_at
from precepts.serve.tables import Table

LONGEST = 20_000
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True)
class CaseView:
    """What is shown of a case. Texts are whole; `completion` and `score` hold whatever else their lines said."""

    table: Table
    row: int
    case_id: str
    messages: tuple[tuple[str, str], ...]
    cot: str | None
    answer: str | None
    completion: Mapping[str, Any]
    score: Mapping[str, Any]
    judgments: tuple[Mapping[str, Any], ...]
    clauses: tuple[tuple[str, Clause | None], ...]
    known: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """The last turn."""
        return self.messages[-1][1] if self.messages else ""


def view_case(table: Table, index: Index, row: int, *, policy: Policy | None) -> CaseView:
    """A case by its row.

    Raises:
        InputError: If the table has no such row.
    """
    if not 0 <= row < index.cases.height:
        raise InputError(f"{table.id} has the rows 0 to {index.cases.height - 1}; got {row}.")
    known = index.cases.row(row, named=True)
    completions, judgments, scores = table.files
    completion = line_at(completions, known["completion_at"]) if known["completion_at"] >= 0 else {}
    score = line_at(scores, known["score_at"]) if known["score_at"] >= 0 else {}
    rows = index.said["row"]
    first, last = (int(rows.search_sorted(row, side=side)) for side in _SIDES)
    said = index.said["at"][first:last].to_list()
    case_id = str(completion.get("case_id") or score.get("case_id") or score.get("id") or known["case_id"])
    case = line_at(table.cases, known["case_at"]) if table.cases and known["case_at"] >= 0 else {}
    named = {
        str(one): None
        for one in (known["clause"], completion.get("clause"), score.get("cited"))
        if isinstance(one, str)
    }
    answer = completion.get("answer", completion.get("text", completion.get("unreadable")))
    cot = completion.get("cot")
    return CaseView(
        table, row, case_id, _messages(table, case_id, case), None if cot is None else str(cot), None if answer is None else str(answer),
        completion, score, tuple(line_at(judgments, at) for at in said), tuple((one, clause_of(policy, one)) for one in named), known,
    )  # fmt: skip


def prompt_of(table: Table, known: Mapping[str, Any]) -> str:
    """The last turn of a case, by its row in the index; empty where it is not here."""
    case = line_at(table.cases, known["case_at"]) if table.cases and known["case_at"] >= 0 else {}
    messages = _messages(table, str(known["case_id"]), case)
    return messages[-1][1] if messages else ""


def row_of(index: Index, case_id: str) -> int | None:
    """The row of a case in another table; None if it is not there."""
    found = index.cases.with_row_index("row").filter(pl.col("case_id") == case_id)["row"]
    return int(found[0]) if len(found) else None


@functools.lru_cache(maxsize=32)
def policy_of(run: Path) -> Policy | None:
    """The policy that a run holds, if it can be read."""
    try:
        return load_policy(run / "policy.yaml")
    except (PreceptsError, OSError):
        return None


def clause_of(policy: Policy | None, name: str) -> Clause | None:
    """The clause of that id, if the policy is there and has it."""
    try:
        return policy.clause(name) if policy else None
    except InputError:
        return None


def _messages(table: Table, case_id: str, case: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if isinstance(case.get("messages"), list):
        turns = [one for one in cast("Sequence[object]", case["messages"]) if isinstance(one, dict)]
        pairs = [cast("Mapping[str, object]", one) for one in turns]
        return tuple((str(one.get("role", "")), str(one.get("content", ""))) for one in pairs)
    if case.get("prompt") is not None:
        return (("user", str(case["prompt"])),)
    known = _registered(table.set.split("-")[0]).get(case_id)
    return known or ()


@functools.lru_cache(maxsize=8)
def _registered(name: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """The conversations of a registered set by case; none if the set is not here."""
    if name not in ENTRIES:
        return {}
    try:
        return {case.id: tuple((one.role, one.content) for one in case.messages) for case in load_cases(name)}
    except (PreceptsError, OSError):
        return {}
