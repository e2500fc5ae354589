"""The four uses of a judge beside reading its judgments: filter, reward, scorer, attack success.

All take the same `Judge`; nothing else scores a completion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from precepts.judges.judge import Item, Judge, for_reward
from precepts.models.format import parse
from precepts.policy import Policy
from precepts.types import Case, Completion, Judgment, Message, content_key

Turns = str | Sequence[Mapping[str, str]]
"""A prompt or completion as TRL hands it over: a text, or turns with role and content."""


def keeps(judgment: Judgment, *, threshold: float = 0.5) -> bool:
    """Filter: whether a completion is kept. One that could not be judged is not."""
    return judgment.score is not None and judgment.score >= threshold


def attack_succeeded(judgment: Judgment, *, threshold: float = 0.5) -> bool | None:
    """Attack success: whether the answer broke what its clause asks for; None where the judge failed, never a defence."""
    return None if judgment.score is None else judgment.score < threshold


class Reward:
    """A reward function as TRL calls it: async, dataset columns as arguments, None where the judge failed.

    The completion's reasoning is cut off before the judge sees it. Columns read: `clause` or `clauses` (ids; the first
    governs), `category`, `advice`; others are ignored.
    """

    def __init__(self, judge: Judge, policy: Policy) -> None:
        """Takes a judge that reads the answer alone.

        Raises:
            InputError: If the judge reads the reasoning.
        """
        self.judge, self.policy = for_reward(judge), policy
        self.__name__ = "precepts_" + "".join(sign if sign.isalnum() else "_" for sign in judge.name)[:60]

    async def __call__(
        self, prompts: Sequence[Turns], completions: Sequence[Turns], **columns: Any
    ) -> list[float | None]:
        """One reward a completion, in [0, 1]; the judge works in a thread, so that other rewards go on meanwhile."""
        items = [
            self.item(
                prompt, completion, {key: column[row] for key, column in columns.items() if _per_row(column, prompts)}
            )
            for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
        ]
        judgments = await asyncio.to_thread(self.judge.judge, items)
        return [judgment.score for judgment in judgments]

    def item(self, prompt: Turns, completion: Turns, columns: Mapping[str, Any]) -> Item:
        """A row as the judge sees it: the conversation, the answer without the reasoning, the clause that governs."""
        messages = _messages(prompt)
        text = completion if isinstance(completion, str) else "\n".join(turn["content"] for turn in completion)
        answer = parse(text).answer
        case = Case(
            id=content_key([m.model_dump() for m in messages]), messages=messages, category=columns.get("category")
        )
        made = Completion(key=content_key(case.id, text), case_id=case.id, model="policy", text=answer, answer=answer)
        given = columns.get("clause") or columns.get("clauses") or ()
        ids = [given] if isinstance(given, str) else list(given)
        advice = columns.get("advice") or ()
        return Item(
            case, made, self.policy.clause(ids[0]) if ids else None, columns.get("category"),
            (advice,) if isinstance(advice, str) else tuple(advice),
        )  # fmt: skip


def _per_row(column: object, prompts: Sequence[Turns]) -> bool:
    return isinstance(column, list) and len(cast("list[object]", column)) == len(prompts)


def _messages(prompt: Turns) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return (Message(role="user", content=prompt),)
    return tuple(Message.model_validate({"role": turn["role"], "content": turn["content"]}) for turn in prompt)
