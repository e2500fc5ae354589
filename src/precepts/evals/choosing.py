"""Multiple choice: read forward where the model's probabilities can be read, else asked for and matched word for word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from precepts.evals.grading import seeded
from precepts.models.provider import PreceptsAPI


@solver
def choose(seed: int = 0) -> Solver:
    """Picks one of the sample's choices; `chosen` in the metadata is its index, None where the answer names none or several.

    A model of this package is read forward: the likeliest choice, by the mean log-probability of its tokens, which `scores` keeps.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        choices = [choice.value for choice in state.choices]
        api = get_model().api
        if isinstance(api, PreceptsAPI) and api.reads_forward:
            scores = await api.choose(state.messages, choices)
            best = max(range(len(scores)), key=lambda i: scores[i])
            state.metadata |= {"scores": scores, "chosen": best, "read": "forward"}
            state.output = ModelOutput.from_content(str(state.model), choices[best], stop_reason="stop")
            state.output.usage = ModelUsage()
            return state
        state = await generate(state, **seeded(state, seed))
        state.metadata |= {"chosen": matched(state.output.completion, choices), "read": "written"}
        return state

    return solve


def matched(answer: str, choices: Sequence[str]) -> int | None:
    """The one choice that an answer names: alone, or as the only one that occurs in it; None if it names none or several."""
    said = _plain(answer)
    plain = [_plain(choice) for choice in choices]
    if said in plain:
        return plain.index(said)
    found = [i for i, choice in enumerate(plain) if re.search(rf"\b{re.escape(choice)}\b", said)]
    longest = [i for i in found if not any(i != j and plain[i] in plain[j] for j in found)]
    return longest[0] if len(longest) == 1 else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s'’-]", " ", text.casefold().replace("’", "'")).split())
