"""Whether measurements have to be made again: the model, the policy, the compute or the day changed."""

from __future__ import annotations

import datetime

from precepts.cards.decide.risk import Rerun
from precepts.types import Frozen


class Situation(Frozen):
    """What a scorecard was made of. `compute` is effective training compute in any fixed unit."""

    models: tuple[str, ...] = ()
    policy: str = ""
    risk_policy: str = ""
    compute: float | None = None
    on: datetime.date | None = None


def due(rule: Rerun, before: Situation, now: Situation) -> list[str]:
    """Why the measurements of `before` have to be made again in the situation of `now`; empty if they stand."""
    said: list[str] = []
    if rule.model_changed and set(now.models) - set(before.models):
        new = ", ".join(sorted(set(now.models) - set(before.models)))
        said.append(f"the model changed: {new} was not measured")
    if rule.policy_changed:
        for name, old, new in (
            ("policy", before.policy, now.policy), ("risk policy", before.risk_policy, now.risk_policy),
        ):  # fmt: skip
            if old != new:
                said.append(f"the {name} changed: {old or 'none'} → {new or 'none'}")
    if rule.compute_factor is not None:
        if before.compute is None or now.compute is None:
            said.append("the training compute is not known; it has to be, to tell whether it grew")
        elif now.compute >= rule.compute_factor * before.compute:
            grew = now.compute / before.compute
            said.append(f"the training compute grew {grew:.3g} times; the limit is {rule.compute_factor:g} times")
    if rule.after_days is not None:
        if before.on is None or now.on is None:
            said.append("the day of the last measurement is not known")
        elif (now.on - before.on).days >= rule.after_days:
            said.append(f"{(now.on - before.on).days} days have passed; the limit is {rule.after_days}")
    return said
