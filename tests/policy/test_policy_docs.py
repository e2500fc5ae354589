"""Examples of docs/policy.md pass `policy check` as they stand, and its table has the keys of a policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from precepts.cli import app
from precepts.policy import Category, Clause, Decided, Policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")
EXAMPLES = re.findall(r"```(markdown|yaml)\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_an_example_of_each_form() -> None:
    assert {form for form, _ in EXAMPLES} == {"markdown", "yaml"}


@pytest.mark.parametrize(("form", "text"), EXAMPLES, ids=[form for form, _ in EXAMPLES])
def test_an_example_has_no_finding(form: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / {"markdown": "policy.md", "yaml": "policy.yaml"}[form]
    path.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["policy", "check", str(path)])
    assert done.exception is None, done.exception
    assert done.output.endswith("1 categories, 2 clauses, 0 findings\n")


@pytest.mark.parametrize(
    ("part", "model"),
    [("the policy", Policy), ("`decided`", Decided), ("a category", Category), ("a clause", Clause)],
)
def test_the_table_has_every_key_as_it_is_required(part: str, model: type[BaseModel]) -> None:
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {part} |")]
    for cell, required in zip(line.split("|")[2:4], (True, False), strict=True):
        names = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", cell))
        assert names == [name for name, field in model.model_fields.items() if field.is_required() == required]
