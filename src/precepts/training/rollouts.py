"""Rollouts: what the policy wrote for planned prompts, and what a reward said of it. Kept in a table, so that a run killed goes on.

A *cycle* is what is sampled from one state of the weights; its batches are planned before the first is run, for bf16 depends on what shares a
batch, and every row is sampled with a seed of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from precepts.models.format import parse
from precepts.models.generation import Sampling
from precepts.types import Case, Completion, Frozen, StopReason, content_key

if TYPE_CHECKING:
    from precepts.models.engine import Engine


class Answered(Frozen):
    """All that a reward is given. It has no field for the chain of thought, so none can reach it (Guan et al. 2024, section on RL).

    `valid_format` is told by program and says nothing of what was reasoned.
    """

    key: str
    case: Case
    answer: str
    valid_format: bool
    stop_reason: StopReason = "stop"


class Scored(Frozen):
    """A reward in [0, 1], and its factors; None where the judge failed, with why."""

    score: float | None
    parts: dict[str, float | None] = Field(default_factory=dict)
    error: str | None = None


Reward = Callable[[Sequence[Answered]], Sequence[Scored]]
"""One score an answer, in order."""


class Rollout(Frozen):
    """One row of the table. `ids` are the tokens that were sampled; `decided` says that the opening stood before them, calibrated."""

    key: str
    case_id: str
    cycle: int
    seed: int
    text: str
    ids: tuple[int, ...]
    decided: bool
    valid_format: bool
    verdict: str | None
    answer: str
    stop_reason: StopReason
    reward: float | None
    parts: dict[str, float | None] = Field(default_factory=dict)
    error: str | None = None


class CyclePlan(NamedTuple):
    """The cases of a cycle in the order of their groups, and its batches of keys."""

    case_ids: tuple[str, ...]
    batches: tuple[tuple[str, ...], ...]


def key_of(case_id: str, sample: int) -> str:
    """Names the sample of a case."""
    return f"{case_id}#{sample}"


def plan_cycles(
    cases: Sequence[Case], *, prompts_per_cycle: int, num_samples: int, batch_size: int, seed: int
) -> list[CyclePlan]:
    """The whole job: cases shuffled by the seed, `prompts_per_cycle` a cycle (those left over go without), batches of similar length."""
    order = sorted(cases, key=lambda c: c.id)
    random.Random(seed).shuffle(order)
    out: list[CyclePlan] = []
    for start in range(0, len(order) - prompts_per_cycle + 1, prompts_per_cycle):
        chosen = order[start : start + prompts_per_cycle]
        by_length = sorted(chosen, key=lambda c: (sum(len(m.content) for m in c.messages), c.id))
        keys = [key_of(case.id, k) for case in by_length for k in range(num_samples)]
        batches = tuple(tuple(keys[i : i + batch_size]) for i in range(0, len(keys), batch_size))
        out.append(CyclePlan(tuple(case.id for case in chosen), batches))
    return out


def sample_batch(
    keys: Sequence[str], *, cycle: int, cases: dict[str, Case], engine: Engine, reward: Reward, sampling: Sampling, seed: int
) -> list[Rollout]:  # fmt: skip
    """Samples one planned batch and has it scored."""
    chosen = [cases[key.rpartition("#")[0]] for key in keys]
    seeds = [int(content_key(seed, "rollout", key), 16) % 2**31 for key in keys]
    made = engine.generate([case.messages for case in chosen], sampling=sampling, seeds=seeds)
    parsed = [parse(result.text) for result in made]
    answers = [
        Answered(key=key, case=case, answer=p.answer, valid_format=p.valid, stop_reason=result.stop_reason)
        for key, case, p, result in zip(keys, chosen, parsed, made, strict=True)
    ]
    scores = reward(answers)
    assert len(scores) == len(answers), "a reward gives one score an answer"
    return [
        Rollout(
            key=key, case_id=case.id, cycle=cycle, seed=s, text=result.text, ids=result.ids, decided=result.decision is not None,
            valid_format=p.valid, verdict=p.verdict, answer=p.answer, stop_reason=result.stop_reason, reward=score.score, parts=score.parts,
            error=score.error,
        )
        for key, case, s, result, p, score in zip(keys, chosen, seeds, made, parsed, scores, strict=True)
    ]  # fmt: skip


def prompt_ids(engine: Engine, case: Case, *, decided: bool) -> list[int]:
    """The tokens that stood before what was sampled: the prompt, and the opening where the model would have written it anyway."""
    ids = engine.ids_of(engine.prompt_text(case.messages))
    return ids + engine.ids_of(engine.opening or "") if decided else ids


def answer_mask(rollout: Rollout, decode: Callable[[Sequence[int]], str]) -> list[int]:
    """1 at the tokens of the answer, 0 at those of the reasoning; a block that was never closed has no answer."""
    ids, mark = list(rollout.ids), "</think>"
    if "<think>" not in rollout.text and mark not in rollout.text:
        return [1] * len(ids)
    if mark not in rollout.text:
        return [0] * len(ids)
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if mark in decode(ids[:middle]) else (middle + 1, high)
    return [0] * low + [1] * (len(ids) - low)


def bare_completion(answered: Answered) -> Completion:
    """The answer as a completion without reasoning, verdict or log-odds: what a judge that rewards is given."""
    return Completion(
        key=answered.key, case_id=answered.case.id, model="", text=answered.answer, answer=answered.answer,
        valid_format=answered.valid_format, stop_reason=answered.stop_reason,
    )  # fmt: skip


def summary(rollouts: Sequence[Rollout]) -> dict[str, Any]:
    """What a cycle's rollouts show: mean reward, share of groups without variance, unscored, length in tokens, valid format, mean factors.

    A group all of whose scored rewards are equal teaches nothing.
    """
    groups: dict[str, list[float]] = {}
    for row in rollouts:
        group = groups.setdefault(row.case_id, [])
        if row.reward is not None:
            group.append(row.reward)
    scored = [row.reward for row in rollouts if row.reward is not None]
    parts = sorted({name for row in rollouts for name in row.parts})
    found = {name: [v for row in rollouts if (v := row.parts.get(name)) is not None] for name in parts}
    return {
        "rollouts": len(rollouts),
        "reward": _mean(scored),
        "zero_variance": _mean([float(len(set(group)) < 2) for group in groups.values()]),
        "unscored": len(rollouts) - len(scored),
        "length": _mean([float(len(row.ids)) for row in rollouts]),
        "format_valid": _mean([float(row.valid_format) for row in rollouts]),
        **{name: _mean(values) for name, values in found.items()},
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 6) if values else None
