"""The card in Debian's Chromium: nothing runs, nothing is cut at a phone's width, it can be read by all and prints."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from pathlib import Path

import pytest
from cards_planted import EXAMPLES, FACTS, build, planted, rate
from test_card_hostile import ATTACKS

from browser import Tab, chromium
from contrast import CONTRAST
from precepts.cards.pdf import browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(browser() is None, reason="no browser is installed")]


@pytest.fixture(scope="module")
def tab() -> Generator[Tab]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("card"), evidence=planted(), examples=EXAMPLES, facts=FACTS).html


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = " ".join(ATTACKS) + "<script>window.ran=1</script><img src=x onerror='window.ran=1'>" + "w" * 300
    output = {"answer": text, "cot": text, "verdict": text, "clause": text, "refused": True}
    rows = [{"case_id": text, "category": text, "prompt": text, "expected": text, "outputs": {text: output}}]
    facts = {"model": text, "limits": [text], "reproduce": text, "versions": {text: text}}
    name = text.encode("utf-8", "replace").decode()
    evidence = [rate("refusal_rate", name[:200], 3, 9, set=name[:200], judge=name)]
    return build(tmp_path_factory.mktemp("hostile"), evidence=evidence, examples=rows, facts=facts).html


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_runs_and_nothing_is_wider_than_the_screen(tab: Tab, full: Path, hostile: Path, width: int) -> None:
    for page in (full, hostile):
        tab.messages.clear()
        tab.open(page.as_uri(), width=width, height=844)
        tab.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert tab.js("window.ran === undefined")
        assert tab.js("document.documentElement.scrollWidth") <= width
        assert tab.messages == []


def test_text_stands_out_in_light_and_dark(tab: Tab, full: Path) -> None:
    for scheme in ("light", "dark"):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        tab.open(full.as_uri())
        tab.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert tab.js(CONTRAST) == [], scheme
    tab.call("Emulation.setEmulatedMedia", features=[])


def test_landmarks_names_and_headings_are_there_for_a_screen_reader(tab: Tab, full: Path) -> None:
    tab.open(full.as_uri())
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    seen = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and "role" in node
    ]
    assert {"banner", "navigation", "main", "contentinfo", "heading", "table", "rowheader", "columnheader"} <= {
        role for role, _ in seen
    }
    assert [
        role for role, name in seen if role in ("link", "button", "region", "table", "image") and not name.strip()
    ] == []
    levels = tab.js("[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_all_of_it_is_reached_by_the_tab_key(tab: Tab, full: Path) -> None:
    tab.open(full.as_uri())
    count = tab.js("document.querySelectorAll('a[href], summary, [tabindex]').length")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", windowsVirtualKeyCode=9)
    assert tab.js("document.activeElement.className") == "skip"
    reached = 1
    for _ in range(12):
        tab.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", windowsVirtualKeyCode=9)
        reached += tab.js(
            "document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        )
    assert reached == 13 <= count


def test_on_paper_the_examples_are_open_and_the_navigation_is_not_there(tab: Tab, full: Path) -> None:
    tab.open(full.as_uri())
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.js("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.js(
        "[...document.querySelectorAll('details pre')].every((one) => one.getBoundingClientRect().height > 0)"
    )
    tab.call("Emulation.setEmulatedMedia", media="")
