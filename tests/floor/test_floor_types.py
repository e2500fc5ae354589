"""The nouns refuse what they do not know."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from precepts.types import Case, Completion, Evidence, Metric, content_key


def test_a_prompt_is_one_user_turn_and_a_missing_id_names_the_content() -> None:
    one, same, other = (Case.model_validate({"prompt": p}) for p in ("How?", "How?", "Why?"))
    assert [m.model_dump() for m in one.messages] == [{"role": "user", "content": "How?"}]
    assert one.prompt == "How?"
    assert one.id == same.id != other.id


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "give `prompt` or `messages`"),
        ({"prompt": " "}, "not empty"),
        ({"prompt": 3}, "not empty"),
        ({"prompt": "a", "messages": []}, "not both"),
        ({"messages": []}, "must end on a user turn"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "end on a user turn"),
        ({"prompt": "a", "disposition": "deny"}, "disposition"),
        ({"prompt": "a", "dispositon": "comply"}, "dispositon"),
    ],
)
def test_a_row_that_is_no_case_is_refused(row: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Case.model_validate(row)


def test_values_are_frozen() -> None:
    case = Case.model_validate({"prompt": "a"})
    with pytest.raises(ValidationError, match="frozen"):
        case.category = "x"  # pyright: ignore[reportAttributeAccessIssue]


@given(st.dictionaries(st.text(), st.integers(), min_size=1))
def test_a_content_key_does_not_depend_on_the_order_of_keys(row: dict[str, int]) -> None:
    assert content_key(row) == content_key(dict(reversed(row.items())))
    assert content_key(row) != content_key(row, 0)


def test_a_content_key_is_the_same_on_any_machine() -> None:
    assert content_key("split", 0, "é") == "479cda31a8c6d5d4"


@given(st.text(), st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_completion_comes_back_from_json_as_it_went(text: str, decision: float | None) -> None:
    completion = Completion(key="k", case_id="c", model="m", text=text, answer=text, decision=decision)
    assert Completion.model_validate_json(completion.model_dump_json()) == completion


def test_evidence_and_metrics_need_n_and_estimator() -> None:
    with pytest.raises(ValidationError, match="estimator"):
        Metric.model_validate({"value": 0.5, "n": 3})
    with pytest.raises(ValidationError, match="inputs"):
        Evidence.model_validate({"claim": "x", "value": 0.5, "n": 3, "estimator": "wilson@1", "model": "m"})


def test_importing_the_package_loads_neither_torch_nor_transformers_nor_inspect() -> None:
    code = (
        "import sys, precepts, precepts.types, precepts.runs, precepts.policy, precepts.stats, precepts.cli;"
        "print([m for m in ('torch', 'transformers', 'inspect_ai', 'trl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
