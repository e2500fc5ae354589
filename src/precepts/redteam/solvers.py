"""Attacks as Inspect solvers, for the suites of this package and for anybody's task: `inspect eval TASK --solver precepts/attack -S technique=NAME`.

The last user turn is attacked, the model answers, and the answer is read back into plain words before it is scored. What was sent and what
came stand in
the sample's metadata under `attack`.
"""

from __future__ import annotations

from typing import Any

from inspect_ai.solver import Generate, Solver, TaskState, solver

from precepts.judges.graders import role
from precepts.redteam.adaptive import ADAPTIVE, ALONE
from precepts.redteam.catalogue import find
from precepts.redteam.rewriting import REWRITERS, rewrite
from precepts.redteam.technique import NOT_APPLIED, Attacked, Technique
from precepts.types import content_key


@solver
def attack(technique: str = "none", seed: int = 0) -> Solver:
    """Attacks the last user turn by a technique of the catalogue, `a+b` composing, and answers."""
    chosen = find(technique)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await attacked(state, generate, chosen, seed=seed)

    return solve


@solver
def attack_cell(seed: int = 0) -> Solver:
    """Attacks by the technique that the sample's metadata names under `technique`; a `template` or a `translation` there is used as it is."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await attacked(state, generate, find(state.metadata["technique"]), seed=seed)

    return solve


async def attacked(state: TaskState, generate: Generate, technique: Technique, *, seed: int) -> TaskState:
    """The sample answered under attack, or marked as not applied."""
    request = state.user_prompt.text
    own_seed = int(content_key(seed, technique.name, request, state.epoch), 16) % 2**31
    if technique.name in ALONE:
        return await ALONE[technique.name](state)
    if technique.name in ADAPTIVE:
        if role("attacker") is None:
            return not_applied(state, technique)
        return await ADAPTIVE[technique.name](state)
    if technique.apply is not None:
        made: Attacked | None = technique.apply(request, own_seed)
    elif given := state.metadata.get("given"):
        made = Attacked(str(given))
    elif technique.name in REWRITERS and (by := role("attacker")) is not None:
        made = await rewrite(technique.name, request, by=by)
    else:
        made = None
    if made is None:
        return not_applied(state, technique)
    state.user_prompt.text = made.prompt
    state = await generate(state, seed=own_seed)
    told: dict[str, Any] = {"technique": technique.name, "sent": made.prompt}
    if state.output.choices and (plain := made.read(state.output.completion)) != state.output.completion:
        told["raw"], state.output.completion = state.output.completion, plain
    state.metadata["attack"] = told
    return state


def not_applied(state: TaskState, technique: Technique, why: str | None = None) -> TaskState:
    """The sample without an answer, and why."""
    state.metadata[NOT_APPLIED] = why or f"{technique.name} needs {technique.needs or 'a request that it can change'}"
    state.completed = True
    return state
