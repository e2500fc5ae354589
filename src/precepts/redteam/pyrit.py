"""Converters of PyRIT (Microsoft, MIT) by name, where it is installed: `--attack pyrit.LeetspeakConverter`, composable as any static attack."""

from __future__ import annotations

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from precepts.errors import InputError, MissingError
from precepts.redteam.technique import Attacked, Technique

PREFIX = "pyrit."
_MODULES = ("pyrit.converter", "pyrit.prompt_converter")
"""Where converters are in PyRIT 1 and before."""


def converter(name: str) -> Technique:
    """The technique `pyrit.NAME`: the converter of that class name, made without arguments, which must turn text into text.

    A converter that needs a model or an argument cannot be made from its name alone. Answers are not read back: PyRIT's converters have no inverse.

    Raises:
        MissingError: If PyRIT is not installed.
        InputError: If it has no such converter, or it cannot be made without arguments.
    """
    module = _module()
    made_by: Any = getattr(module, name.removeprefix(PREFIX), None)
    if made_by is None or not hasattr(made_by, "convert_async"):
        known = sorted(n for n in dir(module) if n.endswith("Converter"))
        raise InputError(f"PyRIT has no converter {name.removeprefix(PREFIX)!r:.60}. It has: {', '.join(known)}.")
    try:
        one: Any = made_by()
    except TypeError as error:
        raise InputError(
            f"{name} cannot be made from its name alone ({error}). Use a converter that takes no arguments."
        ) from None

    def apply(request: str, seed: int) -> Attacked:
        # The caller runs in an event loop already, so the converter's coroutine gets a loop of its own in a thread of its own.
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(asyncio.run, one.convert_async(prompt=request, input_type="text")).result()
        if result.output_type != "text":
            raise InputError(f"{name} makes {result.output_type}, and attacks of this package are text.")
        return Attacked(str(result.output_text))

    return Technique(name, "obfuscation", apply, source="PyRIT, MIT")


def _module() -> Any:
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise MissingError("Attacks named pyrit.* need PyRIT, which is not installed. Install it with: pip install pyrit")
