"""Two ways to write with the policy in the prompt, and the training set's weights."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import small
from precepts.deliberative import Weights, build_examples, generate, teacher_conversation
from precepts.deliberative.examples import balance
from precepts.deliberative.generate import shortened
from precepts.errors import InputError
from precepts.evals.arms import completion_of
from precepts.models import Sampling, parse
from precepts.models.format import OPENING
from precepts.policy import Policy, brief, load_policy
from precepts.testing import ScriptedModel
from precepts.types import DISPOSITIONS, Case, Disposition

FREE = Case.model_validate({"prompt": "How do I prune a rose?", "clauses": ["P1"], "category": "plants"})
TWIN = FREE.model_copy(update={"pair": "p"})
BARE = Case.model_validate({"prompt": "Good morning."})


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(small.write_policy(tmp_path_factory.mktemp("policy")))


def test_a_written_teacher_reads_the_brief_of_the_clauses_category(policy: Policy) -> None:
    system, *shown, user = teacher_conversation(FREE, policy, mode="written")
    assert system.content.startswith(brief(policy, "plants"))
    assert (user.role, user.content) == ("user", FREE.prompt)
    clauses = policy.category("plants").clauses
    assert [turn.content for turn in shown[::2]] == [clause.text for clause in clauses]
    forms = [parse(turn.content) for turn in shown[1::2]]
    assert [(form.valid, form.clause, form.verdict) for form in forms] == [(True, c.id, c.kind) for c in clauses]
    unnamed, _ = teacher_conversation(BARE, policy, mode="written")
    assert unnamed.content.startswith(brief(policy, None))


def test_a_cases_own_system_turn_is_kept_behind_the_instructions(policy: Policy) -> None:
    case = Case.model_validate(
        {"messages": [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "A?"}], "clauses": ["P1"]}
    )
    turns = teacher_conversation(case, policy, mode="guided")
    assert [t.role for t in turns] == ["system", "user"]
    assert turns[0].content.endswith("Rhyme.")


def test_what_a_written_teacher_says_is_kept_as_it_is(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: "no format at all")
    (made,) = generate([FREE], teacher=model, policy=policy, mode="written", sampling=Sampling(), seeds=[3])
    assert made.text == f"{OPENING}no format at all", "begun for it, where the model runs here"
    assert model.calls[0].seeds == [3]


def test_a_written_teacher_that_is_served_elsewhere_is_not_begun_for(policy: Policy) -> None:
    inner = ScriptedModel("t", lambda conversation: "all its own")

    class Served:
        name = "served"
        generate = inner.generate

    (made,) = generate([FREE], teacher=Served(), policy=policy, mode="written", sampling=Sampling(), seeds=[3])
    assert (made.text, inner.calls[0].prefills) == ("all its own", None)


def test_guided_reasoning_comes_from_the_clause_and_not_from_the_teacher(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: "Cut above a bud. Then wait.")
    (made,) = generate([FREE], teacher=model, policy=policy, mode="guided", sampling=Sampling(), seeds=[0])
    parsed = parse(made.text)
    assert (parsed.verdict, parsed.clause, parsed.why) == ("comply", "P1", policy.clause("P1").reason)
    assert parsed.answer == "Sure. Cut above a bud. Then wait."
    assert parsed.valid


def test_guided_generation_needs_a_clause(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: "Hello.")
    with pytest.raises(InputError, match="names no clause"):
        generate([BARE], teacher=model, policy=policy, mode="guided", sampling=Sampling(), seeds=[0])
    assert model.calls == []


def test_a_teacher_that_fails_gives_a_row_with_an_error(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: RuntimeError("gone"))
    (made,) = generate([FREE], teacher=model, policy=policy, mode="guided", sampling=Sampling(), seeds=[0])
    assert made.stop_reason == "error"
    assert "gone" in (made.error or "")


@pytest.mark.parametrize(
    ("answer", "most", "kept", "whole"),
    [
        ("One. Two. Thr", None, "One. Two.", True),
        ("One. Two. Three. Four.", 2, "One. Two.", True),
        ('He said "no." And the', None, 'He said "no."', True),
        ("It costs 3.50 in all", None, "It costs 3.50 in all", False),
        ("", None, "", False),
    ],
)
def test_an_answer_ends_at_its_last_full_sentence(answer: str, most: int | None, kept: str, whole: bool) -> None:
    assert shortened(answer, most=most) == (kept, whole)


def test_an_answer_cut_at_the_limit_counts_as_ended_only_if_a_sentence_is_whole(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: "One two three. Four five six seven")
    for most, reason, answer in ((5, "stop", "Sure. One two three."), (2, "length", "Sure. One two")):
        (made,) = generate([FREE], teacher=model, policy=policy, mode="guided", sampling=Sampling(most), seeds=[0])
        assert (made.stop_reason, parse(made.text).answer) == (reason, answer)


def test_a_twins_answer_is_short(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: "One. Two. Three. Four. Five.")
    free, twin = generate([FREE, TWIN], teacher=model, policy=policy, mode="guided", sampling=Sampling(), seeds=[0, 1])
    assert parse(free.text).answer == "Sure. One. Two. Three. Four. Five."
    short = parse(twin.text).answer
    assert "Sure. One. Two. Three. Four. Five.".startswith(short)
    assert 2 <= short.count(".") <= 4


# --- the training set -------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(DISPOSITIONS), min_size=1, max_size=60), st.floats(min_value=1, max_value=50))
def test_balance_makes_verdicts_weigh_alike_up_to_its_limit(said: list[Disposition], most: float) -> None:
    factor, counts = balance(said, most=most), Counter(said)
    assert factor.keys() == counts.keys()
    largest = max(counts.values())
    for verdict, count in counts.items():
        assert 1 <= factor[verdict] <= most
        assert factor[verdict] == most or factor[verdict] * count == pytest.approx(largest)


def test_the_decision_span_carries_the_balanced_weight(policy: Policy) -> None:
    cases = [
        Case.model_validate({"prompt": f"{c} {i}", "clauses": [c]}) for c, n in (("P1", 6), ("P2", 2)) for i in range(n)
    ]
    examples = build_examples(cases, {}, policy=policy, weights=Weights(verdict=2.0, max_balance=4.0))
    decided = [e.spans[e.decision] for e in examples]
    assert decided == [(" comply", 2.0)] * 6 + [(" refuse", 6.0)] * 2
    assert sum(w for t, w in decided if t == " refuse") == sum(w for t, w in decided if t == " comply")


def test_a_case_without_an_answer_teaches_its_decision_alone(policy: Policy) -> None:
    w = Weights()
    (example,) = build_examples([FREE], {}, policy=policy)
    assert example.spans == ((OPENING, 0.0), (" comply", w.verdict), ("\nclause: P1", w.clause))
    assert not example.ends, "the end of turn after a bare decision would teach to answer nothing"


def test_a_kept_completion_is_learned_word_for_word(policy: Policy) -> None:
    model = ScriptedModel("t", lambda conversation: "Cut above a bud.")
    made = generate([FREE], teacher=model, policy=policy, mode="guided", sampling=Sampling(), seeds=[0])[0]
    completion = completion_of(FREE, made, model="t", key="k", seed=0, batch=0, opener=None)
    example, *again = build_examples([FREE], {FREE.id: completion}, policy=policy)
    assert again == [example] * (Weights().answer_repeats - 1)
    assert "".join(text for text, _ in example.spans) == made.text
    assert example.ends
    w = Weights()
    assert [weight for _, weight in example.spans[:4]] == [w.opening, w.verdict, w.clause, w.why]
    assert "".join(text for text, _ in example.spans[4:]) == "Sure. Cut above a bud."
    assert all(weight > 0 for _, weight in example.spans), "nothing that is kept goes unlearned"


def test_a_case_without_a_clause_is_learned_only_from_a_kept_completion(policy: Policy) -> None:
    assert build_examples([BARE], {}, policy=policy) == []
    text = f"{OPENING} comply\nclause: P1\nwhy: It is a greeting.\n</think>\nGood morning!"
    completion = completion_of(
        BARE, ScriptedModel("t", lambda c: text).generate([BARE.messages], sampling=Sampling())[0], model="t", key="k",
        seed=0, batch=0, opener=None,
    )  # fmt: skip
    examples = build_examples([BARE], {BARE.id: completion}, policy=policy)
    assert {e.spans[1][0] for e in examples} == {" comply"}
