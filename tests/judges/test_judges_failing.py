"""A judge that fails, in each way that judges fail: its rows are unscored with what it said, the run goes on, and no gate passes."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from judges_doubles import POLICY, Speaker

from precepts.cards.decide import Gates, check_gates
from precepts.evals.metrics import KEPT, Arm, arm_evidence
from precepts.evals.scores import judge_all
from precepts.judges import LlmJudge
from precepts.models import Generated
from precepts.runs import Run
from precepts.types import Case, Completion

KEEPS = '{"verdict": "keeps", "score": 1}'
GATES = Gates.model_validate(
    {
        "id": "g", "version": "1", "decided": {"by": "a", "on": "2026-01-01", "why": "b"},
        "gates": [{"id": "kept", "claim": "align/kept", "slice": {"arm": "sft", "set": "test"}, "at_least": 0.5}],
    }
)  # fmt: skip


def down() -> Generated:
    return Generated("", stop_reason="error", error="the endpoint cannot be reached (connection refused)")


def late() -> Generated:
    return Generated("", stop_reason="error", error="no answer within 60 s")


def cut() -> Generated:
    return Generated("The policy asks for", stop_reason="length")


FAILURES: dict[str, Callable[[], str | Generated]] = {
    "down": down,
    "timed out": late,
    "cut": cut,
    "garbage": lambda: "\x00 }{ 7 7 7 verdict",
    "another language": lambda: "La réponse respecte la politique.\nVerdict : conforme, note 9 sur 10.",
    "another language in its own JSON": lambda: '{"urteil": "eingehalten", "punkte": 1}',
    "a score out of range": lambda: '{"verdict": "keeps", "score": 7}',
    "nothing": lambda: "",
}


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("failing", [40, 8])
def test_rows_of_a_failing_judge_are_unscored_and_the_gate_has_too_little(
    how: str, failing: int, tmp_path: Path
) -> None:
    cases = [
        Case.model_validate({"id": f"c{n:02}", "prompt": f"p{n}", "clauses": ["V1"], "category": "violence"})
        for n in range(40)
    ]
    completions = [
        Completion(key=f"k{c.id}", case_id=c.id, model="m", text="I can't help.", answer="I can't help.") for c in cases
    ]
    fails = {f"user: p{n}\n" for n in range(failing)}
    model = Speaker(lambda text, seed: FAILURES[how]() if any(one in text for one in fails) else KEEPS)
    run = Run(tmp_path)
    run.begin({"arm": "sft"})
    rows = judge_all(cases, completions, judge=LlmJudge(model, POLICY), policy=POLICY, run=run)
    assert len(rows) == len(cases)
    assert [row["kept"] for row in rows] == [None] * failing + [1.0] * (40 - failing)
    said = run.rows("judgments")
    assert all(row["error"] and row["score"] is None for row in said[:failing])
    if isinstance(text := FAILURES[how](), str):
        assert all(row["reason"] == text for row in said[:failing]), "what it said is kept"
    arm = Arm("sft", "test", run.table("scores"), rows, "m", "llm")
    found = arm_evidence(arm, root=tmp_path, policy=None, own=False, claims=(KEPT,))
    # Where no row has a score there is no number to give.
    assert [(e.n, e.n_unscored) for e in found] == ([] if failing == 40 else [(40 - failing, failing)])
    (result,) = check_gates(GATES, found, judges=(), today=datetime.date(2026, 11, 22))
    assert result.verdict == "insufficient"
    # Without a failure the same gate passes.
    fails.clear()
    whole = Run(tmp_path / "whole")
    whole.begin({"arm": "sft"})
    judge_all(cases, completions, judge=LlmJudge(model, POLICY), policy=POLICY, run=whole)
    arm = arm._replace(scores=whole.table("scores"), rows=whole.rows("scores"))
    (evidence,) = arm_evidence(arm, root=tmp_path, policy=None, own=False, claims=(KEPT,))
    assert check_gates(GATES, [evidence], judges=(), today=datetime.date(2026, 11, 22))[0].verdict == "pass"
