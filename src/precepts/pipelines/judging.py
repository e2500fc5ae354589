"""Which judge does what in `align`: the one that filters is never the one that tests."""

from __future__ import annotations

from precepts.judges import CheckedCompliance, Judge, LlmJudge
from precepts.models import open_model
from precepts.policy import Policy


def filter_judges(judge: str | None, policy: Policy) -> list[Judge]:
    """The judges whose lowest score filters: a named model that reads the policy, run twice, else the shipped probe on answers."""
    if judge is not None:
        return [LlmJudge(open_model(judge), policy, view="full", k=2)]
    from precepts.judges.answer_probe import answer_probe

    return [answer_probe()]


def test_judge() -> Judge:
    """The judge of the evaluation: rules on the answer alone, a compliance counted only if it is relevant to its prompt."""
    from precepts.judges.relevance import embedded_scorer

    return CheckedCompliance(embedded_scorer())
