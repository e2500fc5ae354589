"""From a model and cases to evidence: completions in planned batches, one flat table of scores, claims that can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import small
from precepts.evals.arms import complete, conversation_of
from precepts.evals.metrics import Arm, arm_evidence, paired_evidence
from precepts.evals.scores import asked_of, judge_all
from precepts.judges import CheckedCompliance
from precepts.models import Sampling
from precepts.models.format import render
from precepts.models.generation import Conversation
from precepts.policy import Policy, load_policy
from precepts.runs import Run
from precepts.stats import verify
from precepts.testing import ScriptedModel
from precepts.types import Case, Evidence

SAYS = {
    "refuse": "I'm sorry, but I can't help with that.",
    "comply": "Water the bed in the evening and keep the soil loose.",
    "safe_complete": "I'm not a doctor, but cold water often calms it. Please see a doctor if it grows.",
}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(small.write_policy(tmp_path_factory.mktemp("policy")))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case.model_validate(row) for row in small.rows() if row["split"] == "test"]


def knows(
    policy: Policy, cases: Sequence[Case], *, wrong: Sequence[str] = (), lost: Sequence[str] = ()
) -> ScriptedModel:
    """A model that reasons and keeps the policy, but refuses what it would comply with, or the reverse, in the `wrong` cases."""
    by_prompt = {case.prompt: case for case in cases}

    def says(conversation: Conversation) -> str | Exception:
        case = by_prompt[conversation[-1].content]
        if case.id in lost:
            return RuntimeError("line cut")
        clause = policy.clause(case.clauses[0])
        kind = (
            {"refuse": "comply", "comply": "refuse"}.get(clause.kind, clause.kind) if case.id in wrong else clause.kind
        )
        return render(verdict=kind, clause=clause.id, why=clause.reason, answer=SAYS[kind])

    return ScriptedModel("scripted", says)


def measured(path: Path, model: ScriptedModel, cases: Sequence[Case], policy: Policy | None, name: str = "sft") -> Arm:
    run = Run(path / name)
    made = complete(
        cases, model=lambda: model, name=model.name, run=run, label=name, sampling=Sampling(), seed=0, batch_size=3
    )
    rows = judge_all(cases, made, judge=CheckedCompliance(None), policy=policy, run=run)
    return Arm(name, "test", run.table("scores"), rows, model.name, "rules")


def by_claim(evidence: Sequence[Evidence]) -> dict[str, Evidence]:
    return {e.claim.removeprefix("align/"): e for e in evidence if "category" not in e.slice}


def test_a_model_that_keeps_the_policy_scores_one_everywhere(policy: Policy, cases: list[Case], tmp_path: Path) -> None:
    arm = measured(tmp_path, knows(policy, cases), cases, policy)
    found = by_claim(arm_evidence(arm, root=tmp_path, policy="p", own=True))
    assert {name: (e.value, e.n, e.n_unscored) for name, e in found.items()} == {
        "refusal_rate": (1.0, 4, 0), "not_overrefuse": (1.0, 2, 0), "safe_completion": (1.0, 2, 0), "balanced_accuracy": (1.0, 6, 0),
        "decision_auc": (1.0, 6, 0), "opener_auc": (1.0, 6, 0), "clause_retrieval": (1.0, 8, 0), "category_retrieval": (1.0, 8, 0),
        "format_valid": (1.0, 8, 0),
    }  # fmt: skip


def test_mistakes_are_counted_by_hand_and_compared_on_the_same_cases(
    policy: Policy, cases: list[Case], tmp_path: Path
) -> None:
    ids = {kind: [c.id for c in cases if policy.disposition(c.clauses) == kind] for kind in ("refuse", "comply")}
    base = measured(tmp_path, knows(policy, cases, wrong=[*ids["refuse"][:3], ids["comply"][0]]), cases, policy, "base")
    arm = measured(tmp_path, knows(policy, cases, wrong=ids["refuse"][:1]), cases, policy)
    found = [by_claim(arm_evidence(a, root=tmp_path, policy="p", own=True)) for a in (base, arm)]
    values = [[f[name].value for name in ("refusal_rate", "not_overrefuse", "balanced_accuracy")] for f in found]
    assert values == [[0.25, 0.5, 0.375], [0.75, 1.0, 0.875]]
    # The decision follows the verdict: base ranks 1 refusal of 4 above 1 compliance of 2, and ties 1·1 + 3·1 of 8 pairs.
    assert found[0]["decision_auc"].value == pytest.approx((1 + 0.5 * 4) / 8)
    assert found[1]["decision_auc"].value == pytest.approx((6 + 0.5 * 2) / 8)
    paired = by_claim(paired_evidence(arm, base, root=tmp_path, policy="p"))
    assert paired["refusal_rate"].value == pytest.approx(0.5)
    assert paired["not_overrefuse"].value == pytest.approx(0.5)
    assert paired["balanced_accuracy"].value == pytest.approx(0.5)
    assert paired["decision_auc"].value == pytest.approx(7 / 8 - 3 / 8)
    assert "clause_retrieval" not in paired
    everything = [
        *arm_evidence(arm, root=tmp_path, policy="p", own=True, categories=True),
        *paired_evidence(arm, base, root=tmp_path, policy="p"),
    ]
    assert [verify(e, root=tmp_path) for e in everything] == [[]] * len(everything)
    assert {e.slice.get("category") for e in everything} == {None, "plants", "health"}


def test_a_set_whose_cases_name_no_category_is_told_by_its_own_groups(tmp_path: Path) -> None:
    # 12 cases of kind a (9 refused) and 12 of kind b (3); `word` has 24 values of one case each, `rare` one of 2: neither is a slice.
    rows = [
        {"case_id": f"{n}", "asked": "refuse", "category": None, "refused": float(n < 9 or n > 20),
         "groups": {"kind": "a" if n < 12 else "b", "word": f"{n}", "rare": "x" if n < 2 else "y"}}
        for n in range(24)
    ]  # fmt: skip
    run = Run(tmp_path)
    run.write("scores", rows)
    arm = Arm("sft", "public", run.table("scores"), rows, "m", "rules")
    found = arm_evidence(arm, root=tmp_path, policy=None, own=False, categories=True)
    assert {e.slice.get("category"): (e.value, e.n) for e in found} == {
        None: (0.5, 24), "kind: a": (0.75, 12), "kind: b": (0.25, 12)
    }  # fmt: skip
    assert [verify(e, root=tmp_path) for e in found] == [[], [], []]


def test_a_row_that_could_not_be_had_is_unscored_and_moves_no_rate(
    policy: Policy, cases: list[Case], tmp_path: Path
) -> None:
    lost = next(c.id for c in cases if c.clauses == ("P2",))
    arm = measured(tmp_path, knows(policy, cases, lost=[lost]), cases, policy)
    found = by_claim(arm_evidence(arm, root=tmp_path, policy="p", own=True))
    for name, n in (("refusal_rate", 3), ("balanced_accuracy", 5), ("decision_auc", 5)):
        assert (found[name].value, found[name].n, found[name].n_unscored) == (1.0, n, 1), name
    row = next(r for r in arm.rows if r["case_id"] == lost)
    assert row["refused"] is row["complied"] is None
    assert "line cut" in row["error"]


def test_a_claim_about_what_no_case_asks_is_not_made(policy: Policy, cases: list[Case], tmp_path: Path) -> None:
    comply = [c for c in cases if c.clauses == ("P1",)]
    arm = measured(tmp_path, knows(policy, comply), comply, policy)
    assert by_claim(arm_evidence(arm, root=tmp_path, policy="p", own=False)).keys() == {"not_overrefuse"}


def test_an_arm_that_writes_no_verdict_has_no_decision(policy: Policy, cases: list[Case], tmp_path: Path) -> None:
    arm = measured(tmp_path, ScriptedModel("plain", lambda c: SAYS["refuse"]), cases, policy, "base")
    found = by_claim(arm_evidence(arm, root=tmp_path, policy="p", own=True))
    assert "decision_auc" not in found
    assert "clause_retrieval" not in found, "without reasoning nothing was cited"
    assert found["opener_auc"].value == 0.5
    assert (found["refusal_rate"].value, found["not_overrefuse"].value) == (1.0, 0.0)


def test_what_was_completed_and_judged_is_read_and_not_made_again(
    policy: Policy, cases: list[Case], tmp_path: Path
) -> None:
    first = measured(tmp_path, knows(policy, cases), cases, policy)
    unused = ScriptedModel("scripted", lambda c: pytest.fail("asked again"))
    assert measured(tmp_path, unused, cases, policy).rows == first.rows


def test_the_authors_disposition_scores_and_the_clause_where_there_is_none(policy: Policy) -> None:
    row: dict[str, Any] = {"prompt": "a", "clauses": ["P2"]}
    assert asked_of(Case.model_validate(row), policy) == "refuse"
    assert asked_of(Case.model_validate({**row, "disposition": "comply"}), policy) == "comply"
    assert asked_of(Case.model_validate(row), None) is None
    assert asked_of(Case.model_validate({"prompt": "a"}), policy) is None


def test_a_system_text_is_put_before_the_cases_own() -> None:
    case = Case.model_validate(
        {"messages": [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "A?"}]}
    )
    assert conversation_of(case, None) == case.messages
    turns = conversation_of(case, "Brief.")
    assert [(t.role, t.content) for t in turns] == [("system", "Brief.\n\nRhyme."), ("user", "A?")]
