"""What docs/data.md says of a case is what a case is, and splits are told as they come out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from precepts.pipelines.config import split_counts, with_splits
from precepts.runs import Run
from precepts.types import Case

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")


def test_every_field_of_a_case_stands_in_the_table() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.partition("**Splits.**")[0], re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(names) == sorted([*Case.model_fields, "prompt"])


def test_the_example_of_the_page_is_a_case() -> None:
    [example] = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert Case.model_validate(json.loads(example)).split == "train"


def test_cases_without_a_split_come_out_in_the_shares_of_the_page() -> None:
    split = [case.split for case in with_splits([Case.model_validate({"prompt": f"Ask {n}"}) for n in range(4000)])]
    shares = {name: round(100 * split.count(name) / 4000) for name in ("train", "dev", "test")}
    told = {name: int(share) for share, name in re.findall(r"(\d+) % (train|dev|test)", PAGE)}
    assert shares == pytest.approx(told, abs=2)


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (["train", "dev", "test", "test"], "cases: train 1, dev 1, test 2"),
        (
            ["train", "test", "test", "test"],
            "cases: train 1, dev 0, test 3 (no dev cases, so no calibration; `split` in a case says where it goes)",
        ),
        (
            ["dev"],
            "cases: train 0, dev 1, test 0 (no train cases, so nothing to train on; no test cases, so nothing to measure on; "
            "`split` in a case says where it goes)",
        ),
    ],
)
def test_the_splits_are_told_in_one_line_with_what_follows(tmp_path: Path, splits: list[str], said: str) -> None:
    run = Run(tmp_path)
    run.write("cases", [Case.model_validate({"prompt": f"Ask {n}", "split": s}) for n, s in enumerate(splits)])
    assert split_counts(run) == said
