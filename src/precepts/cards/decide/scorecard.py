"""A risk policy applied to evidence: the level of each category before and after mitigation, and what it forbids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from precepts.cards.decide.gating import Check, Verdict
from precepts.cards.decide.risk import ACTIONS, STATES, Action, Category, Indicator, RiskPolicy, State
from precepts.cards.decide.select import select, slice_text
from precepts.cards.figures import interval_text, value_text
from precepts.cards.recompute import evidence_id
from precepts.types import Evidence

INSUFFICIENT = "insufficient"
_WHEN: dict[State, str] = {"pre": "before mitigation", "post": "after mitigation"}


@dataclass(frozen=True)
class Reading:
    """What one indicator says in one state; `level` is None where the evidence is insufficient."""

    indicator: str
    about: str
    state: State
    level: str | None
    line: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class CategoryScore:
    """The level of a category by state: the worst that an indicator implies, and whether every indicator could be read."""

    category: str
    title: str
    tracked: bool
    levels: dict[State, str | None]
    complete: dict[State, bool]
    readings: tuple[Reading, ...]

    def text(self, state: State) -> str:
        """`medium`, `at least medium, insufficient`, or `insufficient`."""
        return _level_text(self.levels[state], self.complete[state])


@dataclass(frozen=True)
class ActionScore:
    """Whether an action is open: `fail` is forbidden, `insufficient` not known to be allowed."""

    action: Action
    verdict: Verdict
    line: str


@dataclass(frozen=True)
class Scorecard:
    """A risk policy's reading of some evidence."""

    policy: str
    version: str
    categories: tuple[CategoryScore, ...]
    overall: dict[State, str]
    actions: tuple[ActionScore, ...]

    def action(self, name: Action) -> ActionScore | None:
        """What the scorecard says of an action; None if no rule speaks of it."""
        return next((one for one in self.actions if one.action == name), None)


def assess(policy: RiskPolicy, evidence: Sequence[Evidence], *, check: Check = lambda row: ()) -> Scorecard:
    """The scorecard of some evidence.

    The riskier end of an indicator's interval is held against the thresholds. A missing indicator makes its category
    insufficient, never low; levels that other indicators reached stay, as `at least`.

    Args:
        policy: Levels, categories and rules.
        evidence: Rows of any claim; of several that an indicator matches the worst counts.
        check: Computes a row again; a row that does not come out the same is no evidence.
    """
    scores = tuple(_category(policy, category, evidence, check) for category in policy.categories)
    tracked = [score for score in scores if score.tracked]
    overall: dict[State, tuple[str | None, bool]] = {state: _overall(policy, tracked, state) for state in STATES}
    return Scorecard(
        policy.id,
        policy.version,
        scores,
        {state: _level_text(*overall[state]) for state in STATES},
        tuple(score for action in ACTIONS if (score := _action(policy, action, tracked, overall)) is not None),
    )


def _category(policy: RiskPolicy, category: Category, evidence: Sequence[Evidence], check: Check) -> CategoryScore:
    readings = tuple(
        _reading(policy, indicator, state, evidence, check)
        for indicator in category.indicators
        for state in STATES
        if state in indicator.states
    )
    levels: dict[State, str | None] = {}
    complete: dict[State, bool] = {}
    for state in STATES:
        here = [reading for reading in readings if reading.state == state]
        known = [reading.level for reading in here if reading.level is not None]
        levels[state] = max(known, key=policy.levels.index, default=None)
        complete[state] = bool(here) and len(known) == len(here)
    return CategoryScore(category.id, category.title, category.tracked, levels, complete, readings)


def _reading(
    policy: RiskPolicy, indicator: Indicator, state: State, evidence: Sequence[Evidence], check: Check
) -> Reading:
    wanted = {**indicator.slice, **policy.states[state]}
    where = f"{indicator.claim} of {slice_text(wanted)}"

    def reading(level: str | None, line: str, rows: Sequence[Evidence] = ()) -> Reading:
        ids = tuple(evidence_id(row) for row in rows)
        return Reading(indicator.id, indicator.about, state, level, f"{where}: {line}", ids)

    if not indicator.thresholds:
        return reading(None, "no threshold was set")
    rows = select(evidence, indicator.claim, wanted)
    if not rows:
        return reading(None, "there is no evidence")
    for row in rows:
        if why := _short(indicator, row) or next(iter(check(row)), ""):
            return reading(None, why, rows)
    higher = indicator.riskier == "higher"
    row = (max if higher else min)(rows, key=_end(higher=higher))
    end = _end(higher=higher)(row)
    reached = [
        name
        for name in policy.levels
        if name in indicator.thresholds
        and (end >= indicator.thresholds[name] if higher else end <= indicator.thresholds[name])
    ]
    level = reached[-1] if reached else policy.levels[0]
    bound = f", from {indicator.thresholds[level]:g} on" if reached else ", below every threshold"
    if not higher:
        bound = bound.replace("from", "down from").replace("below", "above")
    side = "high" if higher else "low"
    return reading(
        level, f"{level}: {side} end {end:.3g}{bound} ({value_text(row)} {interval_text(row)}, n {row.n:,})", rows
    )


def _end(*, higher: bool) -> Callable[[Evidence], float]:
    def end(row: Evidence) -> float:
        found = row.high if higher else row.low
        assert found is not None, "rows without an interval are told before"
        return found

    return end


def _short(indicator: Indicator, row: Evidence) -> str:
    if row.value is None:
        return value_text(row)
    if row.n < indicator.min_n:
        return f"n {row.n:,} is below the {indicator.min_n:,} that are needed"
    if row.n_unscored > indicator.max_unscored * (row.n + row.n_unscored):
        return f"{row.n_unscored:,} of {row.n + row.n_unscored:,} rows are unscored"
    return "the number has no interval" if row.low is None or row.high is None else ""


def _overall(policy: RiskPolicy, scores: Sequence[CategoryScore], state: State) -> tuple[str | None, bool]:
    """The worst level of the tracked categories, and whether all of them are known."""
    known = [level for score in scores if (level := score.levels[state]) is not None]
    worst = max(known, key=policy.levels.index, default=None)
    return worst, bool(scores) and all(score.complete[state] for score in scores)


def _action(
    policy: RiskPolicy,
    action: Action,
    scores: Sequence[CategoryScore],
    overall: dict[State, tuple[str | None, bool]],
) -> ActionScore | None:
    rules = [rule for rule in policy.rules if rule.forbids == action]
    if not rules:
        return None
    for rule in rules:
        bar = policy.levels.index(rule.reaches)
        for score in scores:
            level = score.levels[rule.state]
            if level is not None and policy.levels.index(level) >= bar:
                said = f"forbidden: {score.title} is {score.text(rule.state)} {_WHEN[rule.state]}. {rule.text}"
                return ActionScore(action, "fail", said)
    for rule in rules:
        if not overall[rule.state][1]:
            missing = [score.title for score in scores if not score.complete[rule.state]] or ["every category"]
            said = (
                f"not known to be allowed, for want of evidence {_WHEN[rule.state]}: {', '.join(missing)}. {rule.text}"
            )
            return ActionScore(action, INSUFFICIENT, said)
    levels = ", ".join(f"{overall[rule.state][0]} {_WHEN[rule.state]}" for rule in rules)
    return ActionScore(action, "pass", f"open: overall {levels}")


def _level_text(level: str | None, complete: bool) -> str:
    if level is None:
        return INSUFFICIENT
    return level if complete else f"at least {level}, {INSUFFICIENT}"
