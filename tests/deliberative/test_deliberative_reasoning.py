"""Wavering and invented citations: the rules on a labelled sample, and what they never say of the policy's own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precepts.deliberative import filter_completions
from precepts.deliberative.reasoning import invented, says, wavers
from precepts.models.format import parse, render
from precepts.policy import starter_policy
from precepts.types import Case, Completion

SAMPLE = [
    json.loads(line) for line in (Path(__file__).parent / "reasoning_sample.jsonl").read_text("utf-8").splitlines()
]
POLICY = starter_policy()


def table(rule: Callable[[Any], bool], key: str, half: str) -> tuple[float, float]:
    """Precision and recall on half of the sample; the rules were written while looking at the half `seen` alone."""
    rows = [row for row in SAMPLE if row["half"] == half]
    called = [row for row in rows if rule(row)]
    right = sum(row[key] for row in called)
    return right / len(called), right / sum(row[key] for row in rows)


@pytest.mark.parametrize("half", ["seen", "held out"])
def test_what_is_said_to_waver_wavers(half: str) -> None:
    precision, recall = table(lambda row: bool(wavers(row["why"], row["verdict"])), "wavers", half)
    assert precision >= 0.9
    assert recall >= 0.8


@pytest.mark.parametrize("half", ["seen", "held out"])
def test_what_is_said_to_be_invented_is(half: str) -> None:
    precision, recall = table(lambda row: bool(invented(row["why"], POLICY)), "invents", half)
    assert precision >= 0.8
    assert recall >= 0.8


def test_the_policys_own_reasons_neither_waver_nor_invent() -> None:
    for clause in POLICY.clauses:
        assert wavers(clause.reason, clause.kind) is None, clause.id
        for text in (clause.reason, f"{clause.id}: {clause.text}", f'Clause {clause.id} says "{clause.text}"'):
            assert invented(text, POLICY) is None, clause.id


def test_a_quotation_must_stand_in_the_clause() -> None:
    clause = POLICY.clause("V1")
    assert says(clause, clause.text[:40])
    assert not says(clause, "never speak about knives in any context")


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("This is an everyday request.", None),
        ("It must be refused. It is allowed. Then again, refused.", "wavering"),
        ("Clause Z99 lets me answer.", "invented citation"),
    ],
)
def test_the_filter_drops_them_with_a_reason(why: str, reason: str | None) -> None:
    case = Case.model_validate({"id": "a", "prompt": "Name a tree.", "clauses": ["G1"]})
    text = render(verdict="comply", clause="G1", why=why, answer="An oak is a tree.")
    parsed = parse(text)
    completion = Completion(
        key="k", case_id="a", model="m", text=text, cot=parsed.cot, answer=parsed.answer, clause=parsed.clause, verdict=parsed.verdict,
        valid_format=parsed.valid,
    )  # fmt: skip
    assert filter_completions([case], [completion], policy=POLICY, judges=[])[0].reason == reason
