"""A card and its evidence: everything is made again from the logs, and whatever was touched is named."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cards_page import read
from cards_run import PROMPT, SECRET, plant_run
from hypothesis import given
from hypothesis import strategies as st

from precepts.cards.bundle import (
    LOG,
    STATEMENT,
    Opening,
    append,
    check_log,
    check_opening,
    make_statement,
    open_row,
    read_log,
    tree_root,
)
from precepts.cards.bundle.merkle import leaf_hash, row_salt
from precepts.cards.decide.files import example_gates
from precepts.cards.pdf import browser, print_pdf
from precepts.errors import InputError, MissingError
from precepts.pipelines.card import build
from precepts.pipelines.verify import verify
from precepts.runs import file_digest, write_atomic

TODAY = datetime.date(2026, 11, 21)
OPTIONS: dict[str, Any] = {
    "gates": example_gates(), "risk": "blank", "policy": None, "title": None, "publish": False, "reveal": False, "examples": 20,
    "pdf": False, "key": None, "compute": None, "today": TODAY,
}  # fmt: skip


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant_run(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture(scope="session")
def built(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card with a sign-off, built once and never changed."""
    out = build([run], tmp_path_factory.mktemp("cards") / "card", **OPTIONS).path
    files = {STATEMENT: file_digest(out / STATEMENT)}
    append(
        out, event="signed_off", on="2026-11-21", files=files, role="Who decides", name="A", decision="hold", reason="b"
    )
    return out


@pytest.fixture
def card(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "card"))


def test_every_number_of_a_card_is_made_again(built: Path) -> None:
    report = verify(built)
    assert report.findings == ()
    assert report.num_numbers > 50
    assert [entry.event for entry in report.entries] == ["built", "signed_off"]
    assert any("not signed" in note for note in report.notes)
    document = json.loads((built / "card.json").read_text("utf-8"))
    assert len(document["evidence"]) == report.num_numbers


def test_one_changed_byte_in_any_file_is_named(card: Path) -> None:
    files = sorted(path for path in card.rglob("*") if path.is_file())
    assert len(files) > 15
    for path in files:
        whole = path.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1}:
            flipped = bytearray(whole)
            flipped[place] ^= 0x01
            path.write_bytes(bytes(flipped))
            named = {finding.path.split(":")[0] for finding in verify(card).findings}
            assert named == {path.relative_to(card).as_posix()}, place
        path.write_bytes(whole)
    assert verify(card).findings == ()


def test_files_put_in_taken_out_or_linked_are_named(card: Path) -> None:
    (card / "runs" / "extra.jsonl").write_text("{}\n")
    assert [f.path for f in verify(card).findings] == ["runs/extra.jsonl"]
    (card / "runs" / "extra.jsonl").unlink()
    whole = (card / "policy.yaml").read_bytes()
    (card / "policy.yaml").unlink()
    assert [f.path for f in verify(card).findings] == ["policy.yaml"]
    (card.parent / "elsewhere").write_bytes(whole)
    (card / "policy.yaml").symlink_to(card.parent / "elsewhere")
    assert [f.path for f in verify(card).findings] == ["policy.yaml"]


def reseal(card: Path) -> None:
    """Makes a changed bundle agree with its own statement, as a forger would."""
    write_atomic(card / STATEMENT, make_statement(card))
    (card / LOG).unlink()
    append(card, event="built", on="2026-11-21", files={STATEMENT: file_digest(card / STATEMENT)})


def test_a_forged_number_is_found_though_every_digest_was_made_again(card: Path) -> None:
    page = card / "card.html"
    text = page.read_text("utf-8")
    value = read(page).cells[0].split("%")[0] + "%"
    page.write_text(text.replace(value, "99.9\u00a0%", 1), "utf-8")
    reseal(card)
    found = verify(card).findings
    assert [f.path for f in found] == ["card.html"]
    assert "99.9" in found[0].what
    page.write_text(text, "utf-8")
    (card / "card.md").write_text((card / "card.md").read_text("utf-8").replace("insufficient", "passed"), "utf-8")
    reseal(card)
    assert [f.path for f in verify(card).findings] == ["card.md"]


