"""What the student learns follows the policy's clause, and the student never reads the policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import small
from precepts.data import load_cases
from precepts.deliberative import build_examples, fault, filter_completions, generate, teacher_conversation
from precepts.evals.arms import completion_of
from precepts.judges import Item
from precepts.models import Sampling
from precepts.models.format import render
from precepts.models.generation import Generated
from precepts.policy import Policy, load_policy, sentences, starter_policy
from precepts.testing import ScriptedModel
from precepts.types import Case, Completion, Judgment

ANSWER = "Here is what I can say about that."


def teacher() -> ScriptedModel:
    return ScriptedModel("teacher", lambda conversation: ANSWER)


def written(case: Case, made: Generated, seed: int = 0) -> Completion:
    return completion_of(case, made, model="teacher", key=f"k-{case.id}", seed=seed, batch=0, opener=None)


def guided(cases: Sequence[Case], policy: Policy, model: ScriptedModel | None = None) -> dict[str, Completion]:
    made = generate(
        cases, teacher=model or teacher(), policy=policy, mode="guided", sampling=Sampling(), seeds=range(len(cases))
    )
    return {case.id: written(case, result) for case, result in zip(cases, made, strict=True)}


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case.model_validate(row) for row in small.rows()]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Policy, Policy]:
    """The small policy, and the same with the kind of P2 flipped in its YAML."""
    folder = tmp_path_factory.mktemp("policies")
    return load_policy(small.write_policy(folder)), load_policy(small.write_policy(folder, flipped="P2"))


# --- the student never sees the policy --------------------------------------------------------------------------------


def test_no_clause_sentence_stands_in_a_training_prompt_of_the_starter_pack() -> None:
    policy, cases = starter_policy(), [c for c in load_cases("starter") if c.split == "train"]
    told = sentences(policy)
    assert len(told) > len(policy.clauses), "the sentences are there to be found"
    examples = build_examples(cases, guided(cases, policy), policy=policy)
    assert list(dict.fromkeys(e.case_id for e in examples)) == [c.id for c in cases]
    prompts = {one_line("\n".join(m.content for m in e.messages)) for e in examples}
    text = "\n".join(prompts)
    assert [sentence for sentence in told if sentence in text] == []


def test_a_training_prompt_is_the_bare_case_though_the_teacher_read_the_policy(
    cases: list[Case], policies: tuple[Policy, Policy]
) -> None:
    policy, told = policies[0], sentences(policies[0])
    own = Case.model_validate(
        {
            "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "How do I prune?"}],
            "clauses": ["P1"],
        }
    )
    for case in (*cases, own):
        read = one_line(teacher_conversation(case, policy, mode="written")[0].content)
        assert any(sentence in read for sentence in told), "else the test could not fail"
        assert {e.messages for e in build_examples([case], guided([case], policy), policy=policy)} == {case.messages}


# --- the policy is causal ---------------------------------------------------------------------------------------------


def verdicts(cases: Sequence[Case], policy: Policy, kept: dict[str, Completion]) -> dict[str, str]:
    return {e.case_id: e.spans[e.decision][0].strip() for e in build_examples(cases, kept, policy=policy)}


def test_flipping_a_clause_in_the_yaml_flips_its_examples_and_no_others(
    cases: list[Case], policies: tuple[Policy, Policy]
) -> None:
    before, after = (verdicts(cases, policy, {}) for policy in policies)
    changed = {i for i in before if before[i] != after[i]}
    assert changed == {c.id for c in cases if c.clauses == ("P2",)} != set()
    assert {before[i] for i in changed} == {"refuse"}
    assert {after[i] for i in changed} == {"comply"}


def test_flipping_a_clause_flips_what_a_guided_teacher_writes(
    cases: list[Case], policies: tuple[Policy, Policy]
) -> None:
    governed = [c for c in cases if c.clauses == ("P2",)]
    seen: list[tuple[set[str | None], set[str], set[str]]] = []
    for policy in policies:
        model = teacher()
        made = guided(governed, policy, model)
        assert all(c.valid_format and c.clause == "P2" for c in made.values())
        (call,) = model.calls
        systems = {conversation[0].content.split("\n")[0] for conversation in call.conversations}
        seen.append(({c.verdict for c in made.values()}, set(call.prefills or []), systems))
        assert verdicts(governed, policy, made) == {c.id: next(iter(seen[-1][0])) for c in governed}
    (before, after), styles = seen, policies[0].styles
    assert before == ({"refuse"}, {"I'm sorry, but I can't help with"}, {styles["refuse"]})
    assert after == ({"comply"}, {"Sure."}, {styles["comply"]})


def test_a_case_authors_disposition_moves_neither_generation_nor_examples(policies: tuple[Policy, Policy]) -> None:
    case = Case.model_validate({"prompt": "How do I prune?", "clauses": ["P1"], "disposition": "refuse"})
    made = guided([case], policies[0])
    assert made[case.id].verdict == "comply"
    assert verdicts([case], policies[0], {}) == {case.id: "comply"}
    assert fault(case, made[case.id], policies[0]) is None


def test_flipping_a_clause_flips_the_filter(cases: list[Case], policies: tuple[Policy, Policy]) -> None:
    """A compliance that cites another clause is against the policy until P2 itself asks for it."""
    case = next(c for c in cases if c.clauses == ("P2",))
    text = render(verdict="comply", clause="P1", why="It is about a plant.", answer=ANSWER)
    completion = written(case, Generated(text))
    before, after = (
        filter_completions([case], [completion], policy=policy, judges=[])[0].reason for policy in policies
    )
    assert (before, after) == ("verdict against the policy", None)


def test_what_was_written_under_the_old_policy_is_dropped_under_the_new(
    cases: list[Case], policies: tuple[Policy, Policy]
) -> None:
    old, new = policies
    completions = list(guided(cases, old).values())
    reasons = {
        f.completion.case_id: f.reason
        for f in filter_completions(cases, completions, policy=new, judges=[])
        if f.reason
    }
    assert reasons == {c.id: "reasoning against its verdict" for c in cases if c.clauses == ("P2",)}


def test_flipping_a_clause_flips_what_the_filters_judge_is_told(
    cases: list[Case], policies: tuple[Policy, Policy]
) -> None:
    class Asked:
        name, view = "asked", "answer"

        def judge(self, items: Sequence[Item]) -> list[Judgment]:
            return [
                Judgment(
                    case_id=i.case.id, completion=i.completion.key, judge=self.name, score=float(i.asked == "refuse")
                )
                for i in items
            ]

    governed = [c for c in cases if c.clauses == ("P2",)]
    for policy, reason in zip(policies, (None, "judge asked"), strict=True):
        completions = list(guided(governed, policy).values())
        found = filter_completions(governed, completions, policy=policy, judges=[Asked()])  # pyright: ignore[reportArgumentType]
        assert {f.reason for f in found} == {reason}


def test_an_unknown_clause_is_named(policies: tuple[Policy, Policy]) -> None:
    case = Case.model_validate({"prompt": "How?", "clauses": ["P9"]})
    with pytest.raises(ValueError, match="no clause 'P9'"):
        build_examples([case], {}, policy=policies[0])


def test_the_flipped_yaml_differs_in_one_word(tmp_path: Path) -> None:
    one, other = (small.write_policy(tmp_path, flipped=f).read_text().split() for f in (None, "P2"))
    assert [(a, b) for a, b in zip(one, other, strict=True) if a != b] == [("refuse,", "comply,")]
