"""The command: where it listens, who may open it, and what it says of mistakes."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from precepts.cli.serve import serve
from precepts.errors import InputError, MissingError


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends as soon as it is up."""
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)


def test_it_says_where_it_listens_and_only_this_machine_needs_no_key(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(runs, host="127.0.0.1", port=0, rater="ann", labels=None)
    said = capsys.readouterr()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", said.out)
    assert said.err == ""
    serve(runs, host="0.0.0.0", port=0, rater=None, labels=None)
    said = capsys.readouterr()
    assert re.fullmatch(r"http://0\.0\.0\.0:\d+/\?key=[\w-]{20,}\n", said.out)
    assert "reads everything" in said.err


def test_mistakes_are_one_clear_error(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such directory"):
        serve(tmp_path / "none", host="127.0.0.1", port=0, rater="ann", labels=None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="another --port"):
        serve(runs, host="127.0.0.1", port=taken.getsockname()[1], rater="ann", labels=None)
    with pytest.raises(InputError, match="rater's name"):
        serve(runs, host="127.0.0.1", port=0, rater="two words", labels=None)
