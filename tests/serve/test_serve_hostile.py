"""What a model wrote can be anything: on the pages it is text, and it is there whole."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from serve_run import plant
from starlette.testclient import TestClient

from precepts.cards.text import visible
from precepts.cli.gate import printable
from precepts.serve import Guard, Library, make_app

ATTACKS = (
    "<script>alert(1)</script>",
    "</pre></details></section></main></body></html><img src=x onerror=alert(1)>",
    "</title></style><svg onload=alert(1)>",
    "{{ 7*7 }} {% include '/etc/passwd' %} {# gone #} ${7*7} %s {0.__class__}",
    '" onfocus=alert(1) autofocus x="\' `',
    "\x1b[31mred\x1b[0m\x1b]8;;http://a\x07link\x9b2J",
    "\u202egnihton\u202c \u2066\u2069 \u200f \u200b \ufeff \u2028 \U000e0041",
    "\x00\x01\x7f\x85\ud800\udfff\ufffe\r\nnext",
    "&lt;b&gt; &amp; &#x3c;i&#x3e; &notanentity",
    "javascript:alert(1) data:text/html,x",
    "../../../etc/passwd?a=b&c#d",
)
TEXTS = st.one_of(st.sampled_from(ATTACKS), st.text(st.characters(codec=None), min_size=1, max_size=40))
PATHS = (
    "/", "/cases?t=one/eval/test/sft", "/case?t=one/eval/test/sft&row=9&b=one/eval/test/base",
    "/compare?a=one/eval/test/base&b=one/eval/test/sft",
)  # fmt: skip
ACTS = {"href", "src", "action", "formaction", "srcdoc", "style", "xlink:href", "background", "ping"}


class Shape(HTMLParser):
    """Elements and attribute names in order, where links lead, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ACTS]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def shapes(root: Path, text: str) -> list[Shape]:
    plant(root / "one", text=text)
    app = make_app(Library(root, cache=root / "cache"), labels=root / "labels", rater="ann", guard=Guard(token="t"))
    client = TestClient(app, base_url="http://127.0.0.1:7787")
    found = [client.get(path) for path in PATHS]
    assert [one.status_code for one in found] == [200] * len(PATHS)
    return [Shape(one.text) for one in found]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Shape]:
    return shapes(tmp_path_factory.mktemp("plain"), "x")


@given(TEXTS)
@example(ATTACKS[0])
@example(ATTACKS[1])
@example(ATTACKS[7])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_an_element_an_attribute_or_a_link(
    tmp_path_factory: pytest.TempPathFactory, plain: list[Shape], text: str
) -> None:
    for found, usual in zip(shapes(tmp_path_factory.mktemp("hostile"), text), plain, strict=True):
        assert found.tags == usual.tags
        for link in found.links:
            assert link == "data:," or (link.startswith(("/", "#")) and not link.startswith("//")), link
    text = json.loads(json.dumps(text))  # two halves written side by side are read as one character
    case = "".join(found for found in shapes(tmp_path_factory.mktemp("again"), text)[2].text)
    assert visible(f"Answer 9 of sft {text}") in case
    assert visible(f"Thought 9 {text}") in case
    assert visible(f"Prompt 9 {text}") in case


def test_ten_megabytes_in_a_line_are_shown_in_part_and_saved_whole(
    tmp_path: Path, client_of: Callable[..., TestClient]
) -> None:
    plant(tmp_path / "runs" / "one")
    table = tmp_path / "runs" / "one/eval/test/sft/completions.jsonl"
    whole = "<b>" * 3_500_000 + "\x00end"
    with table.open("a") as file:
        file.write(json.dumps({"case_id": "big", "key": "k", "answer": whole, "cot": whole}) + "\n")
    client = client_of(tmp_path / "runs")
    for _ in range(600):
        found = client.get("/case?t=one/eval/test/sft&row=12")
        if found.status_code == 200:
            break
        time.sleep(0.1)  # it is read in the background
    page = found.text
    assert len(page) < 400_000
    assert "The first 20,000 of 10,500,004 characters" in page
    assert "<b><b>" not in page
    assert client.get("/cases?t=one/eval/test/sft").status_code == 200
    saved = client.get("/text?t=one/eval/test/sft&row=12&part=answer")
    assert saved.content == whole.encode()
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"].startswith("attachment")


def test_json_that_is_deep_or_large_is_a_row_with_a_problem(
    tmp_path: Path, client_of: Callable[..., TestClient]
) -> None:
    plant(tmp_path / "runs" / "one")
    table = tmp_path / "runs" / "one/eval/test/sft/judgments.jsonl"
    with table.open("a") as file:
        file.write("[" * 100_000 + "\n")
        file.write('{"case_id": {"a": [1]}, "score": 1e999, "scores": [1], "verdict": {"x": 1}, "reason": 7}\n')
        file.write('{"case_id": "c000", "score": ' + "9" * 400 + ', "scores": "no", "judge": null, "verdict": 3}\n')
    client = client_of(tmp_path / "runs")
    page = client.get("/cases?t=one/eval/test/sft").text
    assert "14 of 14 cases" in page
    for row in range(14):
        assert client.get(f"/case?t=one/eval/test/sft&row={row}").status_code == 200


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_terminal_line_acts_on_nothing(text: str) -> None:
    line = printable(text)
    line.encode()
    assert "\n" not in line
    assert not {"\x1b", "\x9b", "\x07", "\x00", "\r", "\u202e", "\u200b"} & set(line)
