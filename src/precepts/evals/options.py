"""The options of single suites as a person writes them, `SUITE.NAME=VALUE`, read by the signature of the suite's task."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from precepts.errors import InputError
from precepts.evals.suite import Suite

_ELSEWHERE = ("seed", "return")
"""Names in a signature that are no option of `-T`: the seed is one of the whole command."""

_WORDS: dict[Any, str] = {int: "a whole number of at least 1", float: "a number"}


def read_options(given: Sequence[str], suites: Mapping[str, Suite]) -> dict[str, dict[str, Any]]:
    """The options by suite and name, each of the type that the suite's task takes.

    Raises:
        InputError: If one is not of the form, names no suite or no option of it, or has a value of another type.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        suite, dot, key = name.partition(".")
        if not equals or not dot or suite not in suites:
            raise InputError(
                f"-T {text}: expected SUITE.NAME=VALUE with one of the suites {', '.join(sorted(suites))}."
            )
        types = options_of(suites[suite])
        if key not in types:
            raise InputError(f"-T {text}: {suite} has no option {key!r}. Its options are: {', '.join(types)}.")
        found.setdefault(suite, {})[key] = _read(value, types[key], text)
    return found


def options_of(suite: Suite) -> dict[str, Any]:
    """What a suite takes by `-T`: names and types."""
    hints = get_type_hints(inspect.unwrap(suite.task))
    return {name: hint for name, hint in hints.items() if name not in _ELSEWHERE}


def _read(value: str, hint: Any, text: str) -> Any:
    if hint is str or str in get_args(hint):
        return value
    try:
        read = TypeAdapter[Any](hint).validate_python(yaml.safe_load(value))
    except (ValidationError, yaml.YAMLError):
        read = None
    if read is None or (hint is int and read < 1):
        raise InputError(f"-T {text}: expected {_WORDS.get(hint, str(hint))}, not {value!r}.")
    return read
