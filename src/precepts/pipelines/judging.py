"""Which judge does what in `align`: the one that filters is never the one that tests."""

from __future__ import annotations

from typing import cast

from precepts.deliberative.rewards import ProbeDispositions
from precepts.judges import CheckedCompliance, Judge, LlmJudge
from precepts.judges.probe import StatesModel
from precepts.models import ScoringModel, open_model
from precepts.policy import Policy


def filter_judges(judge: str | None, policy: Policy) -> list[Judge]:
    """The judges whose lowest score filters: a named model that reads the policy, run twice, else the shipped probe on answers."""
    if judge is not None:
        return [LlmJudge(open_model(judge), policy, view="full", k=2)]
    from precepts.judges.answer_probe import answer_probe

    return [answer_probe()]


def reward_judge(judge: str | None, policy: Policy) -> tuple[Judge, ScoringModel]:
    """The judge that says in a reward whether the disposition was kept, and the model that tells relevance.

    A named model reads the policy and the answer, never the reasoning; else it is the shipped probe, which shares no rule with the judge
    that tests.
    """
    from precepts.judges.answer_probe import answer_probe
    from precepts.judges.relevance import embedded_scorer

    scorer = embedded_scorer()
    if judge is not None:
        return LlmJudge(open_model(judge), policy, view="answer"), scorer
    return ProbeDispositions(answer_probe(cast(StatesModel, scorer))), scorer


def test_judge() -> Judge:
    """The judge of the evaluation: rules on the answer alone, a compliance counted only if it is relevant to its prompt."""
    from precepts.judges.relevance import embedded_scorer

    return CheckedCompliance(embedded_scorer())
