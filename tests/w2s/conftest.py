"""A task with a known answer: features in which the truth is plain, and a supervisor that errs where one feature misleads."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from w2s_words import sentences

from precepts.w2s.examples import Example


@pytest.fixture
def csv_task(tmp_path: Path) -> Path:
    path = tmp_path / "days.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(sentences(160))
    return path


@pytest.fixture
def public_data() -> Path:
    given = os.environ.get("PRECEPTS_DATA")
    if not given or not (Path(given) / "ethics").is_dir():
        pytest.skip("the public sets are not on this machine")
    return Path(given)


@pytest.fixture
def examples() -> list[Example]:
    return [
        Example((text,), int(label == "pleasant"), f"group {i // 2}") for i, (text, label) in enumerate(sentences(200))
    ]
