"""The examples of the page are what they print."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_examples_of_the_page_print_what_stands_there() -> None:
    page = Path(__file__).parents[2] / "docs" / "evals.md"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.failed == 0
    assert found.attempted >= 8, "Cohen's h, the monitor twice, 250 items"
