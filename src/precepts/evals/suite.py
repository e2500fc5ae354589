"""What a suite is: an Inspect task, what it claims, and what it does not show."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from inspect_ai import Task

from precepts.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """A number that a suite states.

    Attributes:
        name: What the evidence calls it, after the suite's name.
        score: The column of `scores.jsonl` that is estimated.
        estimator: Of `precepts.stats`, by name and version.
        where: Which rows; see `precepts.stats.matches`.
        params: The estimator's options, and which columns it reads (`cluster`, `label`, …).
        paired: The estimator of the difference to a baseline on the same cells; None if there is none.
        paired_params: Its options, where they differ.
        by: Columns by whose values the claim is stated again.
        better: Which direction is wished for.
        judge: The one judge for which the claim holds, as for a rate corrected by that judge's errors; empty for any.
    """

    name: str
    score: str
    estimator: str = "wilson@1"
    where: Mapping[str, Any] = field(default_factory=dict[str, Any])
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    paired: str | None = "paired_difference@1"
    paired_params: Mapping[str, Any] | None = None
    by: tuple[str, ...] = ()
    better: Literal["higher", "lower", "neither"] = "higher"
    judge: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """A measurement that can be run on any model.

    Attributes:
        name: What `precepts eval` and `inspect eval precepts/NAME` take.
        version: Raised by any change that moves a number.
        citation: Where the measure comes from.
        shows: One sentence for the reader of a number.
        shows_not: What the number must not be read as.
        task: Makes the Inspect task; its options are plain values.
        claims: What is stated, in the order of the table.
        roles: Inspect model roles that it can use, and for what.
        not_measured: Parts of the published measure that are left out, by name.
        epochs: Answers to one cell, where one is not enough.
        attackable: Whether a cell is one request and its answer, which an attack may reword (`precepts eval --attack`).
    """

    name: str
    version: int
    title: str
    citation: str
    shows: str
    shows_not: str
    task: Callable[..., Task]
    claims: tuple[Claim, ...]
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    not_measured: tuple[str, ...] = ()
    epochs: int = 1
    attackable: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a claim reads, so that a row that was not scored has it too."""
        read = {
            str(v)
            for c in self.claims
            for k, v in c.params.items()
            if k in ("score", "label", "cluster", "group", "fold")
        }
        filtered = {key for c in self.claims for key in c.where}
        return tuple(
            sorted({c.score for c in self.claims} | {by for c in self.claims for by in c.by} | read | filtered)
        )


SUITES: dict[str, Suite] = {}
"""Every suite by name, in the order in which `all` runs them; filled by `precepts.evals.suites`."""


def interleave(items: Sequence[T], *strata: Callable[[T], Hashable], seed: int = 0) -> list[T]:
    """All items, in turn from each group of the first stratum, within it from each of the second, and so on; shuffled within the last.

    So the first n of them hold every group about equally often, for any n.
    """
    if not strata:
        shuffled = sorted(items, key=repr)
        random.Random(seed).shuffle(shuffled)
        return shuffled
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(strata[0](item), []).append(item)
    ordered = [interleave(groups[key], *strata[1:], seed=seed) for key in sorted(groups, key=str)]
    longest = max((len(group) for group in ordered), default=0)
    return [group[place] for place in range(longest) for group in ordered if place < len(group)]


def choose(names: str, suites: Mapping[str, Suite]) -> list[Suite]:
    """The suites named, commas between; `all` is every one.

    Raises:
        InputError: If there is no such suite.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if wanted == ["all"]:
        return list(suites.values())
    unknown = [name for name in wanted if name not in suites]
    if unknown or not wanted:
        what = f"There is no suite {', '.join(unknown)!r:.80}." if unknown else "No suite was named."
        raise InputError(f"{what} Suites are: {', '.join(suites)}, or all.")
    return [suites[name] for name in wanted]
