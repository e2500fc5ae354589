"""Labels from every format that a person has, and the errors that say what to do."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges_doubles import POLICY

from precepts.errors import InputError, MissingError
from precepts.judges import load_labels
from precepts.judges.labels import majority, sample_labels
from precepts.judges.set_policies import set_policy
from precepts.policy import brief

ROWS = [
    {"id": "a", "prompt": "p", "answer": "No.", "label": "refuse", "rater": "ann", "clause": "V1"},
    {"id": "a", "prompt": "p", "answer": "No.", "label": "comply", "rater": "bob", "clause": "V1"},
    {"id": "b", "prompt": "q", "answer": "Yes.", "label": "comply", "rater": "ann"},
    {"id": "c", "prompt": "q", "answer": "Ja.", "label": "", "rater": "ann"},
]
STUDIO = [
    {
        "id": 7,
        "data": {"id": "a", "prompt": "p", "answer": "No."},
        "annotations": [
            {"completed_by": {"email": "ann@x"}, "result": [{"type": "choices", "value": {"choices": ["refuse"]}}]},
            {"completed_by": 3, "result": [{"type": "choices", "value": {"choices": ["refuse"]}}]},
            {"completed_by": 4, "was_cancelled": True, "result": []},
        ],
    },
    {"id": 8, "data": {"id": "b", "prompt": "q", "answer": "Yes."}, "annotations": [{"completed_by": 3, "result": []}]},
]


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def as_csv(rows: list[dict[str, str]]) -> str:
    keys = list(ROWS[0])
    return ",".join(keys) + "\n" + "".join(",".join(row.get(k, "") for k in keys) + "\n" for row in rows)


def test_csv_and_jsonl_give_the_same_labels_and_raters_who_are_split_give_none(tmp_path: Path) -> None:
    for name, text in (("l.csv", as_csv(ROWS)), ("l.jsonl", "".join(json.dumps(r) + "\n" for r in ROWS))):
        found = load_labels(write(tmp_path, name, text), policy=POLICY).rows
        assert [row.item.case.id for row in found] == ["a", "b", "c"]
        assert [row.label for row in found] == [None, False, None]
        assert [r.rater for r in found[0].ratings] == ["ann", "bob"]
        assert found[0].item.clause == POLICY.clause("V1")


def test_a_row_may_be_called_0(tmp_path: Path) -> None:
    rows = [{"id": i, "answer": "No.", "label": "refuse"} for i in range(2)]
    found = load_labels(write(tmp_path, "l.jsonl", "".join(json.dumps(r) + "\n" for r in rows))).rows
    assert [row.item.case.id for row in found] == ["0", "1"]


def test_a_label_studio_export_is_read_and_cancelled_annotations_are_left_out(tmp_path: Path) -> None:
    found = load_labels(write(tmp_path, "studio.json", json.dumps(STUDIO))).rows
    assert [(row.label, len(row.ratings)) for row in found] == [(True, 2), (None, 0)]
    assert [r.rater for r in found[0].ratings] == ["ann@x", "3"]
    small = [{"id": "a", "prompt": "p", "answer": "No.", "label": "refuse", "annotator": 3}]
    found = load_labels(write(tmp_path, "min.json", json.dumps(small))).rows
    assert (found[0].label, found[0].ratings[0].rater) == (True, "3")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("l.csv", as_csv([{**ROWS[0], "label": "perhaps"}]), r"l.csv:2: label 'perhaps' is no answer to `refused`"),
        ("l.jsonl", '{"label": "refuse"}', r"l.jsonl:1: `answer` is missing"),
        ("l.jsonl", "[1]", r"l.jsonl:1: not a JSON object"),
        ("l.jsonl", '{"answer": "x"', r"l.jsonl:1: not JSON"),
        ("l.jsonl", "", "holds no labelled answer"),
        ("l.json", "{}", "a Label Studio export is a list"),
        ("l.txt", "x", "labels end in .csv"),
        ("l.csv", as_csv([ROWS[0], {**ROWS[0], "answer": "Other."}]), "l.csv:3: the id 'a' is that of line 2"),
        ("l.csv", as_csv([{**ROWS[0], "clause": "ZZ9"}]), "l.csv:2: .*no clause 'ZZ9'"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        load_labels(write(tmp_path, name, text), policy=POLICY)


def test_what_is_not_there_or_of_another_question_is_said() -> None:
    with pytest.raises(MissingError, match="demo"):
        load_labels("nothing.csv")
    with pytest.raises(InputError, match="whether they refused, not whether they broke"):
        load_labels("demo", question="broke")
    with pytest.raises(InputError, match="no split 'x'"):
        sample_labels(load_labels("demo"), split="x")


@given(st.lists(st.sampled_from([True, False, None]), max_size=9))
def test_the_majority_is_of_the_votes_cast(votes: list[bool | None]) -> None:
    yes, no = votes.count(True), votes.count(False)
    assert majority(votes) == (None if yes == no else yes > no)


@pytest.mark.parametrize(
    ("name", "n", "positive"),
    [
        ("pyrit_refusal", 169, 109),
        ("spam_policy", 40, 22),
        ("teen_safety_policies", 136, 41),
        ("hatecheck", 3728, 2563),
    ],
)
def test_the_registered_sets_have_the_labels_they_are_known_for(name: str, n: int, positive: int) -> None:
    try:
        found = load_labels(name)
    except MissingError:
        pytest.skip(f"{name} is not on this machine")
    assert len(found.rows) == n
    assert sum(row.label is True for row in found.rows) == positive


@pytest.mark.parametrize("name", ["spam_policy", "teen_safety_policies", "hatecheck"])
def test_a_judge_of_a_set_reads_the_rules_that_its_texts_were_labelled_under(name: str) -> None:
    try:
        policy, found = set_policy(name), load_labels(name)
    except MissingError:
        pytest.skip(f"{name} is not on this machine")
    assert policy is not None
    assert {row.item.category_id for row in found.rows} == {category.id for category in policy.categories}
    for category in policy.categories:
        (clause,) = category.clauses
        assert len(clause.text.split()) > 50
        told = brief(policy, category.id)
        assert " ".join(clause.text.split()) in told
        assert not any(other.text[:80] in told for other in policy.clauses if other.id != clause.id)


def test_a_set_that_asks_who_refused_has_no_rules() -> None:
    assert [set_policy(name) for name in ("pyrit_refusal", "demo", "labels.csv")] == [None] * 3


def test_a_sample_is_of_the_set_and_the_same_each_time() -> None:
    labels = load_labels("demo")
    some = sample_labels(labels, limit=20)
    assert some == sample_labels(labels, limit=20)
    assert len(some.rows) == 20
    assert all(row in labels.rows for row in some.rows)
