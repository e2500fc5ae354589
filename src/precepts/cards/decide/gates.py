"""Gates as data: what a release needs of each claim."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from precepts.types import Frozen

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Share = Annotated[float, Field(ge=0, le=1)]


class Decided(Frozen):
    """Who decided, on which day, and why: a threshold is normative and has an author."""

    by: Text
    on: datetime.date
    why: Text


class NotWorse(Frozen):
    """Non-inferiority: the paired difference from a named baseline may be worse than 0 by at most `margin`."""

    than: Text
    margin: Annotated[float, Field(ge=0)]


class JudgeFloor(Frozen):
    """How good the judge of a rate must be, by the low ends of its intervals, before the rate counts.

    `labels` names the labelled set that is asked, `*` for any; every set that matches must reach the floor.
    """

    labels: Text = "*"
    sensitivity: Share | None = None
    specificity: Share | None = None


class Gate(Frozen):
    """One condition on one claim. Exactly one of `at_least`, `at_most` and `not_worse` says where the bound is.

    Attributes:
        claim: The claim's id, as in Evidence.
        slice: The row's slice, key by key; `*` matches any value, and then every row that matches must pass.
        baseline: Ask for the paired difference from this arm. `not_worse` names its own.
        at_least: The interval's low end must reach this.
        at_most: The interval's high end must not exceed this.
        not_worse: The paired difference must not be worse by more than a margin.
        min_n: Scored rows that are needed.
        max_unscored: The largest share of rows that may be unscored.
        judge: What the judge must reach.
        unseen: Whether a row on cases that training saw does not count.
        expires: The last day on which the threshold holds; after it, it has to be decided again.
    """

    id: Name
    claim: Text
    slice: dict[str, str] = Field(default_factory=dict)
    baseline: Text | None = None
    at_least: float | None = None
    at_most: float | None = None
    not_worse: NotWorse | None = None
    min_n: Annotated[int, Field(ge=1)] = 1
    max_unscored: Share = 0.05
    judge: JudgeFloor | None = None
    unseen: bool = True
    expires: datetime.date | None = None
    why: str = ""

    @model_validator(mode="after")
    def _one_bound(self) -> Gate:
        given = [self.at_least is not None, self.at_most is not None, self.not_worse is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of at_least, at_most and not_worse")
        if self.not_worse and self.baseline:
            raise ValueError("not_worse names its own baseline; remove `baseline`")
        return self

    @property
    def compared_with(self) -> str | None:
        """The baseline of the rows that the gate reads."""
        return self.not_worse.than if self.not_worse else self.baseline


class Gates(Frozen):
    """The gates of a release, all of which must pass."""

    id: Name
    version: Text
    decided: Decided
    gates: Annotated[tuple[Gate, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_differ(self) -> Gates:
        ids = [gate.id for gate in self.gates]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"two gates have the id {twice[0]}; give each its own")
        return self
