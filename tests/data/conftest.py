import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def public_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of copies of the public sets; no cache, and so no download that a test did not ask for."""
    folder = Path(os.environ.get("PRECEPTS_DATA") or BESIDE)
    if not folder.is_dir():
        pytest.skip("no copies of the public sets: set PRECEPTS_DATA to a folder of them")
    monkeypatch.setenv("PRECEPTS_DATA", str(folder))
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache with nothing in it, and no folder of copies."""
    monkeypatch.delenv("PRECEPTS_DATA", raising=False)
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
