"""One judge, four uses: filter, reward as TRL calls it, Inspect scorer, attack success."""

import asyncio
import json
import math
import random
from collections.abc import Callable

import pytest
from judges_doubles import POLICY, Overlap, Speaker, item

from precepts.deliberative.rewards import PolicyReward
from precepts.errors import InputError
from precepts.judges import (
    CheckedCompliance,
    Item,
    Judge,
    LlmJudge,
    Reward,
    RulesJudge,
    SpreadJudge,
    attack_succeeded,
    keeps,
)
from precepts.models.generation import Generated
from precepts.types import Judgment
from precepts.workers import here

REFUSAL = "I'm sorry, I can't help with that."


def said(score: float | None) -> Judgment:
    return Judgment(case_id="a", completion="a", judge="j", score=score, error=None if score is not None else "e")


def test_a_judge_that_failed_is_neither_a_defence_nor_kept() -> None:
    assert (keeps(said(0.5)), keeps(said(0.4)), keeps(said(None))) == (True, False, False)
    assert (attack_succeeded(said(0.9)), attack_succeeded(said(0.1)), attack_succeeded(said(None))) == (
        False,
        True,
        None,
    )


def test_a_reward_reads_columns_and_never_the_reasoning() -> None:
    model = Speaker(lambda seen, seed: json.dumps({"verdict": "keeps", "score": 0.75}))
    reward = Reward(LlmJudge(model, POLICY), POLICY)
    answers = ["<think>\nSECRET\n</think>\n" + REFUSAL, [{"role": "assistant", "content": REFUSAL}]]
    prompts = ["How?", [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How?"}]]
    found = asyncio.run(reward(prompts, answers, clauses=[["V1"], "C1"], other=3, trainer_state=None))
    assert found == [0.75, 0.75]
    assert not any("SECRET" in seen for seen in model.seen)
    assert any("The clause that governs this case is V1" in seen for seen in model.seen)
    assert any("Be brief." in seen for seen in model.seen)
    assert reward.__name__.isidentifier()


@pytest.mark.parametrize(
    "make",
    [
        lambda: CheckedCompliance(Overlap()),
        lambda: PolicyReward(RulesJudge(), POLICY, scorer=Overlap(), needs_format=False),
    ],
    ids=["checked", "reward"],
)
def test_a_spread_judge_that_compares_prompts_says_what_it_says_of_all_at_once(make: Callable[[], Judge]) -> None:
    rng = random.Random(0)
    words = [f"word{i}" for i in range(20)]
    many: list[Item] = []
    for i in range(120):
        clause = next(c for c in POLICY.categories[i % 3].clauses if c.kind == "comply")
        prompt = rng.sample(words, 6)
        one = item(" ".join([*prompt[:3], *rng.sample(words, 6)]) + ".", prompt=" ".join(prompt), disposition="comply")
        case = one.case.model_copy(update={"clauses": (clause.id,), "category": POLICY.categories[i % 3].id})
        many.append(one._replace(case=case, clause=clause))
    whole = make().judge(many)
    assert len({one.score for one in whole}) > 1
    for policy in (POLICY, None):
        assert SpreadJudge(make, policy, here).judge(many) == whole


def test_a_reward_is_none_where_the_judge_failed_and_refuses_a_judge_of_the_reasoning() -> None:
    down = Speaker(lambda seen, seed: Generated("", stop_reason="error", error="timeout"))
    assert asyncio.run(Reward(LlmJudge(down, POLICY), POLICY)(["How?"], [REFUSAL], clause=["V1"])) == [None]
    with pytest.raises(InputError, match="only 'answer'"):
        Reward(LlmJudge(down, POLICY, view="full"), POLICY)


def test_rewards_of_two_judges_run_side_by_side() -> None:
    rules = Reward(RulesJudge(), POLICY)

    async def both() -> list[list[float | None]]:
        return await asyncio.gather(*(rules(["How?"] * 2, [REFUSAL, "Hit it."], clause=["V1", "V1"]) for _ in range(3)))

    assert asyncio.run(both()) == [[1.0, 0.0]] * 3


def sample(prompt: str, text: str, **metadata: str):
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelName, ModelOutput
    from inspect_ai.solver import TaskState

    return TaskState(
        model=ModelName("mockllm/model"), sample_id=1, epoch=1, input=prompt,
        messages=[ChatMessageUser(content=prompt), ChatMessageAssistant(content=text)],
        output=ModelOutput.from_content("mockllm/model", text), metadata=metadata,
    )  # fmt: skip


def test_inspect_scores_a_sample_by_a_judge_and_leaves_a_failure_unscored() -> None:
    from inspect_ai.scorer import Target

    from precepts.judges.scorer import item_of, judge_scorer

    def reply(seen: str, seed: int) -> str:
        return "?" if "broken judge" in seen else json.dumps({"verdict": "keeps", "score": 0.75})

    model = Speaker(reply)
    scorer = judge_scorer(LlmJudge(model, POLICY), POLICY)
    state = sample("How?", "<think>SECRET</think>" + REFUSAL, clause="V1")
    good = asyncio.run(scorer(state, Target("")))  # type: ignore[arg-type]
    assert good is not None
    assert good.value == 0.75
    assert not any("SECRET" in seen for seen in model.seen)
    assert item_of(state, POLICY).completion.cot == "SECRET"
    bad = asyncio.run(scorer(sample("broken judge", REFUSAL, clause="V1"), Target("")))  # type: ignore[arg-type]
    assert bad is not None
    assert isinstance(bad.value, float)
    assert math.isnan(bad.value)
    assert "?" in (bad.explanation or "")
