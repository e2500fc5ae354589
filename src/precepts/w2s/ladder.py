"""A ladder of models from weak to strong, named in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import Field, ValidationError

from precepts.errors import InputError, MissingError
from precepts.types import Frozen
from precepts.w2s.simulate import simulated_ref
from precepts.w2s.supervisors import BUILT_IN


class Rung(Frozen):
    """A model by a name of one's own and by its reference (`precepts w2s run --weak`).

    `size` is its number of parameters; without it they are counted, and words and people have none.
    """

    name: str = Field(min_length=1)
    ref: str = Field(min_length=1)
    size: int | None = Field(default=None, gt=0)

    @property
    def can_learn(self) -> bool:
        """Whether it can be a student: words, people and simulated supervisors cannot."""
        return self.ref not in BUILT_IN and simulated_ref(self.ref) is None


class Pair(NamedTuple):
    """A supervisor and a student above it."""

    weak: Rung
    strong: Rung

    @property
    def name(self) -> str:
        """Names the pair's directory."""
        return "--".join("".join(c if c.isalnum() or c in ".-" else "-" for c in rung.name) for rung in self)


def read_ladder(path: Path) -> list[Rung]:
    """The rungs of a YAML file, weakest first: `models:` with a list of `name` and `ref`.

    Raises:
        InputError: If it is no such file, two rungs have one name, or no rung above the first can learn.
        MissingError: If there is no such file.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise MissingError(
            f"There is no ladder file {path}. Write one: `models:` and a list of `name` and `ref`."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.at(path, None, f"cannot be read ({error})") from None
    try:
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError.at(path, line, f"not YAML ({error.problem})") from None
    rows = found.get("models") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise InputError.at(path, None, "has no list `models`; each entry has `name` and `ref`, weakest first")
    rungs: list[Rung] = []
    for place, row in enumerate(rows, 1):
        try:
            rungs.append(Rung.model_validate(row))
        except ValidationError:
            raise InputError.at(
                path, None, f"entry {place} of `models` is not a `name` and a `ref`, and perhaps a `size`"
            ) from None
    if len({pair_name.casefold() for pair_name in (Pair(r, r).name for r in rungs)}) < len(rungs):
        raise InputError.at(path, None, "two models have one name; give each its own")
    if not any(rung.can_learn for rung in rungs[1:]):
        raise InputError.at(path, None, "no model above the first can be a student; name a MODEL[@LAYER] there")
    return rungs


def pairs(rungs: Sequence[Rung]) -> list[Pair]:
    """Every supervisor with every student above it."""
    return [Pair(weak, strong) for i, strong in enumerate(rungs) if strong.can_learn for weak in rungs[:i]]
