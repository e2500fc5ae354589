"""Reading a policy: every problem is named with file, line and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from precepts.errors import InputError
from precepts.policy.document import STARTER_HINT, Document, NodePath, shown
from precepts.policy.markdown import read_policy
from precepts.policy.schema import Authority, Category, Clause, Decided, Examples, Policy, suggestion
from precepts.types import DISPOSITIONS

_MODELS = {"decided": Decided, "categories": Category, "clauses": Clause, "examples": Examples}
_MOST_SHOWN = 10


def load_policy(path: Path | str) -> Policy:
    """The policy that stands in a YAML or Markdown file.

    Raises:
        MissingError: If there is no such file; the message says how to get the starter policy.
        InputError: If it is not a policy. One `path:line: what` per problem, in the order of the file.
    """
    path = Path(path)
    document = read_policy(path)
    policy = None
    found: list[tuple[int, str | ErrorDetails]] = list(document.problems.values())
    try:
        policy = Policy.model_validate(document.value)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            at = _place(item)
            if item["type"] == "too_short" and item["input"]:
                continue  # pydantic counts only the items that are well formed, and those errors are here too
            if not any(at[:end] in document.problems for end in range(len(at) + 1)):
                found.append((document.line(at) or 1, item))
    if policy is not None and not found:
        return policy
    found.sort(key=lambda problem: problem[0])
    lines: list[str] = []
    for line, what in found[:_MOST_SHOWN]:
        lines.append(str(InputError.at(path, line, what if isinstance(what, str) else _what(what, document))))
    if len(found) > _MOST_SHOWN:
        lines.append(f"{path}: and {len(found) - _MOST_SHOWN} more")
    raise InputError("\n".join(lines))


def starter_path() -> Path:
    """Where the starter policy stands: a YAML file inside the package, to copy and change."""
    return Path(str(resources.files("precepts"))) / "data" / "starter" / "policy.yaml"


def starter_policy() -> Policy:
    """The starter policy: a general assistant for adults."""
    return load_policy(starter_path())


def _place(item: ErrorDetails) -> NodePath:
    at: NodePath = item.get("ctx", {}).get("at") or tuple(item["loc"])
    return at[:-1] if at and at[-1] == "[key]" else at


def _what(item: ErrorDetails, document: Document) -> str:
    """One sentence for a pydantic error: what was given, what was expected, what to do."""
    at = _place(item)
    kind = item["type"]
    if kind in ("duplicate_id", "bad_exception"):
        first = item.get("ctx", {}).get("first")
        return item["msg"] + (f" (first on line {document.line(first)})" if first else "")
    if not at:
        return f"a policy is a mapping with the keys id, version and so on, not {shown(item['input'])}; {STARTER_HINT}"
    names = [step for step in at if isinstance(step, str)]
    key = names[-1]
    model = next((_MODELS[name] for name in reversed(names[:-1]) if name in _MODELS), Policy)
    if kind == "extra_forbidden":
        return _unknown(key, model.model_fields)
    if item["loc"][-1] == "[key]":
        return _unknown(key, DISPOSITIONS) if kind == "literal_error" else "a term is empty; write the word"
    holder = next((name for name in reversed(names) if name in model.model_fields), key)
    wanted = model.model_fields[holder].description if holder in model.model_fields else "see the starter policy"
    place = f"`{key}`" if key == at[-1] else f"an item of `{key}`"
    if kind == "missing":
        return f"{place} is missing; add it: {wanted}"
    if kind in ("string_too_short", "too_short"):
        return f"{place} is empty; give {wanted}"
    hint = ""
    if kind == "literal_error" and isinstance(item["input"], str):
        hint = suggestion(item["input"], DISPOSITIONS if key == "kind" else get_args(Authority))
    return f"{place} is {shown(item['input'])}; give {wanted}{hint}"


def _unknown(key: str, known: Iterable[str]) -> str:
    hint = suggestion(key, known) or "; the keys here are " + ", ".join(known)
    return f"unknown key {shown(key)}{hint}"
