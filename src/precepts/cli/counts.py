"""Options that are counts: one that is too small is refused before anything is read or made."""

from __future__ import annotations

from collections.abc import Callable

import typer

from precepts.errors import InputError


def at_least(least: int) -> Callable[[typer.CallbackParam, int | None], int | None]:
    """A callback for an option: gives the number back, or refuses one below `least`; None stands for an option that was not given."""

    def check(param: typer.CallbackParam, value: int | None) -> int | None:
        if value is not None and value < least:
            raise InputError(f"{param.opts[0]} is at least {least}, not {value}.")
        return value

    return check
