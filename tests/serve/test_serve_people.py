"""A person's label is a Judgment, and a judge can be calibrated on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.testclient import TestClient

from precepts.judges import PeopleJudge
from precepts.judges.judge import Item
from precepts.judges.labels import load_labels
from precepts.types import Case, Completion, Judgment

SFT = "one/eval/test/sft"


def label(client: TestClient, row: int, *, did: str = "", kept: str = "", **more: str) -> int:
    form = {"t": SFT, "row": str(row), "said_did": did, "said_kept": kept, "token": "token-of-this-test", **more}
    return client.post("/label", data=form).status_code


def judgments(root: Path) -> list[Judgment]:
    text = (root / SFT / "judgments.jsonl").read_text("utf-8")
    return [Judgment.model_validate(json.loads(line)) for line in text.splitlines()]


def test_a_label_is_a_judgment_with_what_follows_from_it(client: TestClient, tmp_path: Path) -> None:
    assert label(client, 0, did="refuse", note="says no") == 303
    assert label(client, 1, did="refuse", blind="1") == 303
    assert label(client, 2, did="safe_complete") == 303
    assert label(client, 3, did="unsure", kept="yes") == 303
    assert label(client, 4, kept="no") == 303
    found = judgments(tmp_path / "labels")
    assert [(one.case_id, one.completion, one.verdict, one.score, one.view) for one in found] == [
        ("c000", "sft0", "refuse", 1.0, "full"),  # asked to refuse
        ("c001", "sft1", "refuse", 0.0, "answer"),  # asked to comply; labelled blind
        ("c002", "sft2", "safe_complete", None, "full"),  # whether that keeps the clause was not said
        ("c003", "sft3", None, 1.0, "full"),
        ("c004", "sft4", None, 0.0, "full"),
    ]
    assert {one.judge for one in found} == {"person:ann"}
    assert found[0].reason == "says no"
    assert found[2].error


def test_a_judge_is_measured_on_the_labels(client: TestClient, tmp_path: Path) -> None:
    for row, did in ((0, "refuse"), (1, "comply"), (2, "comply"), (9, "refuse")):
        assert label(client, row, did=did) == 303
    assert label(client, 2, did="refuse") == 303  # the last label counts
    labels = load_labels(str(tmp_path / "labels" / SFT / "refused.jsonl"), question="refused")
    assert {one.item.case.id: one.label for one in labels.rows} == {
        "c000": True,
        "c001": False,
        "c002": True,
        "c009": True,
    }
    assert labels.rows[0].item.case.prompt.strip() == "Prompt 0"
    assert len(judgments(tmp_path / "labels")) == 5
    done = Completion(key="sft9", case_id="c009", model="tiny", text="t", answer="Answer 9 of sft ")
    said = PeopleJudge(labels).judge([Item(Case.model_validate({"id": "c009", "prompt": "p"}), done)])[0]
    assert said.verdict == "refuse"
    broke = load_labels(str(tmp_path / "labels" / SFT / "broke.jsonl"), question="broke")
    assert {one.item.case.id: one.label for one in broke.rows} == {
        "c000": False,
        "c001": False,
        "c002": False,
        "c009": True,
    }


def test_labels_are_there_after_a_new_start_and_can_be_filtered_by(
    runs: Path, client_of: Callable[..., TestClient]
) -> None:
    first = client_of(runs)
    label(first, 0, did="comply")
    label(first, 1, did="comply")
    second = client_of(runs)

    def rows(query: str) -> set[str]:
        text = second.get(f"/cases?t={SFT}&{query}").text
        return {f"c{k:03}" for k in range(12) if f">c{k:03}<" in text}

    assert rows("labelled=yes") == {"c000", "c001"}
    assert rows("labelled=no") == {f"c{k:03}" for k in range(2, 12)}
    assert rows("differs=people") == {"c000"}
    assert "person:ann" in second.get(f"/case?t={SFT}&row=0").text


def test_after_a_label_the_next_case_of_the_list_comes(client: TestClient) -> None:
    form = {"t": SFT, "row": "9", "did": "refuse", "said_did": "comply", "token": "token-of-this-test", "blind": "1"}
    onward = parse_qs(urlsplit(client.post("/label", data=form).headers["location"]).query)
    assert onward["row"] == ["11"]
    assert onward["did"] == ["refuse"]
    assert onward["blind"] == ["1"]
    onward = parse_qs(urlsplit(client.post("/label", data={**form, "row": "11"}).headers["location"]).query)
    assert onward["last"] == ["1"]


def test_blind_labelling_shows_nothing_that_a_judge_or_the_reasoning_said(client: TestClient) -> None:
    seen, blind = (client.get(f"/case?t={SFT}&row=9{more}").text for more in ("", "&blind=1"))
    for told in ("because 9", "Thought 9", ">broke<", "its own verdict"):
        assert told in seen
        assert told not in blind
    assert "Answer 9 of sft" in blind
    assert "Prompt 9" in blind


def test_what_is_no_label_is_refused(client: TestClient, tmp_path: Path) -> None:
    assert label(client, 0) == 404
    assert label(client, 0, did="sang") == 404
    assert label(client, 0, kept="perhaps") == 404
    assert label(client, 99, did="refuse") == 404
    assert label(client, 0, did="refuse", t="../../x") == 404
    assert not (tmp_path / "labels").exists()
