"""The tiny model in float32, and as a run has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTS_DTYPE", "float32")


@pytest.fixture
def tiny_run(tiny_path: Path, tmp_path: Path) -> Path:
    """A run directory whose trained model is the tiny one."""
    run = tmp_path / "first"
    (run / "sft").mkdir(parents=True)
    (run / "plan.json").write_text(json.dumps({"command": "precepts align sft first"}), "utf-8")
    (run / "sft" / "model").symlink_to(tiny_path, target_is_directory=True)
    return run
