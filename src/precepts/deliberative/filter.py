"""The filter between generation and training: every completion is kept or dropped, and a dropped one keeps its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from precepts.deliberative.generate import governing_clause
from precepts.deliberative.reasoning import invented, wavers
from precepts.judges.degenerate import ended, garbage, loops
from precepts.judges.judge import Item, Judge
from precepts.policy import Policy
from precepts.types import Case, Completion, Judgment


class Filtered(NamedTuple):
    """What the filter said of one completion. `reason` is None where it is kept."""

    completion: Completion
    reason: str | None
    judgments: tuple[Judgment, ...] = ()


def fault(case: Case, completion: Completion, policy: Policy) -> str | None:
    """What is wrong with a completion that a program can see; None if nothing.

    The verdict must be the one that the policy, as it is now, asks for: by the clause that governs the case, and by the clause the
    reasoning cites.
    """
    if completion.stop_reason == "error":
        return "could not be had"
    if not completion.valid_format or completion.verdict is None or completion.clause is None:
        return "format"
    cited = {clause.id: clause for clause in policy.clauses}.get(completion.clause)
    if cited is None:
        return "invented clause"
    if cited.kind != completion.verdict:
        return "reasoning against its verdict"
    why = _why(completion)
    if invented(why, policy):
        return "invented citation"
    if wavers(why, completion.verdict):
        return "wavering"
    governing = governing_clause(case, policy)
    if governing is not None and governing.kind != completion.verdict:
        return "verdict against the policy"
    if ended(completion):
        return "cut off"
    if loops(completion.answer) or garbage(completion.answer):
        return "degenerate answer"
    return None


def _why(completion: Completion) -> str:
    """The reasoning without its lines of verdict and clause; nothing where it is taken from the policy word for word."""
    return (completion.cot or "").rpartition("why:")[2].strip()


def filter_completions(
    cases: Sequence[Case],
    completions: Sequence[Completion],
    *,
    policy: Policy,
    judges: Sequence[Judge],
    threshold: float = 0.5,
    known: Mapping[str, Sequence[Judgment]] | None = None,
) -> list[Filtered]:
    """Keeps completions without a fault whose lowest score over the judges reaches the threshold.

    `known` holds, by key, what these judges said of a completion before; they are not asked of it again.

    A judge that fails on a completion neither keeps nor drops it alone: with no score at all it is dropped as unjudged.
    """
    by_id = {case.id: case for case in cases}
    faults = [fault(by_id[c.case_id], c, policy) for c in completions]
    there = known or {}
    whole = [c for c, why in zip(completions, faults, strict=True) if why is None and c.key not in there]
    items = [
        Item(by_id[c.case_id], c, governing_clause(by_id[c.case_id], policy) or policy.clause(c.clause or ""))
        for c in whole
    ]
    judged = (
        list(zip(*[judge.judge(items) for judge in judges], strict=True)) if judges and items else [()] * len(items)
    )
    said = {**there, **{c.key: row for c, row in zip(whole, judged, strict=True)}}
    out: list[Filtered] = []
    for completion, why in zip(completions, faults, strict=True):
        if why is not None:
            out.append(Filtered(completion, why))
            continue
        judgments = tuple(said[completion.key])
        scores = [j.score for j in judgments if j.score is not None]
        reason = None
        if judgments and not scores:
            reason = "unjudged"
        elif scores and min(scores) < threshold:
            lowest = min((j for j in judgments if j.score is not None), key=lambda j: j.score or 0.0)
            reason = f"judge {lowest.judge}"
        out.append(Filtered(completion, reason, judgments))
    return out
