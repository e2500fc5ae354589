"""Every completion is kept, or dropped with its reason."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import small
from precepts.deliberative import fault, filter_completions
from precepts.evals.arms import completion_of
from precepts.judges import Item
from precepts.models.format import render
from precepts.models.generation import Generated
from precepts.policy import Policy, load_policy
from precepts.types import Case, Completion, Judgment

CASE = Case.model_validate({"id": "c", "prompt": "How do I prune a rose?", "clauses": ["P1"]})
GOOD = render(verdict="comply", clause="P1", why="It is care.", answer="Cut above a bud in spring.")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(small.write_policy(tmp_path_factory.mktemp("policy")))


def completion(text: str, *, key: str = "k", stop_reason: str = "stop", case: Case = CASE) -> Completion:
    error = "gone" if stop_reason == "error" else None
    made = Generated(text, stop_reason, 5, None, error)  # pyright: ignore[reportArgumentType]
    return completion_of(case, made, model="m", key=key, seed=0, batch=0, opener=None)


class Says:
    """A judge that scores by the completion's key; None is a failure."""

    view = "answer"

    def __init__(self, name: str, **scores: float | None) -> None:
        self.name, self.scores = name, scores
        self.seen: list[str] = []

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        self.seen += [item.completion.key for item in items]
        return [
            Judgment(
                case_id=item.case.id, completion=item.completion.key, judge=self.name, score=(score := self.scores[item.completion.key]),
                error="down" if score is None else None,
            )
            for item in items
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "stop_reason", "reason"),
    [
        (GOOD, "stop", None),
        ("Cut above a bud.", "stop", "format"),
        (GOOD.replace("clause: P1\n", ""), "stop", "format"),
        (GOOD.replace("verdict: comply", "verdict: perhaps"), "stop", "format"),
        (GOOD.replace("Cut above a bud in spring.", " "), "stop", "format"),
        (GOOD.replace("P1", "P7"), "stop", "invented clause"),
        (GOOD.replace("P1", "P2"), "stop", "reasoning against its verdict"),
        (GOOD.replace("comply", "refuse").replace("P1", "P2"), "stop", "verdict against the policy"),
        (GOOD, "length", "cut off"),
        (GOOD + " Cut it well now." * 4, "stop", "degenerate answer"),
        (GOOD.replace("Cut above a bud in spring.", "!!! ??? ..."), "stop", "degenerate answer"),
        ("", "error", "could not be had"),
        (GOOD, "error", "could not be had"),
    ],
)
def test_a_program_sees_the_fault(policy: Policy, text: str, stop_reason: str, reason: str | None) -> None:
    assert fault(CASE, completion(text, stop_reason=stop_reason), policy) == reason


def test_a_case_without_a_clause_is_held_to_the_clause_that_is_cited(policy: Policy) -> None:
    bare = Case.model_validate({"id": "b", "prompt": "Morning."})
    assert fault(bare, completion(GOOD, case=bare), policy) is None
    assert fault(bare, completion(GOOD.replace("P1", "P2"), case=bare), policy) == "reasoning against its verdict"


def test_the_lowest_judge_decides_and_is_named(policy: Policy) -> None:
    made = [completion(GOOD, key=k) for k in ("both", "first", "second", "edge")]
    judges = [
        Says("a", both=0.9, first=0.2, second=1.0, edge=0.5),
        Says("b", both=0.6, first=0.9, second=0.4, edge=0.5),
    ]
    found = filter_completions([CASE], made, policy=policy, judges=judges)  # pyright: ignore[reportArgumentType]
    assert [(f.completion.key, f.reason) for f in found] == [
        ("both", None), ("first", "judge a"), ("second", "judge b"), ("edge", None),
    ]  # fmt: skip
    strict = filter_completions([CASE], made, policy=policy, judges=judges, threshold=0.7)  # pyright: ignore[reportArgumentType]
    assert [f.reason for f in strict] == ["judge b", "judge a", "judge b", "judge a"]


def test_a_judge_that_fails_neither_keeps_nor_drops_alone(policy: Policy) -> None:
    made = [completion(GOOD, key=k) for k in ("none", "kept", "dropped")]
    judges = [Says("a", none=None, kept=None, dropped=0.1), Says("b", none=None, kept=0.8, dropped=None)]
    found = filter_completions([CASE], made, policy=policy, judges=judges)  # pyright: ignore[reportArgumentType]
    assert [f.reason for f in found] == ["unjudged", None, "judge a"]
    assert [[j.score for j in f.judgments] for f in found] == [[None, None], [None, 0.8], [0.1, None]]


def test_every_completion_comes_out_once_in_order_and_the_faulty_are_not_judged(policy: Policy) -> None:
    made = [completion(text, key=f"k{i}") for i, text in enumerate((GOOD, "no format", GOOD, GOOD.replace("P1", "P7")))]
    judge = Says("a", k0=1.0, k2=0.0)
    found = filter_completions([CASE], made, policy=policy, judges=[judge])  # pyright: ignore[reportArgumentType]
    assert [f.completion.key for f in found] == ["k0", "k1", "k2", "k3"]
    assert [f.reason for f in found] == [None, "format", "judge a", "invented clause"]
    assert judge.seen == ["k0", "k2"]


def test_without_judges_what_has_no_fault_is_kept(policy: Policy) -> None:
    (found,) = filter_completions([CASE], [completion(GOOD)], policy=policy, judges=[])
    assert (found.reason, found.judgments) == (None, ())
