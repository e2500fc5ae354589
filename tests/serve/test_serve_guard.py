"""Who is answered: pages of this server, in a browser that knows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from precepts.serve.guard import Guard, is_loopback

SFT = "one/eval/test/sft"
FORM = {"t": SFT, "row": "0", "said_did": "refuse", "token": "token-of-this-test"}


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:7787", "127.0.0.1.evil.example", "192.168.1.4:7787", "", "localhost.evil:1"]
)
def test_a_name_that_is_not_this_machines_is_refused(client: TestClient, name: str) -> None:
    """DNS rebinding: a page of evil.example whose name resolves to 127.0.0.1."""
    found = client.get("/", headers={"host": name})
    assert found.status_code == 403
    assert "Runs" not in found.text


@pytest.mark.parametrize("name", ["127.0.0.1:7787", "localhost:7787", "localhost", "[::1]:7787", "127.0.0.5"])
def test_the_machines_own_names_are_answered(client: TestClient, name: str) -> None:
    assert client.get("/", headers={"host": name}).status_code == 200


def test_a_form_from_elsewhere_is_refused_and_writes_nothing(client: TestClient, tmp_path: Path) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:7787.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert client.post("/label", data=FORM, headers=headers).status_code == 403, headers
    for token in ("", "wrong", "ünïcode"):
        assert client.post("/label", data={**FORM, "token": token}).status_code == 403
    assert not (tmp_path / "labels").exists()
    own = {"origin": "http://127.0.0.1:7787", "sec-fetch-site": "same-origin"}
    assert client.post("/label", data=FORM, headers=own).status_code == 303
    assert (tmp_path / "labels" / SFT / "judgments.jsonl").exists()


def test_other_methods_and_large_forms_write_nothing(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/label", params=FORM).status_code == 405
    assert client.put("/label", data=FORM).status_code == 405
    assert client.post("/cases", data=FORM).status_code == 405
    assert client.post("/label", data={**FORM, "note": "n" * 70_000}).status_code == 404
    assert client.post("/label", data={**FORM, **{f"x{k}": "1" for k in range(60)}}).status_code == 404
    assert not (tmp_path / "labels").exists()


def test_another_sites_page_can_link_here_and_embed_nothing(client: TestClient) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=link).status_code == 200
    assert client.get("/", headers={**link, "sec-fetch-mode": "no-cors"}).status_code == 403
    headers = client.get("/").headers
    policy = dict(one.strip().partition(" ")[::2] for one in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_beyond_this_machine_a_key_is_asked_for(runs: Path, client_of: Callable[..., TestClient]) -> None:
    client = client_of(runs, host="0.0.0.0", key="the-key")
    for path in ("/", "/?key=wrong", f"/cases?t={SFT}", "/static/serve.js"):
        assert client.get(path).status_code == 401
    assert client.post("/label", data=FORM).status_code == 401
    opened = client.get(f"/cases?t={SFT}&key=the-key")
    assert opened.status_code == 303
    assert "the-key" not in opened.headers["location"]
    cookie = opened.headers["set-cookie"].casefold()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get(opened.headers["location"]).status_code == 200
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/", headers={"host": "192.168.1.4:7787"}).status_code == 200


def test_only_loopback_addresses_are_this_machine() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))
    assert Guard().token != Guard().token
    assert not Guard(host="box.example").knows("other.example")
    assert Guard(host="box.example").knows("box.example:80")
