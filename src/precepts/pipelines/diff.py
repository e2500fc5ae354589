"""`precepts diff`: two runs on the same cases: which cases flipped, which clauses got worse, with paired tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.errors import InputError, MissingError
from precepts.runs import Run
from precepts.stats import estimate, holm, mcnemar
from precepts.types import Metric


class Change(NamedTuple):
    """One part of the cases: how much more often run B keeps the policy on them, and McNemar's mid-p, Holm-adjusted.

    `worse` are the cases that A kept and B did not, `better` the other way round.
    """

    part: str
    difference: Metric
    p: float
    p_adjusted: float
    worse: tuple[str, ...]
    better: tuple[str, ...]


class SetDiff(NamedTuple):
    """Two runs on one set: all cases, then each clause, the worst first."""

    set: str
    arm: str
    overall: Change
    clauses: tuple[Change, ...]
    num_unshared: int


def diff(run_a: Path, run_b: Path, *, arm: str | None = None, set_name: str | None = None) -> tuple[SetDiff, ...]:
    """What changed from run A to run B on every set that both measured.

    A case counts as kept if its judgment's score is at least 0.5; a case that either run could not score, or that only
    one of them has, is left out and counted.

    Raises:
        MissingError: If one has no scores.
        InputError: If they share no set and arm, or none of that name.
    """
    tables_a, tables_b = _tables(run_a), _tables(run_b)
    shared = [key for key in tables_a if key in tables_b]
    arms = list(dict.fromkeys(key[1] for key in shared))
    if not shared:
        raise InputError(
            f"{run_a} and {run_b} measured no arm on the same set: {_names(tables_a)} and {_names(tables_b)}."
        )
    wanted_arm = arm or ("sft" if "sft" in arms else arms[-1])
    chosen = [key for key in shared if key[1] == wanted_arm and set_name in (None, key[0])]
    if not chosen:
        raise InputError(f"Both runs measured {_names(dict.fromkeys(shared, ()))}; choose --arm and --set among these.")
    return tuple(diff_rows(key[0], key[1], tables_a[key], tables_b[key]) for key in chosen)


def _tables(run: Path) -> dict[tuple[str, str], Sequence[dict[str, Any]]]:
    """The scores of a run by set and arm."""
    if not run.is_dir():
        raise MissingError(f"{run}: there is no such directory. Give the directories of two runs.")
    found: dict[tuple[str, str], Sequence[dict[str, Any]]] = {}
    for plan in sorted((run / "eval").glob("*/*/plan.json")):
        told = json.loads(plan.read_text("utf-8"))
        rows = Run(plan.parent).rows("scores")
        if rows and "arm" in told and "set" in told:
            found[str(told["set"]), str(told["arm"])] = rows
    if not found:
        above = next((one for one in run.absolute().parents if any((one / "eval").glob("*/*/plan.json"))), None)
        if above is not None:
            raise InputError(
                f"{run} lies inside the run {above}, and two runs are compared. Give both runs, and choose with --set and --arm; "
                f"arms of one run stand side by side in: precepts align eval {above}"
            )
        raise MissingError(f"{run} holds no scores. Measure it first: precepts align eval {run}")
    return found


def _names(keys: Mapping[tuple[str, str], object]) -> str:
    return ", ".join(f"{arm} on {name}" for name, arm in keys) or "nothing"


def diff_rows(name: str, arm: str, rows_a: Sequence[dict[str, Any]], rows_b: Sequence[dict[str, Any]]) -> SetDiff:
    """What changed between rows of scores: each has `case_id`, and as known `kept` and `clause`."""
    by_id = {row["case_id"]: row for row in rows_a}
    pairs: list[tuple[str, str, bool, bool]] = []
    for row in rows_b:
        other = by_id.get(row["case_id"])
        if other is not None and other.get("kept") is not None and row.get("kept") is not None:
            pairs.append((row["case_id"], row.get("clause") or "no clause", other["kept"] >= 0.5, row["kept"] >= 0.5))
    ids = {row["case_id"] for row in rows_a} | {row["case_id"] for row in rows_b}
    clauses = list(dict.fromkeys(clause for _, clause, _, _ in pairs))
    raw = [_change(clause, [one for one in pairs if one[1] == clause]) for clause in clauses]
    adjusted = holm([one.p for one in raw])
    parts = [one._replace(p_adjusted=p) for one, p in zip(raw, adjusted, strict=True)]
    parts.sort(key=lambda one: (one.difference.value or 0.0, one.p, one.part))
    return SetDiff(name, arm, _change("all cases", pairs), tuple(parts), len(ids) - len(pairs))


def _change(part: str, pairs: Sequence[tuple[str, str, bool, bool]]) -> Change:
    rows = [{"score": float(after), "score_b": float(before)} for _, _, before, after in pairs]
    difference = estimate("paired_difference@1", rows)
    p = mcnemar([float(one[3]) for one in pairs], [float(one[2]) for one in pairs]).p_mid
    worse = tuple(one[0] for one in pairs if one[2] and not one[3])
    better = tuple(one[0] for one in pairs if one[3] and not one[2])
    return Change(part, difference, p, p, worse, better)
