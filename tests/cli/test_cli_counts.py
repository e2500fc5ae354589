"""Options that are counts: 0 or less is refused at the option, before anything is read, loaded or written."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from precepts.cli import app
from precepts.errors import InputError

ANY = {("card open", "row")}
"""Whole numbers that are no counts, beside seeds; `card open` says itself which rows there are."""


def numbers() -> list[tuple[str, Any, Any]]:
    """Every option that is a whole number and no seed, with its command."""

    def walk(command: Any, path: tuple[str, ...]) -> list[tuple[str, Any, Any]]:
        found: list[tuple[str, Any, Any]] = []
        for name, inner in getattr(command, "commands", {}).items():
            found += walk(inner, (*path, name))
        hints = typing.get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
        name = " ".join(path)
        found += [
            (name, command, one)
            for one in command.params
            if hints.get(one.name) in (int, int | None) and one.name != "seed" and (name, one.name) not in ANY
        ]
        return found

    return walk(typer.main.get_command(app), ())


def test_the_walk_finds_the_counts() -> None:
    found = {f"{name} {option.opts[0]}" for name, _, option in numbers()}
    assert found >= {"align run --max-steps", "align eval --max-tokens", "judge sample -n", "w2s run --seeds"}


@pytest.mark.parametrize(("name", "command", "option"), numbers(), ids=lambda one: getattr(one, "name", str(one)))
def test_a_count_below_its_least_is_refused(
    name: str, command: Any, option: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    needed: list[str] = []
    for one in command.params:
        if one.required:
            needed += [one.opts[0], "x"] if one.opts[0].startswith("-") else ["x"]
    done = CliRunner().invoke(app, [*name.split(), *needed, option.opts[0], "-1"])
    said = str(done.exception) if isinstance(done.exception, InputError) else done.output
    assert isinstance(done.exception, InputError) or done.exit_code == 2
    assert option.opts[0] in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("align x --limit 0", "--limit is at least 1, not 0."),
        ("align x --max-steps 0", "--max-steps is at least 1, not 0."),
        ("align sft x --max-steps -1", "--max-steps is at least 1, not -1."),
        ("align eval x --cases y --max-tokens -5", "--max-tokens is at least 1, not -5."),
        ("align eval x --cases y --max-tokens 0", "--max-tokens is at least 1, not 0."),
        ("align rl x --samples 1", "--samples is at least 2, not 1."),
        ("align table flip x --limit 0", "--limit is at least 1, not 0."),
        ("policy suggest x --model y --out z -n 0", "-n is at least 1, not 0."),
    ],
)
def test_the_least_is_told(words: str, said: str) -> None:
    done = CliRunner().invoke(app, words.split())
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == said
