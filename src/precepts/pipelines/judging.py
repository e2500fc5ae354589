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
from precepts.judges.llm import JudgedView
from precepts.judges.panel import METHODS, Method
from precepts.judges.probe import StatesModel
from precepts.judges.questions import Question
from precepts.judges.rubric import load_rubric
from precepts.models import Model, ScoringModel, model_path, open_model
from precepts.policy import Policy


def filter_judge(judge: str | None, policy: Policy) -> Judge:
    """The judge whose score filters, run twice and shown the reasoning if it asks a model; by default the shipped probe on answers.

    Raises:
        PreceptsError: As of `open_judge`, or if it holds the rules, which test.
    """
    if judge is not None:
        check_reference(judge, "filters")
        return open_judge(judge, policy, k=2, view="full")
    from precepts.judges.answer_probe import answer_probe

    return answer_probe()


def reward_judge(judge: str | None, policy: Policy) -> tuple[Judge, ScoringModel]:
    """The judge that says in a reward whether the disposition was kept, and the model that tells relevance.

    A named judge reads the policy and the answer, never the reasoning; else it is the shipped probe, which shares no rule with the judge
    that tests.

    Raises:
        PreceptsError: As of `open_judge`, or if it holds the rules, which test.
    """
    from precepts.judges.answer_probe import answer_probe
    from precepts.judges.relevance import embedded_scorer

    scorer = embedded_scorer()
    if judge is not None:
        check_reference(judge, "rewards")
        return open_judge(judge, policy), scorer
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
_OF_MODEL = ("forward", "llm", "clauses", "safe")

_TOKENS, _SERVED_TOKENS = 256, 2048
"""For reason and verdict, of a model that runs here and of one that is served: many of those reason at length before they say anything, and
end by themselves."""


def check_reference(ref: str | None, does: str) -> None:
    """Tells what is wrong with the reference of a judge that filters or rewards, before anything is begun with it; loads nothing.

    Raises:
        InputError: If it names no judge, or one that tests.
        MissingError: If a model that it needs is not here.
    """
    if ref is None:
        return
    if panel := _members(ref):
        for one in panel[1]:
            check_reference(one, does)
        return
    kind, _, rest = ref.strip().partition(":")
    if kind in ("rules", "checked"):
        raise InputError(
            f"{kind} tests, so it is not the judge that {does}. Give another as --judge. Judges are:\n{JUDGES}"
        )
    if kind not in ("probe", "people"):
        model_path(_rubric(ref)[1] if kind == "rubric" else rest if kind in _OF_MODEL and rest else ref.strip())


def _members(ref: str) -> tuple[Method, list[str]] | None:
    """Method and members of a panel; None for what is none."""
    match = _PANEL.fullmatch(ref.strip())
    if match is None:
        return None
    chosen: Method | None = next((name for name in METHODS if name == match[1]), None)
    if chosen is None:
        raise InputError(f"A panel takes {', '.join(METHODS)} of its members, not {match[1]!r:.40}.")
    return chosen, [one for one in match[2].split(";") if one.strip()]


def _rubric(ref: str) -> tuple[Path, str]:
    """File and model of a rubric judge."""
    file, at, model = ref.strip().removeprefix("rubric:").partition("@")
    if not (at and file and model):
        raise InputError(f"{ref}: a rubric judge is rubric:FILE@MODEL, such as rubric:style.yaml@openai/NAME.")
    return Path(file), model


def _most_tokens(model: Model) -> int:
    return _TOKENS if isinstance(model, ScoringModel) else _SERVED_TOKENS


def open_judge(
    ref: str, policy: Policy | None, *, k: int = 1, question: Question | None = None, view: JudgedView = "answer"
) -> Judge:
    """The judge that a reference names; a reference of no judge is that of a model which reads the policy.

    Args:
        ref: See `JUDGES`.
        policy: For judges that read one.
        k: Runs of a judge that asks a model.
        question: What the labels of `people:` answer.
        view: What judges that ask a model are shown; those of help, and of safe completions, see the answer alone.

    Raises:
        InputError: If it names no judge, or a judge that reads a policy is given none.
        MissingError: If a model or file that it needs is not here.
    """
    ref = ref.strip()
    kind, _, rest = ref.partition(":")
    if panel := _members(ref):
        method, inside = panel
        return Panel([open_judge(one, policy, k=k, question=question, view=view) for one in inside], method=method)
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
            file, model = _rubric(ref)
            return RubricJudge(_asking(model, k), load_rubric(file), view=view)
        case _:
            return _reads_policy(ref, kind, rest, policy, k=k, view=view)


def can_say(judge: Judge, question: Question) -> bool:
    """Whether a judge ever answers a question: one that scores against a policy or a rubric does not say what the answer did."""
    if isinstance(judge, Panel):
        return 2 * sum(can_say(member, question) for member in judge.members) > len(judge.members)
    scores = (LlmJudge, ForwardJudge, ClauseJudge, RubricJudge, HelpfulnessJudge, SafeCompletionJudge)
    return question == "broke" or not isinstance(judge, scores)


def _asking(ref: str, k: int) -> Asking:
    model = open_model(ref)
    return Asking(model, k, max_tokens=_most_tokens(model))


def _reads_policy(ref: str, kind: str, rest: str, policy: Policy | None, *, k: int, view: JudgedView) -> Judge:
    if policy is None:
        raise InputError(f"The judge {ref} reads a policy. Give one with --policy. Judges are:\n{JUDGES}")
    if kind == "forward":
        model = open_model(rest)
        if not isinstance(model, ScoringModel):
            raise InputError(f"forward:{rest}: the probabilities of {rest} cannot be read. Use llm:{rest}.")
        return ForwardJudge(model, policy, view=view)
    asking = _asking(rest if kind in ("llm", "clauses", "safe") else ref, k)
    if kind == "clauses":
        return ClauseJudge(asking, policy, view=view)
    if kind == "safe":
        kept = LlmJudge(asking.model, policy, k=k, max_tokens=asking.max_tokens)
        return SafeCompletionJudge(kept, HelpfulnessJudge(asking))
    return LlmJudge(asking.model, policy, k=k, view=view, max_tokens=asking.max_tokens)
