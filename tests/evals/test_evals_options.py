"""Options of single suites: read by the task's signature, and refused in one line that says what there is."""

from __future__ import annotations

import inspect

import pytest
from typer.testing import CliRunner

from precepts.cli import app
from precepts.errors import InputError
from precepts.evals.options import options_of, read_options
from precepts.evals.suite import Suite
from precepts.evals.suites import SUITES


def test_values_have_the_types_of_the_task() -> None:
    given = [
        "jailbreak.temperature=1", "jailbreak.attacks=none,static", "jailbreak.suffixes=2024", "bias.max_tokens=8", "hierarchy.num=3",
    ]  # fmt: skip
    found = read_options(given, SUITES)
    assert found == {
        "jailbreak": {"temperature": 1.0, "attacks": "none,static", "suffixes": "2024"},
        "bias": {"max_tokens": 8},
        "hierarchy": {"num": 3},
    }
    assert isinstance(found["jailbreak"]["suffixes"], str), "a path of digits stays a path"


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)
def test_every_option_of_a_task_but_the_seed_can_be_given(suite: Suite) -> None:
    assert {"seed", *options_of(suite)} == set(inspect.signature(suite.task).parameters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bias.foo=1", "-T bias.foo=1: bias has no option 'foo'. Its options are: max_tokens."),
        ("bias.seed=1", "-T bias.seed=1: bias has no option 'seed'. Its options are: max_tokens."),
        ("jailbreak.temperature=hot", "-T jailbreak.temperature=hot: expected a number, not 'hot'."),
        ("jailbreak.epochs=", "-T jailbreak.epochs=: expected a whole number of at least 1, not ''."),
        ("jailbreak.epochs=[", "-T jailbreak.epochs=[: expected a whole number of at least 1, not '['."),
        ("bias.max_tokens=0", "-T bias.max_tokens=0: expected a whole number of at least 1, not '0'."),
    ],
)
@pytest.mark.parametrize("plan", [["--plan"], []])
def test_a_wrong_option_is_one_line_before_anything_runs(text: str, said: str, plan: list[str]) -> None:
    done = CliRunner().invoke(app, ["eval", text.partition(".")[0], "--limit", "2", "-T", text, *plan])
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == said
    assert done.output == ""
