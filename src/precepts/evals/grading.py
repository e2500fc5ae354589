"""Scorers of suites: an outcome first, then a grade, and one flat row of columns beside the headline."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric
from inspect_ai.solver import Generate, Solver, TaskState, solver

from precepts.evals.outcomes import outcome_of
from precepts.evals.suite import SUITES, Claim
from precepts.judges import CheckedCompliance, Item
from precepts.stats import estimate, lookup, matches
from precepts.types import Case, Completion, Judgment, content_key

Columns = Mapping[str, float | int | str | None]

RULES_FORM = CheckedCompliance()
"""Rules on the answer's words, and its form: ended, no loop, language. Relevance is not asked: it needs a batch of other prompts."""


class Graded(NamedTuple):
    """The headline of a cell, None where the grader failed, and its columns."""

    value: float | None
    columns: Columns
    judge: str
    why: str = ""


def graded(grade: Callable[[TaskState], Awaitable[Graded]], *, cut: bool = False) -> Scorer:
    """A scorer that lets only ended answers be graded, and keeps the outcome of all others; with `cut` also those cut at the token limit."""

    async def score(state: TaskState, target: Target) -> Score:
        outcome = outcome_of(state)
        if cut and outcome == "truncated":
            outcome = "answered"
        row: dict[str, Any] = dict(state.metadata.get("row", {}))
        said = state.output.completion
        if outcome != "answered":
            return Score.unscored(reason=outcome, answer=said, metadata={"outcome": outcome, "row": row})
        found = await grade(state)
        metadata = {"outcome": outcome, "row": {**row, **found.columns}, "judge": found.judge}
        if found.value is None or math.isnan(found.value):
            return Score.unscored(reason="grader_failed", answer=said, explanation=found.why, metadata=metadata)
        return Score(value=found.value, answer=said, explanation=found.why, metadata=metadata)

    return score


@solver
def answer(seed: int = 0) -> Solver:
    """One answer, whose seed follows from what was asked and the epoch alone."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await generate(state, **seeded(state, seed))

    return solve


def seeded(state: TaskState, seed: int) -> dict[str, Any]:
    """The generation options of one cell: a seed of its own, so that samples differ, and equal questions have equal keys in any suite."""
    asked = [(m.role, m.text) for m in state.messages]
    return {"seed": int(content_key(seed, asked, state.epoch), 16) % 2**31}


def case_of(state: TaskState) -> Case:
    """The request as it was before any attack: what judges read."""
    return Case.model_validate(state.metadata["case"])


def item_of(state: TaskState) -> Item:
    """The cell as judges of this package read it: the request before the attack, the answer after decoding."""
    case, text = case_of(state), str(state.metadata.get("decoded", state.output.completion))
    usage = state.output.usage
    completion = Completion(
        key=content_key(case.id, state.epoch, text), case_id=case.id, model=str(state.model), text=text, answer=text,
        num_tokens=usage.output_tokens if usage else 0,
    )  # fmt: skip
    return Item(case, completion)


def by_rules(state: TaskState) -> Judgment:
    """What the answer did, by rules."""
    return RULES_FORM.judge([item_of(state)])[0]


def claim_rows(claim: Claim, rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The rows of a claim with the keys that its estimator reads."""
    named = {k: str(claim.params[k]) for k in ("label", "cluster", "group", "fold") if k in claim.params}
    chosen = [row for row in rows if matches(row, claim.where)]
    named |= {"arm": "arm"} if any("arm" in row for row in chosen) else {}
    return [{"score": lookup(row, claim.score), **{k: lookup(row, v) for k, v in named.items()}} for row in chosen]


@metric(scores="unreduced")
def claims(suite: str) -> Metric:
    """What the suite claims, in Inspect's log and viewer: value, and the limits of its 95 % interval, by claim."""

    def compute(scores: list[SampleScore]) -> dict[str, str | int | float | bool | None]:
        rows = [dict((s.score.metadata or {}).get("row", {}), id=s.sample_id) for s in scores]
        judges = {(s.score.metadata or {}).get("judge") for s in scores} - {None}
        repeated = len({row["id"] for row in rows}) < len(rows)
        out: dict[str, str | int | float | bool | None] = {}
        for claim in SUITES[suite].claims:
            if repeated and claim.estimator == "wilson@1":
                # Several answers to one cell (Inspect's --epochs) are not so many cells.
                claim = replace(claim, estimator="clustered_wilson@1", params={**claim.params, "cluster": "id"})
            chosen = claim_rows(claim, rows)
            if claim.judge and judges != {claim.judge}:
                continue
            if not chosen or all(row["score"] is None for row in chosen):
                continue
            number = estimate(
                claim.estimator, chosen, params={k: v for k, v in claim.params.items() if k not in _SELECTION}
            )
            for name, value in (
                (claim.name, number.value),
                (f"{claim.name}_low", number.low),
                (f"{claim.name}_high", number.high),
            ):
                if value is not None:
                    out[name] = value
        return out

    return compute


_SELECTION = ("score", "label", "cluster", "group", "fold")
