"""Which judge does what in `align`: the one that filters is never the one that tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from precepts.deliberative.rewards import ProbeDispositions
from precepts.errors import InputError
from precepts.judges import (
    Asking,
    CheckedCompliance,
    ClauseJudge,
    ForwardJudge,
    HelpfulnessJudge,
    Judge,
    LlmJudge,
    Panel,
    PeopleJudge,
    RubricJudge,
    RulesJudge,
    SafeCompletionJudge,
)
from precepts.judges.labels import load_labels
from precepts.judges.panel import METHODS, Method
from precepts.judges.probe import StatesModel
from precepts.judges.questions import Question
from precepts.judges.rubric import load_rubric
from precepts.models import ScoringModel, open_model
from precepts.policy import Policy


def filter_judge(judge: str | None, policy: Policy) -> Judge:
    """The judge whose score filters: a named model that reads the policy, run twice, else the shipped probe on answers."""
    if judge is not None:
        return LlmJudge(open_model(judge), policy, view="full", k=2)
    from precepts.judges.answer_probe import answer_probe

    return answer_probe()


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


JUDGES = """\
  rules                    what an answer did, by rules
  checked                  the rules, and whether a compliance ended, has no loop, is about the prompt
  probe                    the shipped filter, on the embedded model's hidden states
  forward:MODEL            a local model read forward, with the policy
  llm:MODEL, MODEL         a model that reasons over the category's policy, then says its verdict
  clauses:MODEL            the same, one clause in a call
  rubric:FILE@MODEL        a model asked of each criterion of a rubric
  safe:MODEL               keeping the policy times helping, the safe-completion score
  people:FILE              the labels of people: CSV, JSONL or Label Studio
  panel:METHOD(A; B; …)    min, mean or majority of judges"""
_PANEL = re.compile(r"panel:(\w+)\((.*)\)", re.DOTALL)


def open_judge(ref: str, policy: Policy | None, *, k: int = 1, question: Question | None = None) -> Judge:
    """The judge that a reference names; a reference of no judge is that of a model which reads the policy.

    Args:
        ref: See `JUDGES`.
        policy: For judges that read one.
        k: Runs of a judge that asks a model.
        question: What the labels of `people:` answer.

    Raises:
        InputError: If it names no judge, or a judge that reads a policy is given none.
        MissingError: If a model or file that it needs is not here.
    """
    ref = ref.strip()
    kind, _, rest = ref.partition(":")
    if match := _PANEL.fullmatch(ref):
        return _panel(match[1], match[2], policy, k=k, question=question)
    match kind if rest or kind in ("rules", "checked", "probe") else "":
        case "rules":
            return RulesJudge()
        case "checked":
            return test_judge()
        case "probe":
            from precepts.judges.answer_probe import answer_probe

            return answer_probe()
        case "people":
            return PeopleJudge(load_labels(rest, question=question, policy=policy))
        case "rubric":
            file, at, model = rest.partition("@")
            if not (at and file and model):
                raise InputError(f"{ref}: a rubric judge is rubric:FILE@MODEL, such as rubric:style.yaml@openai/NAME.")
            return RubricJudge(Asking(open_model(model), k), load_rubric(Path(file)))
        case _:
            return _reads_policy(ref, kind, rest, policy, k=k)


def can_say(judge: Judge, question: Question) -> bool:
    """Whether a judge ever answers a question: one that scores against a policy or a rubric does not say what the answer did."""
    if isinstance(judge, Panel):
        return 2 * sum(can_say(member, question) for member in judge.members) > len(judge.members)
    scores = (LlmJudge, ForwardJudge, ClauseJudge, RubricJudge, HelpfulnessJudge, SafeCompletionJudge)
    return question == "broke" or not isinstance(judge, scores)


def _reads_policy(ref: str, kind: str, rest: str, policy: Policy | None, *, k: int) -> Judge:
    if policy is None:
        raise InputError(f"The judge {ref} reads a policy. Give one with --policy. Judges are:\n{JUDGES}")
    if kind == "forward":
        model = open_model(rest)
        if not isinstance(model, ScoringModel):
            raise InputError(f"forward:{rest}: the probabilities of {rest} cannot be read. Use llm:{rest}.")
        return ForwardJudge(model, policy)
    if kind == "clauses":
        return ClauseJudge(Asking(open_model(rest), k), policy)
    if kind == "safe":
        opened = open_model(rest)
        return SafeCompletionJudge(LlmJudge(opened, policy, k=k), HelpfulnessJudge(Asking(opened, k)))
    return LlmJudge(open_model(rest if kind == "llm" else ref), policy, k=k)


def _panel(method: str, inside: str, policy: Policy | None, *, k: int, question: Question | None) -> Judge:
    chosen: Method | None = next((name for name in METHODS if name == method), None)
    if chosen is None:
        raise InputError(f"A panel takes {', '.join(METHODS)} of its members, not {method!r:.40}.")
    members = [open_judge(one, policy, k=k, question=question) for one in inside.split(";") if one.strip()]
    return Panel(members, method=chosen)
