"""Which judge does what in `align`: the one that filters is never the one that tests."""

from __future__ import annotations

from precepts.errors import InputError
from precepts.judges import CheckedCompliance, ForwardJudge, Judge, LlmJudge, RulesJudge
from precepts.models import ScoringModel, open_model
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


JUDGES = """\
  rules               what an answer did, by rules
  checked             the rules, and whether a compliance ended, has no loop, is about the prompt
  probe               the shipped filter, on the embedded model's hidden states
  forward:MODEL       a local model read forward, with the policy
  llm:MODEL, MODEL    a model that reasons over the policy and then says its verdict"""


def open_judge(ref: str, policy: Policy | None, *, k: int = 1) -> Judge:
    """The judge that a reference names; a reference of no judge is that of a model which reads the policy.

    Raises:
        InputError: If it names no judge, or a judge that reads a policy is given none.
        MissingError: If a model that it needs is not here.
    """
    kind, _, rest = ref.strip().partition(":")
    if ref == "rules":
        return RulesJudge()
    if ref == "checked":
        return test_judge()
    if ref == "probe":
        from precepts.judges.answer_probe import answer_probe

        return answer_probe()
    if policy is None:
        raise InputError(f"The judge {ref} reads a policy. Give one with --policy. Judges are:\n{JUDGES}")
    if kind == "forward":
        model = open_model(rest)
        if not isinstance(model, ScoringModel):
            raise InputError(f"forward:{rest}: the probabilities of {rest} cannot be read. Use llm:{rest}.")
        return ForwardJudge(model, policy)
    return LlmJudge(open_model(rest if kind == "llm" else ref), policy, k=k)
