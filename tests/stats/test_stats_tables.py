"""Files read once give the rows that reading them for each number gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.errors import DigestError, InputError, MissingError
from precepts.runs import file_digest
from precepts.stats import matches, select_rows, tables_for, verify
from precepts.stats.tables import Tables
from precepts.types import Evidence, Input

VALUES = st.sampled_from([None, True, False, 0, 1, 0.0, -0.0, 1.0, 2.5, "a", "b", "", {"x": 1}, {"x": True}, [1]])
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["score", "label", "group", "cluster", "other", "g.x"]), VALUES), max_size=30
)
WHERES = st.dictionaries(
    st.sampled_from(["label", "group", "other", "g.x", "group.x", "none"]),
    st.one_of(VALUES.filter(lambda v: not isinstance(v, dict | list)), st.just([1, "a", None])), max_size=2,
)  # fmt: skip


def same(a: object, b: object) -> bool:
    return json.dumps(a) == json.dumps(b)  # true is not 1, and −0.0 is not 0.0


@given(RECORDS, WHERES)
def test_columns_give_back_the_records_that_pass(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]], where: dict[str, object]
) -> None:
    root = tmp_path_factory.mktemp("t")
    (root / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records), "utf-8")
    one = Input(path="t.jsonl", sha256=file_digest(root / "t.jsonl"), where=where)
    keep = frozenset({"score", "label", "group"})
    names = keep | {name for key in where for name in (key, key.partition(".")[0])}
    found = Tables(root).read(one, frozenset(names)).select(keep, where, matches)
    wanted = [{key: row[key] for key in sorted(keep & row.keys())} for row in records if matches(row, where)]
    assert same(found, wanted)


def rows(path: Path, n: int) -> Input:
    path.write_text(
        "".join(
            json.dumps({"case_id": f"c{k}", "kept": k % 3 == 0, "asked": "ab"[k % 2], "x": k / 7}) + "\n"
            for k in range(n)
        )
    )
    return Input(path=path.name, sha256=file_digest(path))


def test_one_reading_serves_many_numbers_and_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = rows(tmp_path / "a.jsonl", 50), rows(tmp_path / "b.jsonl", 40)
    asked = [
        ({"asked": "a"}, {"score": "kept"}),
        ({}, {"score": "x"}),
        ({"asked": ["a", "b"]}, {"score": "kept", "cluster": "asked"}),
    ]
    evidence: list[Evidence] = []
    for where, params in asked:
        evidence.append(
            Evidence(
                claim="t/x",
                value=None,
                n=0,
                estimator="bca@1",
                params=params,
                inputs=(a.model_copy(update={"where": where}),),
                model="m",
            )
        )
    evidence.append(
        Evidence(
            claim="t/d",
            value=None,
            n=0,
            estimator="bca@1",
            params={"score": "kept", "join": "case_id"},
            inputs=(a, b),
            model="m",
        )
    )
    opened: list[str] = []
    plain = Path.open

    def counted(self: Path, *args: object, **more: object) -> object:
        opened.append(self.name)
        return plain(self, *args, **more)  # type: ignore[arg-type]

    alone = [select_rows(row.inputs, root=tmp_path, params=row.params) for row in evidence]
    tables = tables_for(evidence, root=tmp_path)
    monkeypatch.setattr(Path, "open", counted)
    together = [select_rows(row.inputs, root=tmp_path, params=row.params, tables=tables) for row in evidence]
    assert same(together, alone)
    assert sorted(opened) == ["a.jsonl", "a.jsonl", "b.jsonl", "b.jsonl"]  # the digest, then the rows


def test_what_was_changed_is_lost_or_leaves_the_directory_is_told(tmp_path: Path) -> None:
    one = rows(tmp_path / "a.jsonl", 5)
    tables = Tables(tmp_path)
    tables.read(one, frozenset({"kept"}))
    with pytest.raises(DigestError, match="changed since"):
        tables.read(one.model_copy(update={"sha256": "0" * 64}), frozenset({"kept"}))
    with pytest.raises(MissingError):
        tables.read(Input(path="b.jsonl", sha256="0"), frozenset())
    with pytest.raises(InputError, match="stays inside"):
        tables.read(Input(path="../a.jsonl", sha256="0"), frozenset())
    (tmp_path / "a.jsonl").write_text("no json")
    with pytest.raises(DigestError):  # the digest is told before the line
        Tables(tmp_path).read(one, frozenset())
    row = Evidence(
        claim="t/x", value=0.0, n=1, estimator="wilson@1", params={"score": "kept"}, inputs=(one,), model="m"
    )
    assert "changed since" in verify(row, root=tmp_path, tables=Tables(tmp_path))[0]
