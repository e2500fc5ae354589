"""What the pages show is what stands in the files, and every case can be reached."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from serve_run import CLAUSES, plant
from starlette.testclient import TestClient

from precepts.pipelines.diff import diff
from precepts.serve import Library
from precepts.serve.index import Index
from precepts.serve.query import Filter, People, passing

SFT, BASE = "one/eval/test/sft", "one/eval/test/base"


def get(client: TestClient, path: str, status: int = 200) -> str:
    found = client.get(path)
    assert found.status_code == status, found.text[:300]
    return found.text


def said(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def links(html: str, path: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'href="([^"]*)"', html) if one.startswith(path)]


def listed(client: TestClient, query: str) -> set[int]:
    """The case numbers on a page of the list."""
    html = get(client, f"/cases?t={SFT}&{query}")
    return {int(parse_qs(urlsplit(one).query)["row"][0]) for one in links(html, "/case?") if "start=1" not in one}


def test_the_list_of_runs_holds_every_table_with_its_rates_and_intervals(client: TestClient) -> None:
    html = get(client, "/")
    text = said(html)
    assert {parse_qs(urlsplit(one).query)["t"][0] for one in links(html, "/cases?")} == {
        SFT, BASE, "deeper/two/eval/test/sft", "deeper/two/eval/test/base"}  # fmt: skip
    # Of 11 scored cases the last three are wrong: 8 kept. Wilson's interval by hand: centre (8 + 1.92) / (11 + 3.84).
    assert "Balanced accuracy 73 % [43, 90] n 11" in text
    assert "deeper/two" not in said(get(client, "/?q=one"))


def test_each_filter_lists_the_cases_counted_by_hand(client: TestClient) -> None:
    everything = set(range(12))
    assert listed(client, "") == everything
    assert listed(client, "category=privacy") == {8, 9, 10, 11}
    assert listed(client, "asked=comply") == {1, 3, 5, 7, 9, 11}
    assert listed(client, f"clause={CLAUSES['refuse'].id}") == {0, 2, 4, 6, 8, 10}
    assert listed(client, "did=refuse") == {0, 2, 4, 6, 8, 9, 11}
    assert listed(client, "differs=policy") == {9, 10, 11}
    assert listed(client, "differs=itself") == {9, 10, 11}
    assert listed(client, "differs=judges") == {1}
    assert listed(client, "kept=no") == {9, 10, 11}
    assert listed(client, "kept=unscored") == {5}
    assert listed(client, "q=c01") == {10, 11}
    assert listed(client, "category=privacy&did=refuse") == {8, 9, 11}
    assert listed(client, "category=nothing") == set()
    assert listed(client, "did=none") == set()


def test_going_to_the_next_case_passes_each_that_the_filter_lets_through_once(client: TestClient) -> None:
    html, seen = get(client, f"/case?t={SFT}&did=refuse&start=1"), list[int]()
    while True:
        seen.append(int(re.findall(r'name="row" value="(\d+)"', html)[0]))
        found = re.search(r'<a rel="next" href="([^"]*)"', html)
        if found is None:
            break
        html = get(client, unescape(found[1]))
    assert seen == [0, 2, 4, 6, 8, 9, 11]
    assert "7 of 7 filtered" in said(html)


def test_a_case_shows_prompt_reasoning_answer_judgments_and_clauses(client: TestClient) -> None:
    text = said(get(client, f"/case?t={SFT}&row=1"))
    for part in (
        "Prompt 1",
        "Thought 1",
        "Answer 1 of sft",
        "because 1",
        "rules , reads answer",
        "probe , reads answer",
    ):
        assert part.replace(" ,", ",") in text
    assert CLAUSES["comply"].text in text
    assert f"{CLAUSES['comply'].id} comply governs this case" in text
    assert f"{CLAUSES['refuse'].id} refuse cited by the model" in text
    assert "Answer 1 of base" in said(get(client, f"/case?t={SFT}&row=1&b={BASE}"))


def test_two_tables_are_compared_with_the_numbers_of_precepts_diff(client: TestClient, runs: Path) -> None:
    html = get(client, f"/compare?a={SFT}&b=deeper/two/eval/test/sft")
    found = diff(runs / "one", runs / "deeper" / "two", arm="sft")[0]
    change = found.overall
    assert [change.worse, change.better] == [("c006", "c007", "c008"), ()]
    text = said(html)
    low, high = change.difference.low, change.difference.high
    assert low is not None
    assert high is not None
    assert f"−27.3 points [{100 * low:+.1f}, {100 * high:+.1f}]".replace("-", "−") in text
    assert f"mid-p {change.p:.3g}" in text
    assert "1 cases were not scored in both" in text
    rows = [int(parse_qs(urlsplit(one).query)["row"][0]) for one in links(html, "/case?")]
    assert rows == [6, 7, 8]


def test_no_key_does_two_things_on_one_page(client: TestClient) -> None:
    for path in ("/", f"/cases?t={SFT}", f"/case?t={SFT}&row=3&b={BASE}", f"/compare?a={BASE}&b={SFT}"):
        keys = re.findall(r'data-key="([^"]*)"', get(client, path))
        assert len(keys) == len(set(keys)), path
        assert "?" in keys


def test_a_line_that_cannot_be_read_is_listed_with_the_reason(
    runs: Path, tmp_path: Path, client_of: Callable[..., TestClient]
) -> None:
    shutil.copytree(runs / "one", tmp_path / "runs" / "one")
    table = tmp_path / "runs" / SFT / "completions.jsonl"
    with table.open("ab") as file:
        file.write(
            b'{"case_id": "torn", "answ\n[1, 2]\n\xff\xfe\n' + b'{"case_id": "c000", "answer": "the same case again"}\n'
        )
    client = client_of(tmp_path / "runs")
    text = said(get(client, f"/cases?t={SFT}"))
    for number in (13, 14, 15):
        assert f"completions.jsonl:{number} is not a JSON object" in text
    assert "16 of 16 cases" in text
    assert '{"case_id": "torn", "answ' in said(get(client, f"/case?t={SFT}&row=12"))
    assert "the same case again" in said(get(client, f"/case?t={SFT}&row=15"))


def test_the_index_follows_the_files_and_is_the_same_from_the_cache(tmp_path: Path) -> None:
    plant(tmp_path / "runs" / "one")
    library = Library(tmp_path / "runs", cache=tmp_path / "cache")
    table = library.table(SFT)
    first = library.index(table, wait=True)
    assert isinstance(first, Index)
    with (table.path / "scores.jsonl").open("a") as file:
        file.write(json.dumps({"case_id": "new", "kept": 1.0, "asked": "comply", "did": "comply"}) + "\n")
    grown = library.index(table, wait=True)
    assert isinstance(grown, Index)
    assert grown.cases.height == first.cases.height + 1
    from precepts.serve.index import keep_index, load_index

    keep_index(grown, tmp_path / "kept")
    again = load_index(tmp_path / "kept")
    assert again is not None
    assert again.cases.to_dicts() == grown.cases.to_dicts()
    assert (
        passing(again, Filter(did="comply"), People()).to_dicts()
        == passing(grown, Filter(did="comply"), People()).to_dicts()
    )
    (tmp_path / "kept" / "cases.parquet").write_bytes(b"rubbish")
    assert load_index(tmp_path / "kept") is None


def test_a_large_table_is_read_in_the_background_and_the_page_says_how_far(
    tmp_path: Path, client_of: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "runs" / "one", num_cases=400)
    monkeypatch.setattr("precepts.serve.library._AT_ONCE", 1)
    client = client_of(tmp_path / "runs")
    for _ in range(200):
        found = client.get(f"/cases?t={SFT}")
        if found.status_code == 200:
            break
        assert found.status_code == 202
        assert 'http-equiv="refresh"' in found.text
    assert "400 of 400 cases" in said(found.text)
    assert "page 2 of 8" in said(get(client, f"/cases?t={SFT}&page=2"))


def test_what_is_not_there_is_said_plainly(client: TestClient) -> None:
    for path in (
        "/cases?t=../../etc",
        "/cases",
        "/case?t=one/eval/test/sft&row=99",
        "/compare?a=x&b=y",
        f"/text?t={SFT}&row=1&part=../x",
    ):
        assert "That cannot be shown" in get(client, path, 404)
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404
