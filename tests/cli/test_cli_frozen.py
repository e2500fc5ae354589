"""The commands and their options are a promise: a change here is a change for everyone who wrote a script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from precepts.cli import app

_CHOICES = "--cases --model --teacher --judge --mode --out --seed --limit --max-steps --tune --epochs"
COMMANDS = {
    "": "--version",
    "align": "",
    "align run": f"target {_CHOICES} --rl --since --workers --ray --json",
    "align data": f"target {_CHOICES} --since --workers --ray",
    "align sft": f"target {_CHOICES} --since",
    "align rl": "target --start --prompts --samples --answer-only --judge",
    "align distill": "target --prompts",
    "align eval": "target --cases --baseline --policy --limit --seed --max-tokens --judge-card --out --workers --ray --json",
    "align card": "target",
    "align ablate": "runs --arm --cases --limit --max-tokens --out --markdown --json",
    "align table": "name target --model --policy --cases --clause --limit --max-tokens --translations --monitor --out --markdown --json",
    "audit": "",
    "audit labels": "source --decision --out --json",
    "audit model": "source --decision --out --labels --workers --ray --json",
    "audit monitor": "sources --decision --out --json",
    "audit freeze": "decision",
    "audit example": "name",
    "audit verify": "run",
    "card": "",
    "card build": "runs --out --gates --risk --policy --title --publish --reveal --examples --pdf --no-pdf --key --compute --today",
    "card verify": "card --key --opening --json",
    "card export": "card --to --out --organization --relationship",
    "card sign-off": "card --role --name --decision --reason",
    "card open": "run --secret --table --row",
    "gate": "runs --gates --today --example --json",
    "diff": "run_a run_b --arm --set --json",
    "serve": "runs --host --port --rater --labels",
    "risk": "",
    "risk show": "name",
    "risk check": "risk",
    "risk assess": "runs --risk --action --json",
    "risk due": "runs --since --risk --compute --today",
    "w2s": "",
    "w2s run": "tasks --out --weak --strong --method --seeds --rows --epochs --generative --zero-shot --no-zero-shot --prompted "
    "--workers --ray --json",
    "w2s smoke": "--out --strong --json",
    "w2s ladder": "file task --out --method --seeds --rows --workers --ray --json",
    "w2s task": "name --json",
    "w2s methods": "",
    "w2s chess": "",
    "w2s chess make": "--out --puzzles --seed --engine --json",
    "w2s chess run": "puzzles --games --out --method --seeds --rows --moves --json",
    "policy": "",
    "policy check": "path --starter --cases --json",
    "policy show": "path --starter --json --as",
    "policy brief": "path --category --starter",
    "policy diff": "old new --cases --run --json",
    "policy suggest": "path --model --out --clause --form --known -n --seed",
    "policy accept": "file out --policy",
    "data": "",
    "data check": "source --policy --against --near --cosine --embedding --out --json",
    "data clean": "source to --policy --against --near --cosine --embedding --out",
    "judge": "",
    "judge calibrate": (
        "judge --labels --policy --question --split --limit --k --injections --no-injections --out --json"
    ),
    "judge show": "card --json",
    "judge rate": "table --card --labels --question --where --out --json",
    "judge sample": "table out -n --seed --where",
    "models": "",
    "models pull": "",
    "models convert": "gguf out",
    "models path": "ref",
    "chat": "ref --max-tokens",
    "eval": "suites --model --baseline --judge --attacker --attack --role --translations --texts --margin --limit --seed -T --plan --out --json",
    "pairwise": "",
    "pairwise page": "a b --name-a --name-b --question --limit --seed --out",
    "pairwise score": "out ratings --json",
    "attack": "",
    "attack list": "--json",
    "attack gcg": "cases --model --limit --steps --candidates --length --seed --out",
    "import": "tool source --model --out --json",
}
DEFAULTS = {
    "seed": 0,
    "limit": None,
    "model": "precepts/smollm2-135m",
    "mode": "guided",
    "tune": "top",
    "cases": "starter",
}


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    return dict(walk(typer.main.get_command(app)))


def test_commands_and_options_are_exactly_these(commands: dict[str, Any]) -> None:
    found = {
        name: " ".join(opt for parameter in command.params for opt in (*parameter.opts, *parameter.secondary_opts))
        for name, command in commands.items()
    }
    assert found == COMMANDS


def test_one_command_and_its_stages_have_the_same_defaults(commands: dict[str, Any]) -> None:
    for name in ("align run", "align data", "align sft"):
        defaults = {parameter.name: parameter.default for parameter in commands[name].params}
        assert {key: defaults[key] for key in DEFAULTS} == DEFAULTS
    assert {p.name: p.default for p in commands["align eval"].params}["seed"] == 0


def test_every_command_and_option_says_what_it_is_for(commands: dict[str, Any]) -> None:
    silent = [name for name, command in commands.items() if not (command.help or "").strip()]
    assert silent == []
    silent = [
        f"{name} {parameter.name}"
        for name, command in commands.items()
        for parameter in command.params
        if not (parameter.help or "").strip()
    ]
    assert silent == []
