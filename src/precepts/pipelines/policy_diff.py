"""`precepts policy diff`: what changed between two policies, and which cases, examples and evidence of runs rest on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from precepts.data import load_cases
from precepts.errors import InputError
from precepts.pipelines.config import STARTER, policy_of
from precepts.policy import Policy, PolicyDiff, diff_policies, load_policy, starter_path
from precepts.policy.diff import counts_of
from precepts.runs import PLAN, Run, read_jsonl
from precepts.stats import matches
from precepts.types import Case, Evidence


class Resting(NamedTuple):
    """What of one run rests on one changed clause. `evidence` are numbers computed from at least one of its test cases."""

    run: str
    clause: str
    cases: int
    examples: int
    answers: int
    evidence: tuple[str, ...]


class Impact(NamedTuple):
    """A policy's changes and what rests on them."""

    old: Policy
    new: Policy
    diff: PolicyDiff
    cases: dict[str, dict[str, int]]
    runs: tuple[Resting, ...]


def open_policy(source: str) -> Policy:
    """The policy that a file, a run directory or the name `starter` holds. Errors as of `load_policy`."""
    path = Path(source)
    if source == STARTER and not path.exists():
        return load_policy(starter_path())
    if (path / PLAN).exists():
        if not (path / "policy.yaml").exists():
            raise InputError(f"{source} is a run that holds no policy. Give a run of `precepts align`, or a file.")
        return policy_of(Run(path))
    return load_policy(path)


def impact(old: str, new: str, *, cases: str | None = None, runs: Sequence[Path] = ()) -> Impact:
    """The changes from one policy to another and what rests on them.

    Args:
        old: A policy's file, a run of `align` (its policy is meant, and the run is looked through too), or `starter`.
        new: The same.
        cases: Cases to map, a file or `starter`.
        runs: Runs of `align` to look through.

    Raises:
        PreceptsError: If a policy, the cases or a run cannot be read.
    """
    before, after = open_policy(old), open_policy(new)
    found = diff_policies(before, after)
    looked = list(dict.fromkeys([*(Path(one) for one in (old, new) if (Path(one) / PLAN).exists()), *runs]))
    resting = [row for run in looked for row in _resting(Run(run), found)]
    return Impact(before, after, found, counts_of(load_cases(cases) if cases else [], found), tuple(resting))


def _resting(run: Run, diff: PolicyDiff) -> list[Resting]:
    cases = [Case.model_validate(row) for row in run.rows("cases")]
    if not cases:
        raise InputError(f"{run.path} holds no cases. Give a run of `precepts align`.")
    holders: dict[str, set[str]] = {change.id: set() for change in diff.clauses}
    for case in cases:
        for clause in case.clauses:
            if clause in holders:
                holders[clause].add(case.id)
    examples = Counter(row["case_id"] for row in run.stage("data").rows("examples"))
    answers = Counter(row["case_id"] for row in run.stage("data").rows("completions"))
    numbers = _numbers(run)
    return [
        Resting(
            str(run.path),
            clause,
            len(ids),
            sum(examples[i] for i in ids),
            sum(answers[i] for i in ids),
            tuple(dict.fromkeys(name for name, used in numbers if used & ids)),
        )
        for clause, ids in holders.items()
    ]


def _numbers(run: Run) -> list[tuple[str, set[str]]]:
    """Every number of a run, by claim and slice, with the ids of the cases that it was computed from."""
    out: list[tuple[str, set[str]]] = []
    tables: dict[str, list[dict[str, object]]] = {}
    for table in sorted((run.path / "eval").glob("*/evidence.jsonl")):
        for row in read_jsonl(table):
            evidence = Evidence.model_validate(row)
            used: set[str] = set()
            for one in evidence.inputs:
                path = run.path / one.path
                if one.path not in tables:
                    tables[one.path] = read_jsonl(path) if path.is_file() else []
                used |= {str(r["case_id"]) for r in tables[one.path] if "case_id" in r and matches(r, one.where)}
            words = ", ".join(f"{key}={value}" for key, value in sorted(evidence.slice.items()))
            less = f" − {evidence.baseline}" if evidence.baseline else ""
            out.append((f"{evidence.claim}{less} ({words})", used))
    return out
