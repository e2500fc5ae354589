"""Evidence from a file, recomputed: the number comes back, and whatever was changed is named."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.errors import DigestError, InputError, MissingError
from precepts.stats import estimate, matches, recompute, select_rows, verify
from precepts.types import Evidence, Input


def write(root, name, records):
    path = root / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def input_of(root, name, records, **where):
    return Input(path=name, sha256=write(root, name, records), where=where)


def evidence_of(inputs, estimator="wilson@1", params=None, root=None, **changes):
    params = params or {}
    metric = estimate(estimator, select_rows(inputs, root=root, params=params), params=params, seed=3)
    fields = {key: getattr(metric, key) for key in ("value", "low", "high", "level", "n", "n_unscored", "unit")}
    fields |= {"claim": "test/claim", "estimator": estimator, "params": params, "seed": 3, "model": "run:x"}
    return Evidence(**{**fields, "inputs": tuple(inputs), **changes})


RECORD = st.fixed_dictionaries(
    {
        "scores": st.fixed_dictionaries({"refused": st.sampled_from([0, 1, 0.5, None])}),
        "group": st.sampled_from(["x", "y"]),
        "note": st.text(max_size=5),
    }
)


@settings(max_examples=30)
@given(st.lists(RECORD, min_size=1, max_size=20), st.data())
def test_evidence_verifies_until_any_byte_changes(records, data):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        one = input_of(root, "judgments.jsonl", records, group=["x", "y"])
        evidence = evidence_of([one], "bca@1", {"score": "scores.refused", "resamples": 50}, root=root)
        assert verify(evidence, root=root) == []
        metric = recompute(Evidence.model_validate_json(evidence.model_dump_json()), root=root)
        assert (metric.value, metric.low, metric.n) == (evidence.value, evidence.low, evidence.n)
        content = bytearray((root / "judgments.jsonl").read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        (root / "judgments.jsonl").write_bytes(content)
        (difference,) = verify(evidence, root=root)
        assert "judgments.jsonl" in difference
        assert "sha256" in difference


@pytest.mark.parametrize(
    ("field", "value"), [("value", 0.9), ("low", None), ("high", 1.0), ("n", 7), ("n_unscored", 1), ("unit", "points")]
)
def test_each_field_that_differs_is_named_alone(tmp_path, field, value):
    one = input_of(tmp_path, "a.jsonl", [{"score": i % 3 == 0} for i in range(30)])
    evidence = evidence_of([one], root=tmp_path, **{field: value})
    (difference,) = verify(evidence, root=tmp_path)
    assert difference.startswith(f"{field}: ")


def test_the_level_estimator_seed_and_params_are_those_of_the_evidence(tmp_path):
    one = input_of(tmp_path, "a.jsonl", [{"score": i / 30} for i in range(30)])
    evidence = evidence_of([one], "bca@1", root=tmp_path)
    for change in ({"level": 0.9}, {"estimator": "percentile@1"}, {"seed": 4}, {"params": {"resamples": 500}}):
        assert verify(evidence.model_copy(update=change), root=tmp_path)


def test_where_selects_by_equality_dotted_keys_and_lists(tmp_path):
    records = [{"score": i, "meta": {"split": s}, "k.v": i} for i, s in enumerate(["dev", "test", "test", None])]
    digest = write(tmp_path, "a.jsonl", records)

    def scores(**where):
        where = {key.replace("__", "."): value for key, value in where.items()}
        return [row["score"] for row in select_rows([Input(path="a.jsonl", sha256=digest, where=where)], root=tmp_path)]

    assert scores() == [0, 1, 2, 3]
    assert scores(meta__split="test") == [1, 2]
    assert scores(meta__split=["dev", None]) == [0, 3]
    assert scores(k__v=2) == [2]
    assert scores(absent=None, meta__split="dev") == [0]
    assert scores(absent=1) == []


def test_true_is_not_one_in_a_filter():
    assert matches({"a": True}, {"a": True})
    assert not matches({"a": True}, {"a": 1})
    assert matches({"a": 1}, {"a": 1.0})
    assert matches({"a": [1]}, {"a": [[1]]})


def test_join_pairs_two_inputs_and_counts_what_is_unpaired(tmp_path):
    arm = input_of(tmp_path, "arm.jsonl", [{"case_id": str(i), "s": {"r": i % 2}, "l": i < 5} for i in range(10)])
    baseline = input_of(tmp_path, "base.jsonl", [{"case_id": str(i), "s": {"r": 1}} for i in reversed(range(2, 11))])
    params = {"join": "case_id", "score": "s.r", "label": "l"}
    rows = select_rows([arm, baseline], root=tmp_path, params=params)
    assert len(rows) == 11
    assert {"score": 1, "score_b": 1, "label": True} in rows
    evidence = evidence_of([arm, baseline], "paired_difference@1", {"join": "case_id", "score": "s.r"}, root=tmp_path)
    assert (evidence.value, evidence.n, evidence.n_unscored) == (-0.5, 8, 3)
    assert verify(evidence, root=tmp_path) == []


def test_join_of_three_inputs_and_of_two_keys_gives_a_pgr(tmp_path):
    def one(name, num_right):
        return input_of(tmp_path, name, [{"id": i % 10, "try": i // 10, "right": i < num_right} for i in range(100)])

    inputs = [one("student.jsonl", 70), one("weak.jsonl", 60), one("ceiling.jsonl", 90)]
    evidence = evidence_of(inputs, "pgr@1", {"join": ["id", "try"], "score": "right"}, root=tmp_path)
    assert evidence.value == pytest.approx(1 / 3)
    assert verify(evidence, root=tmp_path) == []


def test_arms_may_name_their_scores_apart(tmp_path):
    arm = input_of(tmp_path, "a.jsonl", [{"id": 1, "x": 1}])
    baseline = input_of(tmp_path, "b.jsonl", [{"id": 1, "y": 0}])
    rows = select_rows([arm, baseline], root=tmp_path, params={"join": "id", "score": "x", "score_b": "y"})
    assert rows == [{"score": 1, "score_b": 0}]


def test_two_inputs_without_join_are_arms_a_and_b(tmp_path):
    inputs = [
        input_of(tmp_path, "a.jsonl", [{"score": i < 56} for i in range(70)]),
        input_of(tmp_path, "b.jsonl", [{"score": i < 48} for i in range(80)]),
    ]
    evidence = evidence_of(inputs, "newcombe@1", root=tmp_path)
    assert (evidence.value, evidence.low) == (pytest.approx(0.2), pytest.approx(0.0524, abs=5e-5))
    assert evidence_of(inputs, root=tmp_path).value == pytest.approx(104 / 150)


def test_a_judge_that_failed_on_every_row_leaves_them_unscored(tmp_path):
    one = input_of(tmp_path, "a.jsonl", [{"scores": {}}, {"scores": {}}])
    evidence = evidence_of([one], params={"score": "scores.refused"}, root=tmp_path)
    assert (evidence.value, evidence.n, evidence.n_unscored) == (None, 0, 2)


@pytest.mark.parametrize("key", ["scores.refusd", "score.refused", "refused"])
def test_a_misspelt_key_is_an_error_that_names_it(tmp_path, key):
    one = input_of(tmp_path, "a.jsonl", [{"scores": {"refused": 1}}])
    with pytest.raises(InputError, match=rf"a.jsonl.*'{key}'"):
        select_rows([one], root=tmp_path, params={"score": key})


def test_a_file_that_is_missing_changed_or_outside_is_named(tmp_path):
    one = input_of(tmp_path, "a.jsonl", [{"score": 1}])
    for path, error in [("b.jsonl", MissingError), ("../a.jsonl", InputError), (str(tmp_path / "a.jsonl"), InputError)]:
        with pytest.raises(error, match="jsonl"):
            select_rows([one.model_copy(update={"path": path})], root=tmp_path)
    with pytest.raises(DigestError, match=r"a\.jsonl"):
        select_rows([one.model_copy(update={"sha256": "0" * 64})], root=tmp_path)


@pytest.mark.parametrize("line", ["{", "3", '{"score": 1'])
def test_a_bad_line_is_named_by_file_and_number(tmp_path, line):
    content = f'{{"score": 1}}\n\n{line}\n'
    (tmp_path / "a.jsonl").write_text(content)
    one = Input(path="a.jsonl", sha256=hashlib.sha256(content.encode()).hexdigest())
    with pytest.raises(InputError, match=r"a\.jsonl:3: not"):
        select_rows([one], root=tmp_path)


@pytest.mark.parametrize(
    ("records", "params", "match"),
    [
        ([{"id": 1, "score": 1}, {"id": 1, "score": 0}], {"join": "id"}, "two selected records"),
        ([{"score": 1}], {"join": "id"}, "no 'id' to join on"),
        ([{"id": 1, "score": 1}], {"join": 3}, "name of a key"),
        ([{"id": 1, "score": 1}], {"join": "id", "score": 3}, "name of a key"),
    ],
)
def test_a_join_that_cannot_be_made_says_why(tmp_path, records, params, match):
    one = input_of(tmp_path, "a.jsonl", records)
    with pytest.raises(InputError, match=match):
        select_rows([one, one], root=tmp_path, params=params)


def test_a_join_needs_two_or_three_inputs(tmp_path):
    one = input_of(tmp_path, "a.jsonl", [{"id": 1, "score": 1}])
    with pytest.raises(InputError, match="two or three"):
        select_rows([one], root=tmp_path, params={"join": "id"})