def test_forged_evidence_is_found_though_the_page_agrees_with_it(card: Path) -> None:
    table = card / "evidence.jsonl"
    lines = table.read_text("utf-8").splitlines()
    row = json.loads(lines[0])
    lines[0] = json.dumps({**row, "value": 0.999}, sort_keys=True, ensure_ascii=False)
    table.write_text("\n".join(lines) + "\n", "utf-8")
    reseal(card)
    found = {f.path for f in verify(card).findings}
    assert "evidence.jsonl:1" in found
    assert "card.html" in found


def test_a_gate_that_was_loosened_is_found(card: Path) -> None:
    gates = card / "gates.yaml"
    gates.write_text(gates.read_text("utf-8").replace("min_n: 100", "min_n: 10"), "utf-8")
    reseal(card)
    assert {f.path for f in verify(card).findings} >= {"card.html", "card.json", "card.md"}


def test_the_log_only_grows(card: Path) -> None:
    entry = append(card, event="signed_off", on="x", files={}, role="r", name="n", decision="release", reason="y")
    assert entry.prev == read_log(card)[-2].digest
    lines = (card / LOG).read_text("utf-8").splitlines(keepends=True)
    (card / LOG).write_text(lines[0] + lines[2])
    assert check_log(card)[0].path == f"{LOG}:2"
    with pytest.raises(InputError, match="does not follow"):
        append(card, event="signed_off", on="x", files={}, role="r", name="n", decision="hold", reason="y")


def test_text_is_withheld_and_can_be_opened_row_by_row(built: Path, run: Path) -> None:
    for path in built.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes() or path.name in ("examples.jsonl", "card.html", "card.json")
    tables = {one["table"]: one for one in json.loads((built / "bundle.json").read_text("utf-8"))["withheld"]}
    name = "runs/demo/cases.jsonl"
    assert tables[name]["rows"] == 60
    secret = bytes.fromhex(built.with_name("card.secret").read_text().strip())
    rows = (run / "cases.jsonl").read_bytes().split(b"\n")[:-1]
    opened = open_row(rows, 17, table=name, secret=secret)
    assert verify(built, openings=[opened]).findings == ()
    other = opened.model_copy(update={"row": opened.row.replace("rose", "vine")})
    assert [f.path for f in verify(built, openings=[other]).findings] == [name]


def test_prompts_are_not_published_where_no_example_is_asked_for(run: Path, tmp_path: Path) -> None:
    out = build([run], tmp_path / "card", **{**OPTIONS, "examples": 0}).path
    assert not [path for path in out.rglob("*") if path.is_file() and b"prune" in path.read_bytes()]
    assert verify(out).findings == ()


def test_published_text_is_covered_by_the_statement(run: Path, tmp_path: Path) -> None:
    done = build([run], tmp_path / "card", **{**OPTIONS, "publish": True})
    assert done.withheld == ()
    assert PROMPT.split("\x1b")[0] in (done.path / "runs/demo/cases.jsonl").read_text("utf-8")
    assert verify(done.path).findings == ()


def test_several_runs_stand_in_one_card_each_named(run: Path, tmp_path: Path) -> None:
    other = plant_run(tmp_path / "demo", seed=1)
    out = build([run, other], tmp_path / "card", **OPTIONS).path
    assert verify(out).findings == ()
    text = read(out / "card.html").text
    assert "run: demo-2" in text
    assert "the worst of 2 rows" in text


