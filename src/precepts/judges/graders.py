"""Graders that are models: an Inspect role, a prompt of this package, and a verdict that must be the last line.

The model under test never stands in for a role that nobody bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig, Model, model_roles

from precepts.judges.prompting import fence, fill, template

_LINE = re.compile(r"^\s*[*_`]*([A-Za-z_]+)[*_`]*\s*[:=]\s*[*_`]*([A-Za-z0-9.]+)[*_`]*\s*$")
_ASIDE = re.compile(r"<think>.*?</think>", re.DOTALL)


class Verdict(NamedTuple):
    """The fields of a grader's last lines, lower case; none and an error where it failed."""

    fields: dict[str, str]
    judge: str
    error: str | None = None
    text: str = ""


def role(name: str) -> Model | None:
    """The model bound to a role, None where nobody bound one."""
    bound = model_roles().get(name)
    return bound[0] if isinstance(bound, list) else bound


def grader_name(prompt: str, model: Model) -> str:
    """What evidence calls a model that grades by a prompt of this package."""
    return f"{prompt}@1({model})"


async def grade(prompt: str, values: Mapping[str, str], *, wanted: Mapping[str, Sequence[str]], by: Model) -> Verdict:
    """A model's verdict: every field of `wanted`, each with one of its values, on the last lines of its text.

    What is graded stands between fences that it cannot hold. Anything else than a whole verdict is an error, never a grade.
    """
    judge = grader_name(prompt, by)
    marked = {**values, "FENCE": fence(*values.values())}
    messages: list[ChatMessage] = [
        ChatMessageSystem(content=template("grader").strip()),
        ChatMessageUser(content=fill(template(prompt), marked).strip()),
    ]
    try:
        output = await by.generate(messages, config=GenerateConfig(temperature=0.0, max_tokens=512), cache=True)
    except Exception as error:  # noqa: BLE001 - whatever a provider fails with, the cell is unscored and says why
        return Verdict({}, judge, f"{type(error).__name__}: {error}")
    if output.stop_reason == "max_tokens":
        return Verdict({}, judge, "its text was cut before the verdict", output.completion)
    return read_fields(output.completion, wanted, judge=judge)


def read_fields(text: str, wanted: Mapping[str, Sequence[str]], *, judge: str) -> Verdict:
    """The fields of the last lines of a text. A field said twice with two values, or with a value not allowed, is an error."""
    lines = [line for line in _ASIDE.sub("", text).strip().splitlines() if line.strip()]
    found: dict[str, str] = {}
    for line in lines[-2 * len(wanted) :]:
        if match := _LINE.match(line):
            key, value = match[1].lower(), match[2].lower()
            if key in wanted and found.setdefault(key, value) != value:
                return Verdict({}, judge, f"{key} is said to be {found[key]} and {value}", text)
    for key, allowed in wanted.items():
        if found.get(key) not in allowed:
            return Verdict(
                {}, judge, f"no verdict: {key} must be one of {', '.join(allowed)}, got {found.get(key)}", text
            )
    return Verdict(found, judge, None, text)
