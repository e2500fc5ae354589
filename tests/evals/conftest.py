"""Runs whose model is a scripted one, and a cache of their own."""

from __future__ import annotations

import gc
import json
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.fixture
def model_runs(tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Path, Path]]:
    """Two run directories that hold a model; what the model says is the test's to script."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    runs: list[Path] = []
    for name in ("first", "second"):
        run = tmp_path / name
        (run / "sft").mkdir(parents=True)
        (run / "plan.json").write_text(json.dumps({"command": "precepts align sft"}), "utf-8")
        (run / "sft" / "model").symlink_to(tiny_path, target_is_directory=True)
        runs.append(run)
    yield runs[0], runs[1]
    gc.collect()  # what Inspect leaves open is collected here, where its warnings are expected
