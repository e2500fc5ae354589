"""A judge as a scorer of Inspect. This module alone in the room imports Inspect."""

from __future__ import annotations

import asyncio

from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState

from precepts.judges.judge import Item, Judge
from precepts.models.format import parse
from precepts.policy import Policy
from precepts.types import Case, Completion, Judgment, Message, content_key


@scorer(metrics=[mean(), stderr()], name="precepts_judge")
def judge_scorer(judge: Judge, policy: Policy) -> Scorer:
    """Scores samples by a judge, 1 where the answer keeps the policy; a judge that failed leaves a sample unscored.

    A sample's metadata name its `clause` (or `clauses`, of which the first governs) and `category`.
    """

    async def score(state: TaskState, target: Target) -> Score:
        """One sample's score, with the judge's reason as its explanation."""
        item = item_of(state, policy)
        (judgment,) = await asyncio.to_thread(judge.judge, [item])
        metadata = {"judge": judgment.judge, "verdict": judgment.verdict, "scores": judgment.scores}
        if judgment.score is None:
            return Score.unscored(
                answer=item.completion.answer,
                explanation=_why(judgment),
                metadata={**metadata, "error": judgment.error},
            )
        return Score(
            value=judgment.score, answer=item.completion.answer, explanation=judgment.reason or None, metadata=metadata
        )

    return score


def item_of(state: TaskState, policy: Policy) -> Item:
    """What a judge sees of a sample: the conversation up to the answer, the answer and the reasoning apart, the clause."""
    asked = [
        Message.model_validate({"role": m.role, "content": m.text})
        for m in state.messages
        if m.role in ("system", "user", "assistant", "tool")
    ]
    while asked and asked[-1].role != "user":
        asked.pop()
    if not asked:
        asked = [Message(role="user", content=state.input_text)]
    text = state.output.completion
    parsed = parse(text)
    given = state.metadata.get("clause") or state.metadata.get("clauses") or ()
    ids = [given] if isinstance(given, str) else list(given)
    category = state.metadata.get("category")
    case = Case(id=str(state.sample_id), messages=tuple(asked), category=category)
    failed = bool(state.output.error) or not state.output.choices
    completion = Completion(
        key=content_key(case.id, text), case_id=case.id, model=str(state.model), text=text, cot=parsed.cot, answer=parsed.answer,
        stop_reason="error" if failed else "length" if state.output.stop_reason == "max_tokens" else "stop",
        error=state.output.error or "the model gave nothing" if failed else None,
    )  # fmt: skip
    return Item(case, completion, policy.clause(ids[0]) if ids else None, category)


def _why(judgment: Judgment) -> str:
    return f"{judgment.error}\n\n{judgment.reason}".strip()
