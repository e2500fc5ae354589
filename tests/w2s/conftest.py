"""A task with a known answer: features in which the truth is plain, and a supervisor that errs where one feature misleads."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from precepts.w2s.examples import Example

GOOD = ["fine", "warm", "bright", "kind", "lovely", "pleasant", "sunny", "gentle"]
BAD = ["grim", "cold", "harsh", "cruel", "awful", "dreary", "stormy", "bitter"]
PLACES = ["garden", "harbour", "station", "kitchen", "library", "valley", "market", "bridge"]


def sentences(num_rows: int, seed: int = 0) -> list[tuple[str, str]]:
    """Texts with a label, of words that tell it."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(num_rows):
        label = int(i % 2)
        words = rng.choice(GOOD if label else BAD, 2)
        out.append(
            (
                f"The {rng.choice(PLACES)} was {words[0]} and {words[1]} on day {i}.",
                "pleasant" if label else "unpleasant",
            )
        )
    return out


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
