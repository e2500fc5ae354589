"""The pages in Debian's Chromium: nothing that a model wrote runs, and a person gets along with the keyboard alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from serve_run import plant

from browser import Tab, chromium
from contrast import CONTRAST
from precepts.cards.pdf import browser
from precepts.serve import Guard, Library, make_app

pytestmark = [pytest.mark.slow, pytest.mark.skipif(browser() is None, reason="no browser is installed")]

HOSTILE = (
    "<script>window.ran=1</script></pre><img src=x onerror='window.ran=1'><svg onload='window.ran=1'>\x1b[31m\u202egnihton"
    "\x00 {{ 7*7 }} javascript:window.ran=1 " + "w" * 400
)
SFT = "one/eval/test/sft"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, Path]]:
    import socket

    import uvicorn

    root = tmp_path_factory.mktemp("browser")
    plant(root / "runs" / "one")
    plant(root / "runs" / "two", sft_wrong=6)
    plant(root / "hostile" / "one", text=HOSTILE)
    listener = socket.create_server(("127.0.0.1", 0))
    other = socket.create_server(("127.0.0.1", 0))
    servers: list[uvicorn.Server] = []
    for name, sock in (("runs", listener), ("hostile", other)):
        app = make_app(
            Library(root / name, cache=root / "cache"), labels=root / f"{name}-labels", rater="ann", guard=Guard()
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True).start()
        servers.append(server)
    os.environ["PRECEPTS_TEST_HOSTILE"] = f"http://127.0.0.1:{other.getsockname()[1]}"
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", root
    for server in servers:
        server.should_exit = True


@pytest.fixture(scope="module")
def tab() -> Generator[Tab]:
    with chromium() as made:
        yield made


def test_cases_are_read_compared_and_labelled_with_keys_alone(tab: Tab, site: tuple[str, Path]) -> None:
    url, root = site
    tab.open(url + "/")
    for key in "jja":  # the first table is base, the second sft
        tab.press(key)
    assert tab.js("document.querySelector('[data-pick=a]:checked').value").endswith("/eval/test/sft")
    tab.press("k")
    tab.press("b")
    tab.press("c")
    tab.landed("location.pathname === '/compare'")
    tab.press("g")
    tab.landed("location.pathname === '/'")
    tab.open(f"{url}/cases?t={SFT}&differs=policy")
    tab.press("j")
    tab.press("Enter")
    tab.landed("location.pathname === '/case'")
    assert tab.js("document.querySelector('h1').textContent").startswith("c009")
    tab.press("1")
    assert tab.js("document.querySelector('[name=said_did]:checked').value") == "refuse"
    tab.press("Enter")
    tab.landed("location.search.includes('saved=c009')")
    assert tab.js("document.querySelector('h1').textContent").startswith("c010")
    tab.press("k")
    tab.landed("document.querySelector('h1')?.textContent.startsWith('c009')")
    tab.press("r")
    assert tab.js("document.querySelector('.reasoning').open") is False
    tab.press("u")
    tab.landed("location.pathname === '/cases'")
    assert "differs=policy" in tab.js("location.search")
    tab.press("?")
    assert tab.js("document.getElementById('keys').open")
    labels = (root / "runs-labels" / SFT / "judgments.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["verdict"] for line in labels] == ["refuse"]
    assert tab.messages == []


def test_nothing_hostile_runs_and_the_layout_holds(tab: Tab, site: tuple[str, Path]) -> None:
    base = os.environ["PRECEPTS_TEST_HOSTILE"]
    paths = (
        "/",
        f"/cases?t={SFT}",
        f"/case?t={SFT}&row=9&b=one/eval/test/base",
        f"/compare?a=one/eval/test/base&b={SFT}",
    )
    for width in (1280, 390):
        for path in paths:
            tab.messages.clear()
            tab.open(base + path, width=width, height=900)
            assert tab.js("window.ran === undefined"), path
            assert tab.js("document.documentElement.scrollWidth") <= width, (path, width)
            assert tab.messages == [], path


def test_every_control_has_a_name_and_every_page_its_landmarks(tab: Tab, site: tuple[str, Path]) -> None:
    url, _ = site
    for path in ("/", f"/cases?t={SFT}", f"/case?t={SFT}&row=9", f"/compare?a=one/eval/test/base&b={SFT}"):
        tab.open(url + path)
        tree = tab.call("Accessibility.getFullAXTree")["nodes"]
        seen = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in tree
            if not node.get("ignored") and "role" in node
        ]
        roles = {role for role, _ in seen}
        assert {"banner", "navigation", "main", "heading"} <= roles, path
        unnamed = [
            role
            for role, name in seen
            if role in ("link", "button", "radio", "textbox", "searchbox", "region", "table") and not name.strip()
        ]
        assert unnamed == [], path


def test_text_stands_out_from_its_ground(tab: Tab, site: tuple[str, Path]) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1, in light and in dark."""
    url, _ = site
    for scheme in ("light", "dark"):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for path in ("/", f"/cases?t={SFT}", f"/case?t={SFT}&row=9"):
            tab.open(url + path)
            assert tab.js(CONTRAST) == [], (scheme, path)
    tab.call("Emulation.setEmulatedMedia", features=[])
