"""Which evidence is drawn: arms against each other by claim, differences by pair, categories of the trained arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from precepts.cards.arms import arm_of, pair_of, set_of
from precepts.cards.claims import CHANCE, claim_of, claim_order, scale_of
from precepts.cards.facts import Facts
from precepts.cards.figures import interval_text, is_difference, value_text
from precepts.cards.pareto import Point, pareto
from precepts.cards.plots import Mark, Panel, curve, forest
from precepts.cards.tables import Tables
from precepts.types import Evidence

PLOTTED = (
    "align/refusal_rate",
    "align/not_overrefuse",
    "align/not_unsafe",
    "align/balanced_accuracy",
    "align/decision_auc",
    "align/opener_auc",
)
PLOTTED_BY_CATEGORY = ("align/refusal_rate", "align/not_overrefuse")


@dataclass(frozen=True)
class Plots:
    """The panels of a card."""

    main: tuple[Panel, ...]
    differences: tuple[Panel, ...]
    categories: tuple[Panel, ...]
    curve: Panel | None
    rl: tuple[Panel, ...]
    pareto: Panel | None


def make_plots(
    evidence: Sequence[Evidence], tables: Tables, facts: Facts, *, titles: Mapping[str, str], arm: str
) -> Plots:
    """The panels of the main set, and the training curve.

    Args:
        evidence: Rows without a value are not drawn.
        tables: The same evidence arranged: gives the main set and the order of the arms.
        facts: Holds the curve.
        titles: Category titles by id, in the policy's order.
        arm: The arm whose categories are drawn.
    """
    rows = [row for row in evidence if set_of(row) == tables.main_set and row.value is not None]
    whole = [row for row in rows if set(row.slice) <= {"arm", "set"}]
    by_category = [row for row in rows if set(row.slice) - {"arm", "set"} == {"category"} and arm_of(row) == arm]
    return Plots(
        _main([row for row in whole if not is_difference(row)], tables.arms),
        _differences([row for row in whole if is_difference(row) and scale_of(row) == "percent"], tables),
        _categories([row for row in by_category if not is_difference(row)], titles, arm, tables.arms.index(arm))
        if by_category
        else (),
        _curve(facts),
        _rl(facts),
        _pareto([row for row in whole if not is_difference(row)], tables.arms),
    )


def _main(rows: Sequence[Evidence], arms: Sequence[str]) -> tuple[Panel, ...]:
    """A panel for each claim, a line for each arm."""
    panels: list[Panel] = []
    for claim in PLOTTED:
        here = sorted((row for row in rows if row.claim == claim), key=lambda row: arms.index(arm_of(row)))
        if here:
            marks = [_mark(row, arm_of(row), arms.index(arm_of(row))) for row in here]
            panel = forest(
                marks,
                name=f"plot-main-{len(panels)}",
                title=claim_of(claim).label,
                scale=scale_of(here[0]),
                domain=(0.0, 1.0),
                reference=CHANCE.get(claim),
            )
            panels.append(panel)
    return tuple(panels)


def _differences(rows: Sequence[Evidence], tables: Tables) -> tuple[Panel, ...]:
    """A panel for each pair of arms, a line for each claim, all on one axis."""
    ends = [abs(end) for row in rows for end in (row.low, row.high, row.value) if end is not None]
    reach = max(ends, default=0.0)
    end = next((step for step in (0.1, 0.2, 0.4, 0.6, 0.8) if reach <= step), 1.0)
    panels: list[Panel] = []
    for column in tables.differences.columns:
        here = sorted((row for row in rows if pair_of(row) == column), key=lambda row: claim_order(row.claim))
        if here:
            marks = [_mark(row, claim_of(row.claim).label, tables.arms.index(arm_of(row))) for row in here]
            name, title = f"plot-difference-{len(panels)}", f"{column}, percentage points"
            panels.append(forest(marks, name=name, title=title, scale="percent", domain=(-end, end), reference=0.0))
    return tuple(panels)


def _categories(rows: Sequence[Evidence], titles: Mapping[str, str], arm: str, place: int) -> tuple[Panel, ...]:
    """A panel for each claim, a line for each category."""
    order = {name: position for position, name in enumerate(titles)}
    panels: list[Panel] = []
    for claim in PLOTTED_BY_CATEGORY:
        here = [row for row in rows if row.claim == claim]
        here.sort(key=lambda row: order.get(row.slice["category"], len(order)))
        if here:
            marks = [_mark(row, titles.get(row.slice["category"], row.slice["category"]), place) for row in here]
            name, title = f"plot-category-{len(panels)}", f"{claim_of(claim).label}, {arm}"
            panels.append(forest(marks, name=name, title=title, scale="percent", domain=(0.0, 1.0)))
    return tuple(panels)


def _mark(row: Evidence, label: str, arm: int) -> Mark:
    assert row.value is not None, "rows without a value are not drawn"
    return Mark(label, row.value, row.low, row.high, value_text(row), interval_text(row), arm)


_RL_LINES = (
    ("reward", "Mean reward"),
    ("zero_variance", "Groups without variance"),
    ("length", "Tokens a rollout"),
    ("kl", "KL to the start model, nats a token"),
    ("dev_auc", "Decision AUC on dev"),
)


def _rl(facts: Facts) -> tuple[Panel, ...]:
    """A panel for each arm that was reinforced and each thing that was logged, by cycle."""
    panels: list[Panel] = []
    for arm in dict.fromkeys(str(row.get("arm")) for row in facts.rl_curve):
        for field, title in _RL_LINES:
            points = [
                (float(cycle), float(value))
                for row in facts.rl_curve
                if row.get("arm") == arm
                and isinstance(cycle := row.get("cycle"), int | float)
                and isinstance(value := row.get(field), int | float)
            ]
            if points:
                name = f"plot-rl-{len(panels)}"
                panels.append(curve(points, name=name, title=f"{title}, {arm}", x="cycle", y=title))
    return tuple(panels)


GOODNESS = ("align/not_unsafe", "align/refusal_rate")
"""What stands on the upright axis of the Pareto plot: the first of them that was measured."""
NOT_OVERREFUSE = "align/not_overrefuse"


def _pareto(rows: Sequence[Evidence], arms: Sequence[str]) -> Panel | None:
    """Goodness against not overrefusing, a point for each arm that has both."""
    upright = next((claim for claim in GOODNESS if any(row.claim == claim for row in rows)), None)
    points: list[Point] = []
    for place, arm in enumerate(arms):
        own = {row.claim: row for row in reversed(rows) if arm_of(row) == arm}
        across, up = own.get(NOT_OVERREFUSE), own.get(upright or "")
        if across is not None and up is not None:
            points.append(Point(_mark(across, arm, place), _mark(up, arm, place)))
    if not points or upright is None:
        return None
    return pareto(points, name="plot-pareto", across=claim_of(NOT_OVERREFUSE).label, up=claim_of(upright).label)


def _curve(facts: Facts) -> Panel | None:
    points: list[tuple[float, float]] = []
    for row in facts.curve:
        step, loss = row.get("step"), row.get("loss")
        if isinstance(step, int | float) and isinstance(loss, int | float):
            points.append((float(step), float(loss)))
    return curve(points, name="plot-curve", title="Training loss by step") if points else None
