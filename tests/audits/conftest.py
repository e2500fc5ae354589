"""Decision records and small tables that the tests of audits share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from precepts.audits import Decision

Record = Callable[..., Decision]

BASE: dict[str, Any] = {
    "question": "Is it the same for all?", "principle": "equality", "decided": {"by": "board", "on": "2026-11-02"},
    "groups": ["group"], "costs": {"false_positive": 1, "false_negative": 1}, "sampling": "all rows", "escalate_to": "board",
    "margins": {"criterion": 0.2, "dprime": 0.3, "calibration": 0.05, "selection_rate": 0.1},
}  # fmt: skip


@pytest.fixture
def record() -> Record:
    return lambda **changes: Decision.model_validate({**BASE, **changes})


@pytest.fixture
def record_file(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        path = tmp_path / "decision.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in {**BASE, **changes}.items() if v is not None}), "utf-8")
        return path

    return write
