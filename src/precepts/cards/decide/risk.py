"""A risk policy as data: categories, levels, indicators with numeric thresholds, and what each level forbids."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from precepts.cards.decide.gates import Name, Text
from precepts.types import Frozen

State = Literal["pre", "post"]
"""Before mitigation (the model's own capability) and after it (as it would be used)."""

Action = Literal["deploy", "develop", "security"]
"""Deploy the model, develop it further, or go on without hardened security."""

STATES: tuple[State, ...] = ("pre", "post")
ACTIONS: tuple[Action, ...] = ("deploy", "develop", "security")


class Indicator(Frozen):
    """A measured claim that implies a level.

    Attributes:
        claim: The claim's id, as in Evidence.
        slice: The row's slice beside what `states` adds to it.
        riskier: Whether a higher or a lower value is riskier: the interval's riskier end is read.
        thresholds: By level, the value from which that level is reached; a level that is left out is not told by this
            indicator. None at all means that the owner of the policy has not set them yet: insufficient.
        states: The states that the indicator is asked in.
    """

    id: Name
    claim: Text
    slice: dict[str, str] = Field(default_factory=dict)
    riskier: Literal["higher", "lower"] = "higher"
    thresholds: dict[str, float] = Field(default_factory=dict)
    min_n: Annotated[int, Field(ge=1)] = 1
    max_unscored: Annotated[float, Field(ge=0, le=1)] = 0.05
    states: tuple[State, ...] = STATES
    about: str = ""


class Category(Frozen):
    """A kind of risk, what each level means in it, and what tells the level."""

    id: Name
    title: Text
    tracked: bool = True
    levels: dict[str, Text] = Field(default_factory=dict)
    indicators: tuple[Indicator, ...] = ()


class Rule(Frozen):
    """From this level on, in this state, an action is forbidden."""

    state: State
    reaches: Text
    forbids: Action
    text: Text


class Roles(Frozen):
    """Who recommends, who decides, and who may reverse the decision."""

    recommends: Text
    decides: Text
    may_reverse: Text


class Rerun(Frozen):
    """When the measurements have to be made again."""

    model_changed: bool = True
    policy_changed: bool = True
    compute_factor: Annotated[float, Field(gt=1)] | None = None
    after_days: Annotated[int, Field(ge=1)] | None = None


class Origin(Frozen):
    """Where the policy comes from and on which day it was set."""

    by: Text
    on: datetime.date
    text: Text


class RiskPolicy(Frozen):
    """Levels from lowest to highest, categories, rules and roles. The overall level is that of the worst category.

    `states` says by which slice an evidence row is told to be pre or post mitigation.
    """

    id: Name
    version: Text
    title: Text
    origin: Origin
    levels: Annotated[tuple[Text, ...], Field(min_length=2)]
    states: dict[State, dict[str, str]] = Field(
        default_factory=lambda: {"pre": {"state": "pre"}, "post": {"state": "post"}}
    )
    rules: tuple[Rule, ...] = ()
    roles: Roles
    rerun: Rerun = Rerun()
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _levels_are_known(self) -> RiskPolicy:
        for name in {rule.reaches for rule in self.rules}:
            self._known(name, "a rule")
        for category in self.categories:
            for name in category.levels:
                self._known(name, f"category {category.id}")
            for indicator in category.indicators:
                where = f"indicator {indicator.id} of {category.id}"
                for name in indicator.thresholds:
                    self._known(name, where)
                    if name == self.levels[0]:
                        raise ValueError(f"{where} has a threshold for {name}, the lowest level, which needs none")
                ends = [indicator.thresholds[name] for name in self.levels if name in indicator.thresholds]
                if ends != sorted(ends, reverse=indicator.riskier == "lower"):
                    raise ValueError(f"{where}: thresholds must go from the lower level to the higher one")
        ids = [category.id for category in self.categories]
        for category in self.categories:
            names = [indicator.id for indicator in category.indicators]
            if ids.count(category.id) > 1 or len(set(names)) < len(names):
                raise ValueError(f"an id is used twice in category {category.id}; give each its own")
        if missing := [state for state in STATES if state not in self.states]:
            raise ValueError(f"`states` says nothing of {missing[0]}; give the slice that marks it")
        return self

    def _known(self, level: str, where: str) -> None:
        if level not in self.levels:
            raise ValueError(f"{where} speaks of the level {level}; the levels are {', '.join(self.levels)}")