def test_what_judges_and_audits_were_is_in_the_bundle(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "demo"))
    kept = ["judge/card.json", "eval/test/sft/rates/refused/judge_card.json", "audit/decision.json"]
    for name in (*kept, "judge/rows.jsonl", "card.json"):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text("{}\n")
    built = build([other], tmp_path / "card", **OPTIONS)
    assert all((built.path / "runs/demo" / name).is_file() for name in kept)
    assert not (built.path / "runs/demo/card.json").exists(), "a run's own card is none of a judge"
    assert "runs/demo/judge/rows.jsonl" in {one.table for one in built.withheld}
    assert verify(built.path).findings == ()


def test_mistakes_are_told_before_anything_is_written(run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InputError, match="is not empty"):
        build([run], tmp_path / "full", **OPTIONS)
    bad = tmp_path / "gates.yaml"
    bad.write_text("id: x\n")
    with pytest.raises(InputError, match=r"gates.yaml:1: `version`: it is missing"):
        build([run], tmp_path / "card", **{**OPTIONS, "gates": bad})
    with pytest.raises(MissingError, match="holds no evidence"):
        build([tmp_path / "full"], tmp_path / "card", **OPTIONS)
    with pytest.raises(MissingError, match="holds no bundle"):
        verify(tmp_path / "full")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "gates.yaml"]


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=40), st.data())
def test_any_row_of_any_table_can_be_proven_and_no_other(rows: list[bytes], data: st.DataObject) -> None:
    secret = b"s" * 32
    root = tree_root([leaf_hash(row, row_salt(secret, "t", at)) for at, row in enumerate(rows)]).hex()
    index = data.draw(st.integers(0, len(rows) - 1))
    opened = open_row(rows, index, table="t", secret=secret)
    assert check_opening(opened, root=root)
    assert not check_opening(opened.model_copy(update={"row": opened.row + "x"}), root=root)
    assert not check_opening(opened.model_copy(update={"index": index + 1}), root=root)
    assert not check_opening(opened.model_copy(update={"path": (*opened.path, "00" * 32)}), root=root)
    assert Opening.model_validate_json(opened.model_dump_json()) == opened


def test_the_tree_is_that_of_rfc_6962() -> None:
    """Roots of Certificate Transparency's published test vectors: leaves of 1, 2, 3 and 8 entries."""
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    leaves = [leaf_hash(bytes.fromhex(entry), b"") for entry in entries]
    assert {n: tree_root(leaves[:n]).hex() for n in roots} == roots


@pytest.mark.skipif(shutil.which("openssl") is None, reason="keys are made with openssl")
def test_a_signature_tells_who_made_the_bundle(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("model_signing")
    for name in ("mine", "theirs"):
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private], check=True)
        subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    out = build([run], tmp_path / "card", **{**OPTIONS, "key": tmp_path / "mine.pem"}).path
    assert verify(out, key=tmp_path / "mine.pub").findings == ()
    assert [f.path for f in verify(out, key=tmp_path / "theirs.pub").findings] == ["statement.sig"]
    signature = (out / "statement.sig").read_bytes()
    (out / "statement.sig").write_bytes(signature[:-9] + bytes([signature[-9] ^ 1]) + signature[-8:])
    assert {f.path for f in verify(out, key=tmp_path / "mine.pub").findings} == {"statement.sig"}
    (out / "statement.sig").unlink()
    assert {f.path for f in verify(out, key=tmp_path / "mine.pub").findings} == {"statement.sig"}
    (out / "runs/demo/command.txt").write_text("forged\n")
    reseal(out)
    (out / "statement.sig").write_bytes(signature)
    append(out, event="signed", on="x", files={"statement.sig": file_digest(out / "statement.sig")})
    assert "statement.sig" in {f.path for f in verify(out, key=tmp_path / "mine.pub").findings}


@pytest.mark.skipif(browser() is None, reason="no browser is installed")
@pytest.mark.slow
def test_the_card_prints(built: Path, tmp_path: Path) -> None:
    print_pdf(built / "card.html", tmp_path / "card.pdf")
    assert (tmp_path / "card.pdf").read_bytes()[:5] == b"%PDF-"
    assert os.stat(tmp_path / "card.pdf").st_size > 20_000
