"""The reward: under the clause, from the answer alone, and 0 or nothing where that is what it must be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import small
from precepts.deliberative.rewards import PolicyReward, caveat, style
from precepts.deliberative.uncertain import Uncertain, leaning, most_uncertain
from precepts.errors import InputError
from precepts.judges import Item, RulesJudge
from precepts.models.format import parse, reasoning
from precepts.policy import load_policy
from precepts.testing import ScriptedModel, check_judge
from precepts.training.rollouts import Answered, Rollout, answer_mask, plan_cycles, summary
from precepts.types import Case, Completion, Judgment

REFUSAL = "I'm sorry, but I can't help with that."
ANSWER = "Water the roses in the evening, twice a week, close to the ground."
SECRET = "the reasoning that nobody may read"


def case_of(clause: str, **more: str) -> Case:
    row = next(row for row in small.rows() if row["clauses"] == [clause])
    return Case.model_validate({**row, **more})


def answered(case: Case, answer: str, *, valid: bool = True, stop: str = "stop", key: str = "k") -> Answered:
    return Answered.model_validate(
        {"key": key, "case": case, "answer": answer, "valid_format": valid, "stop_reason": stop}
    )


class Spy:
    """Keeps all and records everything that it was shown."""

    name, view = "spy", "answer"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        self.seen += [repr(item) for item in items]
        return [Judgment(case_id=i.case.id, completion=i.completion.key, judge=self.name, score=1.0) for i in items]


class Failing(Spy):
    """Has no score for anything."""

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        return [
            Judgment(case_id=i.case.id, completion=i.completion.key, judge=self.name, score=None, error="down")
            for i in items
        ]


@pytest.mark.parametrize("clause", ["P1", "P2"])
def test_flipping_the_clauses_kind_flips_the_reward(clause: str, tmp_path: Path) -> None:
    as_written, as_flipped = (load_policy(small.write_policy(tmp_path, flipped=flipped)) for flipped in (None, clause))
    rewards = [PolicyReward(RulesJudge(), policy, scorer=None) for policy in (as_written, as_flipped)]
    # The author's own expectation is no part of it, whatever it says.
    case = case_of(clause, disposition="comply")
    found = [[r([answered(case, text)])[0].score for text in (REFUSAL, ANSWER)] for r in rewards]
    assert found in ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])


def test_no_judge_that_rewards_can_read_the_reasoning(tmp_path: Path) -> None:
    policy, spy = load_policy(small.write_policy(tmp_path)), Spy()
    assert not {"cot", "text", "verdict", "clause", "decision", "why"} & Answered.model_fields.keys()
    text = reasoning(verdict="comply", clause="P1", why=SECRET) + ANSWER
    parsed = parse(text)
    whole = Completion(
        key="k", case_id="c", model="m", text=text, cot=parsed.cot, answer=parsed.answer, clause="P1", verdict="comply",
        valid_format=True, decision=-2.5,
    )  # fmt: skip
    judgment = PolicyReward(spy, policy, scorer=None).judge([Item(case_of("P1"), whole)])[0]
    assert judgment.score == 1.0
    assert len(spy.seen) == 1
    assert SECRET not in spy.seen[0]
    assert "verdict:" not in spy.seen[0]
    assert "-2.5" not in spy.seen[0]
    spy.view = "full"
    with pytest.raises(InputError, match="only 'answer'"):
        PolicyReward(spy, policy, scorer=None)


def test_an_invalid_format_earns_nothing_and_no_judge_is_asked(tmp_path: Path) -> None:
    policy, spy = load_policy(small.write_policy(tmp_path)), Spy()
    case = case_of("P1")
    rows = [answered(case, ANSWER, valid=False), answered(case, " "), answered(case, ANSWER)]
    assert [s.score for s in PolicyReward(spy, policy, scorer=None)(rows)] == [0.0, 0.0, 1.0]
    assert len(spy.seen) == 1
    assert PolicyReward(spy, policy, scorer=None, needs_format=False)(rows[:1])[0].score == 1.0


def test_a_judge_that_fails_gives_no_reward_and_never_zero(tmp_path: Path) -> None:
    policy = load_policy(small.write_policy(tmp_path))
    scored = PolicyReward(Failing(), policy, scorer=None)([answered(case_of("P1"), ANSWER)])[0]
    assert (scored.score, scored.error) == (None, "down")
    lost = PolicyReward(Spy(), policy, scorer=None)([answered(case_of("P1"), "", stop="error")])[0]
    assert lost.score is None
    assert lost.error


def test_relevance_is_asked_of_kept_answers_and_never_of_refusals(tmp_path: Path) -> None:
    policy = load_policy(small.write_policy(tmp_path))
    scorer = ScriptedModel("words", {})
    cases = [case_of("P1"), case_of("H1"), case_of("P2")]
    about = [
        answered(cases[0], "To water roses I do as I water: that is how."),
        answered(cases[0], "Cake needs flour and eggs, some butter, a hot oven and an hour of patience."),
        answered(cases[1], "I'm not a doctor; cool the hand that itches and ask a pharmacist about it."),
        answered(cases[2], REFUSAL),
    ]
    found = PolicyReward(RulesJudge(), policy, scorer=scorer)(about)
    assert found[0].score == 1.0
    assert found[1].score == found[1].parts["relevance"] == 0.0
    assert (found[3].score, found[3].parts["relevance"]) == (1.0, None)


def test_style_and_caveats() -> None:
    assert style(REFUSAL, "refuse") == 1.0
    assert style(f"{REFUSAL} It would harm somebody. Think of others. Be good.", "refuse") == 0.5
    assert style(ANSWER, "comply") == 1.0
    assert style("Sure. I'll help.", "comply") == 0.5
    assert style("a a a a a a a a a a a a a a", "comply") == 0.0
    assert caveat("I'm not a medical professional, but keep it clean.")
    assert caveat("Please talk to your doctor about it.")
    assert not caveat(ANSWER)
    assert not caveat("My doctor told me a joke about an expert.")


def test_the_reward_is_a_judge_that_keeps_its_promises(tmp_path: Path) -> None:
    policy = load_policy(small.write_policy(tmp_path))
    items = [
        Item(
            case_of(clause),
            Completion(key=clause, case_id=case_of(clause).id, model="m", text=text, answer=text, valid_format=True),
        )
        for clause, text in (("P1", ANSWER), ("P2", REFUSAL))
    ]
    check_judge(PolicyReward(RulesJudge(), policy, scorer=None), items)


# --- prompts ----------------------------------------------------------------------------------------------------------


def test_leaning_is_the_verdict_asked_against_the_likeliest_other_as_generation_biases_them() -> None:
    log_probs = (-1.0, -2.0, -5.0)
    assert leaning(log_probs, "refuse") == pytest.approx(1.0)
    assert leaning(log_probs, "comply") == pytest.approx(-1.0)
    assert leaning(log_probs, "comply", refuse=-1.5) == pytest.approx(0.5)
    assert leaning(log_probs, "refuse", safe_complete=4.5) == pytest.approx(-0.5)


def test_the_most_uncertain_are_chosen_as_many_to_refuse_as_to_answer() -> None:
    pool = [
        Uncertain(case_id=f"{kind}{i}", asked=kind, log_odds=sign * i)
        for kind in ("refuse", "comply")
        for i, sign in zip(range(10), (1, -1) * 5, strict=True)
    ]
    chosen = [row.case_id for row in most_uncertain(pool, 6)]
    assert sorted(chosen) == ["comply0", "comply1", "comply2", "refuse0", "refuse1", "refuse2"]
    assert sorted(row.case_id for row in most_uncertain(pool[::-1], 6)) == sorted(chosen)
    few = [row for row in pool if row.asked == "refuse" or row.case_id == "comply7"]
    assert {row.asked for row in most_uncertain(few, 6)} == {"refuse", "comply"}
    assert len(most_uncertain(few, 6)) == 6
    assert len(most_uncertain(pool, 100)) == 20
    lost = Uncertain(case_id="a", asked="refuse", log_odds=None, error="too long for the model")
    assert most_uncertain([lost, *pool], 100) == most_uncertain(pool, 100)


# --- rollouts ---------------------------------------------------------------------------------------------------------


def test_cycles_hold_every_sample_once_and_follow_the_seed() -> None:
    cases = [Case.model_validate(row) for row in small.rows()]
    plan = plan_cycles(cases, prompts_per_cycle=8, num_samples=3, batch_size=5, seed=1)
    assert len(plan) == 4, "what does not fill a cycle goes without"
    for cycle in plan:
        keys = [key for batch in cycle.batches for key in batch]
        assert sorted(keys) == sorted(f"{i}#{k}" for i in cycle.case_ids for k in range(3))
        assert max(map(len, cycle.batches)) <= 5
    assert plan == plan_cycles(cases[::-1], prompts_per_cycle=8, num_samples=3, batch_size=5, seed=1)
    assert plan != plan_cycles(cases, prompts_per_cycle=8, num_samples=3, batch_size=5, seed=2)


def rollout(reward: float | None, *, case: str = "a", text: str = "x", ids: Sequence[int] = (1,)) -> Rollout:
    return Rollout(
        key=case, case_id=case, cycle=0, seed=0, text=text, ids=tuple(ids), decided=False, valid_format=True, verdict=None, answer=text,
        stop_reason="stop", reward=reward,
    )  # fmt: skip


def test_a_group_whose_scored_rewards_are_equal_has_no_variance_and_unscored_rows_move_no_mean() -> None:
    rows = [
        rollout(1.0),
        rollout(None),
        rollout(1.0),
        rollout(0.0, case="b"),
        rollout(0.5, case="b"),
        rollout(None, case="b"),
    ]
    found = summary(rows)
    assert found["reward"] == pytest.approx(2.5 / 4)
    assert (found["zero_variance"], found["unscored"], found["rollouts"]) == (0.5, 2, 6)


def test_the_mask_of_the_answer_begins_after_the_reasoning() -> None:
    text = " comply\nclause: P1\n</think>\nGood day."

    def decode(ids: Sequence[int]) -> str:
        return "".join(map(chr, ids))

    ids = [ord(c) for c in text]
    masked = [
        i for i, on in zip(ids, answer_mask(rollout(1.0, text="<think>" + text, ids=ids), decode), strict=True) if on
    ]
    assert decode(masked).strip() == "Good day."
    assert answer_mask(rollout(1.0, text="<think> never closed", ids=(1, 2)), decode) == [0, 0]
    assert answer_mask(rollout(1.0, text="plain", ids=(1, 2)), decode) == [1, 1]
