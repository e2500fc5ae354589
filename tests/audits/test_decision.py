from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from precepts.audits import example_record, freeze, load_decision
from precepts.audits.freeze import frozen_path
from precepts.errors import DigestError, InputError, MissingError
from precepts.runs import to_json

RecordFile = Callable[..., Path]


def test_the_example_is_a_record_and_its_comments_do_not_enter_the_digest(tmp_path: Path) -> None:
    one, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text(example_record(), "utf-8")
    other.write_text("# another comment\n" + example_record(), "utf-8")
    assert load_decision(one).digest == load_decision(other).digest


def test_a_frozen_record_may_not_change(record_file: RecordFile) -> None:
    path = record_file()
    first = freeze(load_decision(path), path)
    assert first.fresh
    again = freeze(load_decision(path), path)
    assert (again.sha256, again.at, again.fresh) == (first.sha256, first.at, False)
    record_file(margins={"criterion": 0.5})
    with pytest.raises(DigestError, match="margins"):
        freeze(load_decision(path), path)


def test_an_edited_frozen_file_is_noticed(record_file: RecordFile) -> None:
    path = record_file()
    freeze(load_decision(path), path)
    document = json.loads(frozen_path(path).read_text("utf-8"))
    document["decision"]["alpha"] = 0.2
    frozen_path(path).write_text(json.dumps(document), "utf-8")
    with pytest.raises(DigestError, match="edited"):
        freeze(load_decision(path), path)


def test_a_record_frozen_before_a_key_was_known_still_holds(record_file: RecordFile) -> None:
    path = record_file()
    first = freeze(load_decision(path), path)
    document = json.loads(frozen_path(path).read_text("utf-8"))
    del document["decision"]["suppress_below"]
    older = to_json(document["decision"])
    document["sha256"] = hashlib.sha256(older.encode()).hexdigest()
    frozen_path(path).write_text(json.dumps(document), "utf-8")
    again = freeze(load_decision(path), path)
    assert (again.sha256, again.at, again.fresh) == (document["sha256"], first.at, False)
    record_file(suppress_below=5)
    with pytest.raises(DigestError, match=r"frozen at .*: suppress_below\."):
        freeze(load_decision(path), path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"costs": None}, "trade-off is not decided"),
        ({"margins": {"criterium": 0.2}}, "did you mean `criterion`"),
        ({"principle": "equity"}, "costs_by_group"),
        ({"principle": "minimum_quality_of_service"}, "minimum"),
        ({"margins": {"cost_ratio": 0.5}}, "factor above 1"),
        ({"threshold": 0.5}, "not both"),
        ({"alfa": 0.1}, "did you mean `alpha`"),
    ],
)
def test_a_record_that_decides_nothing_is_refused_with_its_line(
    record_file: RecordFile, changes: dict[str, object], said: str
) -> None:
    path = record_file(**changes)
    with pytest.raises(InputError, match=rf"decision\.yaml:\d+: .*{said}"):
        load_decision(path)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("margins: {", "margins:\n  {criterium: 0.2, ", "criterium"),
        ("margins: {", "margins:\n  {cost_ratio: 0.5, ", "cost_ratio"),
        ("principle: ", "threshold: 0.5\nprinciple: ", "threshold: 0.5"),
    ],
)
def test_a_mistake_in_a_key_inside_another_is_told_with_its_own_line(
    tmp_path: Path, old: str, new: str, found: str
) -> None:
    path = tmp_path / "decision.yaml"
    text = example_record().replace(old, new, 1)
    path.write_text(text, "utf-8")
    line = next(number for number, row in enumerate(text.splitlines(), 1) if found in row)
    with pytest.raises(InputError) as told:
        load_decision(path)
    assert str(told.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_record_says_how_to_begin_a_record_and_not_a_policy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "decision.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match="is empty; begin a record with: precepts audit example > ") as told:
        load_decision(path)
    assert "policy" not in str(told.value)


def test_a_missing_record_says_how_to_begin_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="precepts audit example"):
        load_decision(tmp_path / "none.yaml")


def test_a_cost_ratio_is_a_threshold(record: Callable[..., object]) -> None:
    decided = record(costs={"false_positive": 1, "false_negative": 3})
    assert decided.costs_of("x").threshold == pytest.approx(0.25)  # type: ignore[attr-defined]
    same = record(costs=None, threshold=0.25)
    assert same.costs_of("x").ratio == pytest.approx(1 / 3)  # type: ignore[attr-defined]
