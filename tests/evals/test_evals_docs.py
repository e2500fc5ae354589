"""The examples of the page are what they print."""

from __future__ import annotations

import doctest
from pathlib import Path

from precepts.evals.suites import SUITES

PAGE = Path(__file__).parents[2] / "docs" / "evals.md"


def test_examples_of_the_page_print_what_stands_there() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.failed == 0
    assert found.attempted >= 8, "Cohen's h, the monitor twice, 250 items"


def test_every_suite_has_its_line_its_version_and_its_source_on_the_page() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    for suite in SUITES.values():
        assert f"| `{suite.name}` | {suite.version} | {suite.citation} |" in lines, suite.name
        about = [line for line in lines if line.startswith(f"| `{suite.name}` |") and suite.citation not in line]
        assert len(about) == 1, "what it measures and what it does not show"
        assert all(cell.strip() for cell in about[0].strip("|").split("|"))
