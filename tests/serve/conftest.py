from collections.abc import Callable
from pathlib import Path

import pytest
from serve_run import plant

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from precepts.serve import Guard, Library, make_app

TOKEN = "token-of-this-test"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the same cases; the second is wrong on more of them."""
    root = tmp_path_factory.mktemp("serve") / "runs"
    plant(root / "one")
    plant(root / "deeper" / "two", sft_wrong=6)
    return root


@pytest.fixture
def client_of(tmp_path: Path) -> Callable[..., TestClient]:
    def made(root: Path, **more: object) -> TestClient:
        guard = Guard(token=TOKEN, **more)  # type: ignore[arg-type]
        app = make_app(Library(root, cache=tmp_path / "cache"), labels=tmp_path / "labels", rater="ann", guard=guard)
        return TestClient(app, base_url="http://127.0.0.1:7787", follow_redirects=False)

    return made


@pytest.fixture
def client(runs: Path, client_of: Callable[..., TestClient]) -> TestClient:
    return client_of(runs)
