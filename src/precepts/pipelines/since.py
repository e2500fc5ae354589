"""`align --since`: what of an earlier run, or of an earlier policy, still holds, and what a change of the policy touches.

A row rests on what its teacher read: the conversation with the brief or the style, and in guided mode the clause that its
reasoning is made of. Where that is the same under both policies the row is the same and is used again; everything else is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from precepts.deliberative import Mode, governing_clause, teacher_conversation
from precepts.errors import InputError, MissingError
from precepts.models import Sampling
from precepts.policy import Policy, brief, load_policy
from precepts.runs import PLAN, Row, Run
from precepts.training.examples import Example
from precepts.types import Case, Completion, Judgment, content_key

POLICY_BEFORE = "policy.before.yaml"
REHEARSAL = 1.0
"""Untouched examples trained on again for each touched one, so that what did not change is not forgotten; our choice, a usual one."""


class Before(NamedTuple):
    """What a run goes on from: the policy before, and the run, if it was one."""

    policy: Policy
    run: Run | None


def before_of(run: Run, since: str | None) -> Before | None:
    """What `--since` named, from the run's own copy of the policy; None for a run from the beginning."""
    if since is None:
        return None
    earlier = Run(since) if (Path(since) / PLAN).exists() else None
    if earlier is None and Path(since).is_dir():
        raise MissingError(f"{since} is no run directory any more (it has no {PLAN}); this run goes on from it.")
    return Before(load_policy(run.path / POLICY_BEFORE), earlier)


def teaching_key(case: Case, policy: Policy, *, teacher: str, mode: Mode, sampling: Sampling, seed: int) -> str:
    """Names what a completion rests on: equal keys, equal rows. The policy's version is no part of it: it only names the text."""
    same = policy.model_copy(update={"version": "-"})
    clause = governing_clause(case, policy)
    told = [clause.kind, clause.id, clause.reason] if clause is not None and mode == "guided" else None
    return content_key(
        teacher, list(teacher_conversation(case, same, mode=mode)), told, case.pair is None, mode, sampling, seed
    )


def touched(cases: Sequence[Case], before: Before, policy: Policy, *, mode: Mode) -> set[str]:
    """Ids of the cases that would be taught otherwise under the two policies, or that the earlier run did not have."""
    known = {str(row["id"]): row for row in before.run.rows("cases")} if before.run else None
    clauses = {clause.id for clause in before.policy.clauses}
    categories = {category.id for category in before.policy.categories}

    def key(case: Case, under: Policy) -> str:
        return teaching_key(case, under, teacher="", mode=mode, sampling=Sampling(), seed=0)

    return {
        case.id
        for case in cases
        if (known is not None and not _same_case(case, known.get(case.id)))
        or not clauses.issuperset(case.clauses)
        or (not case.clauses and case.category is not None and case.category not in categories)
        or key(case, before.policy) != key(case, policy)
    }


def _same_case(case: Case, row: Row | None) -> bool:
    return row is not None and Case.model_validate(row) == case


def known_rows(before: Before | None, cases: Sequence[Case], keys: Mapping[str, str]) -> list[Completion]:
    """The earlier run's completions that rest on the same as here: whose key is the one that `keys` has for the case."""
    if before is None or before.run is None:
        return []
    rows = {row["case_id"]: row for row in before.run.stage("data").rows("completions")}
    return [
        Completion.model_validate(rows[case.id])
        for case in cases
        if case.id in rows and rows[case.id]["key"] == keys[case.id]
    ]


def known_judgments(
    before: Before | None,
    reused: Sequence[Completion],
    cases: Mapping[str, Case],
    policy: Policy,
    *,
    judge: str | None,
) -> dict[str, list[Judgment]]:
    """What the earlier run's filter said of re-used completions, by key, where a judge would read the same now.

    `judge` is the one that filters now; what another one said before says nothing of what it would. A judge that reads the policy
    is asked again wherever the brief of the case's category is another one.
    """
    if before is None or before.run is None or before.run.plan.get("judge") != judge:
        return {}
    keys = {completion.key for completion in reused}
    out: dict[str, list[Judgment]] = {}
    for judgment in map(Judgment.model_validate, before.run.stage("data").rows("judgments")):
        case = cases.get(judgment.case_id)
        if case is None or judgment.completion not in keys or judgment.score is None:
            continue
        if judge is None or _same_brief(case, before.policy, policy):
            out.setdefault(judgment.completion, []).append(judgment)
    return out


def _same_brief(case: Case, old: Policy, new: Policy) -> bool:
    clause = governing_clause(case, new)
    if clause is None or clause.id not in {one.id for one in old.clauses}:
        return False
    home, was = new.category_of(clause.id).id, old.category_of(clause.id).id
    texts = [brief(p.model_copy(update={"version": "-"}), c) for p, c in ((old, was), (new, home))]
    return texts[0] == texts[1] and old.clause(clause.id) == clause


class Chosen(NamedTuple):
    """What a change is trained on: touched examples, then untouched ones that are rehearsed."""

    touched: list[Example]
    rehearsed: list[Example]


def to_retrain(examples: Sequence[Example], before: Before, changed: set[str], *, seed: int) -> Chosen:
    """The examples that are new or other than before, and as many of the rest: twins of touched ones first, then by hash.

    Weights are not compared: they balance the whole set and change a little with any of it.
    """
    old: set[str] = set()
    if before.run is not None:
        old = {_signature(Example.model_validate(row)) for row in before.run.stage("data").rows("examples")}
        if not old:
            raise InputError(
                f"{before.run.path} holds no training examples. Give a run whose stage `data` is finished."
            )
        new = [e for e in examples if _signature(e) not in old]
    else:
        new = [e for e in examples if e.case_id in changed]
    ids = {e.case_id for e in new}
    pairs = {e.pair for e in new if e.pair is not None}
    rest = [e for e in examples if e.case_id not in ids]
    ranked = sorted(rest, key=lambda e: (e.pair not in pairs, content_key("rehearse", seed, e.case_id), e.case_id))
    return Chosen(new, ranked[: round(REHEARSAL * len(new))])


def _signature(example: Example) -> str:
    return content_key(
        example.case_id, [m.model_dump() for m in example.messages], [t for t, _ in example.spans], example.ends
    )
