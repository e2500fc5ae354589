"""What became of a cell of a suite, before anybody grades it.

Only an answer that the model ended is graded. Everything else is an outcome of its own, counted and never graded as text: a truncated answer is
not a compliance, and a provider that refused the request is not a model that refused it.
"""

from __future__ import annotations

import re
from typing import Literal

from inspect_ai.log import EvalSample
from inspect_ai.solver import TaskState

from precepts.redteam.technique import NOT_APPLIED

Outcome = Literal["answered", "truncated", "overflow", "filtered", "error", "not_applied"]
"""`overflow`: the prompt did not fit the model. `filtered`: the provider refused the request. `not_applied`: the attack could not be made."""

OUTCOMES: tuple[Outcome, ...] = ("answered", "truncated", "overflow", "filtered", "error", "not_applied")

_STOPS: dict[str, Outcome] = {"max_tokens": "truncated", "model_length": "overflow", "content_filter": "filtered"}
_OVERFLOW = re.compile(
    r"the model reads at most|context.{0,12}(?:length|window)|maximum context|too many tokens", re.IGNORECASE
)


def outcome_of(state: TaskState) -> Outcome:
    """What became of a sample that ran to its end."""
    if NOT_APPLIED in state.metadata:
        return "not_applied"
    if not state.output.choices:
        return "error"
    return _STOPS.get(state.output.stop_reason, "answered")


def outcome_of_sample(sample: EvalSample) -> Outcome:
    """The same of a logged sample, which may have failed before it was scored."""
    if sample.error is not None:
        return "overflow" if _OVERFLOW.search(sample.error.message) else "error"
    for score in (sample.scores or {}).values():
        if (found := (score.metadata or {}).get("outcome")) in OUTCOMES:
            return found
    return "error"
