"""Tasks and splits: real files, one's own files, what is refused."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from precepts.cli import app
from precepts.data import classification_entry, read_texts
from precepts.errors import InputError, MissingError
from precepts.w2s.examples import Example, Task, balanced, checked
from precepts.w2s.splits import pool, split
from precepts.w2s.tasks import TASKS, load_task


def task_of(examples, classes=("a", "b")):
    return Task("t", "t", classes, "c", "l", tuple(examples))


@pytest.mark.parametrize(
    "name", ["utilitarianism", "movie-reviews", "deontology", "intents", "piqa", "truthfulness", "continuations"]
)
def test_registered_task_splits_without_a_shared_group(public_data, name):
    task = load_task(name, download=False)
    examples, test, rest = pool(task, rows=800)
    parts = split(examples, rest, seed=1, num_classes=len(task.classes))
    groups = [{examples[i].group for i in part} for part in (test, *parts)]
    for one in range(4):
        for other in range(one):
            assert not groups[one] & groups[other]
    for part in (test, parts.supervisor, parts.student):
        assert len(set(Counter(examples[i].label for i in part).values())) == 1


def test_movie_reviews_have_the_published_rows_less_the_neutral(public_data):
    task = load_task("movie-reviews", download=False)
    assert len(task.examples) == 10_072
    assert TASKS["movie-reviews"].role == "primary"


def test_the_place_of_the_better_text_tells_nothing(public_data):
    labels = [example.label for example in load_task("utilitarianism", download=False).examples]
    assert 0.48 < sum(labels) / len(labels) < 0.52


def test_a_continuation_that_fits_is_one_of_both_kinds(public_data):
    examples = load_task("continuations", download=False).examples
    assert len(examples) > 2000
    rows = json.loads(read_texts(classification_entry("stereoset"), download=False)["all"])["data"]["intersentence"]
    kinds = {
        f"{row['context'].strip()} {one['sentence'].strip()}": one["gold_label"]
        for row in rows
        for one in row["sentences"]
    }
    better = Counter(kinds[example.texts[example.label]] for example in examples)
    assert {kinds[example.texts[1 - example.label]] for example in examples} == {"unrelated"}
    assert set(better) == {"stereotype", "anti-stereotype"}
    assert 0.45 < better["stereotype"] / len(examples) < 0.55


def test_a_larger_pool_holds_the_test_rows_of_a_smaller_one(examples):
    small, test, _ = pool(task_of(examples), rows=60)
    large, more, _ = pool(task_of(examples), rows=120)
    assert {small[i] for i in test} <= {large[i] for i in more}


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_balanced_classes_are_as_large_as_the_smallest(labels):
    rows = [Example((str(i),), label, str(i)) for i, label in enumerate(labels)]
    counts = Counter(example.label for example in balanced(rows, 3))
    fewest = min(labels.count(c) for c in range(3))
    assert all(counts[c] == fewest for c in range(3))


def test_csv_of_ones_own(csv_task):
    task = load_task(csv_task)
    assert task.classes == ("pleasant", "unpleasant")
    assert Counter(example.label for example in task.examples) == {0: 80, 1: 80}


def test_a_run_under_other_class_names_is_another(tmp_path):
    path, digests = tmp_path / "own.csv", []
    for names in (("bad", "good"), ("harmful", "harmless")):
        path.write_text("text,label\n" + "".join(f"row {n},{names[n % 2]}\n" for n in range(8)))
        digests.append(load_task(path).digest)
    assert digests[0] != digests[1], "the student is asked with other words"


def test_a_run_of_peoples_labels_is_another_once_one_of_them_changes(tmp_path):
    path, digests = tmp_path / "own.csv", []
    for weak in ("1,0", "1,1", ","):
        one, other = weak.split(",")
        path.write_text(f"text,label,weak\na,1,{one}\nb,0,{other}\n")
        digests.append(load_task(path).digest)
    assert len(set(digests)) == 3
    path.write_text("text,label\na,1\nb,0\n")
    assert load_task(path).digest == digests[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text,label\na,1\nb,1\n", "at least two classes; all rows are '1'"),
        ("text,label\na,1\n,0\n", r"own.csv:3: `text` is empty"),
        ("text,label\na,\nb,0\n", r"own.csv:2: `label` is empty"),
        ("text,label,weak\na,1,2\nb,0,0\n", r"own.csv:2: `weak` is '2', which is not a label"),
        ("label,text\n1,a\n0,b, and more\n", r"own.csv:3: has more fields than the header"),
        ("text,label\n" + "x" * 200_000 + ",1\nb,0\n", r"own.csv:2: not CSV"),
        ("text\na\n", "needs `label`"),
        ("text,label\n", "holds no rows"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_task(path)


def test_a_comma_at_the_end_of_every_row_is_no_field(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("text,label,\na,1,\nb,0,,\n")
    assert [e.texts for e in load_task(path).examples] == [("a",), ("b",)]


def test_json_lines_may_write_true_and_false_and_name_a_group_0(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"text": "a", "label": true, "weak": false, "group": 0}\n{"text": "b", "label": false, "weak": true, "group": 0}\n'
        '{"text": "c", "label": 1, "group": 1}\n{"text": "d", "label": 0, "weak": 0, "group": null}\n'
    )
    task = load_task(path)
    assert [(e.label, e.weak) for e in task.examples] == [(1, 0), (0, 1), (1, None), (0, 0)]
    assert [e.group for e in task.examples] == ["0", "0", "1", "d"]


def test_one_text_in_two_groups_and_a_pair_the_other_way_round_stand_in_one_part(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("text,label,group\na,1,p\nb,0,q\nA,1,q\nc,0,r\nb,0,s\nd,1,r\n")
    assert [e.group for e in load_task(path).examples] == ["p", "p", "p", "r", "p", "r"]
    path.write_text("first,second,label\na,b,1\nb,a,0\na,c,1\n")
    assert [e.group for e in load_task(path).examples] == ["a\nb", "a\nb", "a\nc"]


def test_unknown_names_are_answered_with_a_near_one():
    with pytest.raises(MissingError, match="did you mean `justice`"):
        load_task("justce")


def test_the_command_lists_tasks_and_says_what_a_run_would_use_of_ones_own(tmp_path):
    def told(*argv):
        done = CliRunner().invoke(app, ["w2s", "task", *argv, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    listed = told()["tasks"]
    assert {row["name"] for row in listed} == set(TASKS)
    assert all(row["licence"] and row["citation"] for row in listed)
    path, used = tmp_path / "own.csv", {}
    for rows in (400, 8000):
        path.write_text("text,label\n" + "".join(f"row {i},{i % 2}\n" for i in range(rows)))
        facts = told(str(path))
        assert facts["rows"] == rows
        used[rows] = sum(facts["used"].values())
    examples, test, rest = pool(load_task(path), rows=3000)
    parts = split(examples, rest, seed=0, num_classes=2)
    assert used[8000] == len(test) + sum(map(len, parts)) <= 3000
    assert 300 < used[400] <= 400


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_out_of_range_are_refused(label):
    with pytest.raises(InputError, match="must be 0 to 1"):
        checked(task_of([Example(("a",), 0, "a"), Example(("b",), 1, "b"), Example(("c",), label, "c")]))


def test_too_few_rows_for_a_part_are_refused(examples):
    with pytest.raises(InputError, match="balanced rows a class"):
        pool(task_of(examples[:20]), rows=None)
    one_group = [example._replace(group="one") for example in examples]
    with pytest.raises(InputError, match="balanced rows a class"):
        pool(task_of(one_group), rows=None)
