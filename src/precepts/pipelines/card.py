"""`precepts card`, `precepts gate` and `precepts risk`: runs in, verdicts and a card that can be verified out."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from precepts.cards.decide import JudgeQuality, RiskPolicy, Situation, judge_qualities
from precepts.cards.sources import pooled, read_sources
from precepts.errors import MissingError
from precepts.judges import rules_quality
from precepts.judges.rules import RULES
from precepts.types import Evidence


def judges_of(evidence: Sequence[Evidence]) -> tuple[JudgeQuality, ...]:
    """How good the judges are: what evidence says, and what was measured of the shipped rules."""
    return judge_qualities(evidence, [quality_row(one) for one in rules_quality()])


def quality_row(one: Any) -> dict[str, Any]:
    """A measured quality of the rules as plain values."""
    both = one.calibration
    calibration = {name: getattr(both, name).model_dump(mode="json") for name in ("sensitivity", "specificity")}
    return {"judge": RULES, "data": one.data, "question": one.question, "calibration": calibration}


def situation_of(
    runs: Sequence[Path], policy: RiskPolicy, *, compute: float | None, today: datetime.date
) -> Situation:
    """What the runs are evidence of, to be held against an earlier card."""
    return situation(pooled(read_sources(runs)), policy, compute=compute, today=today)


def situation(
    evidence: Sequence[Evidence], policy: RiskPolicy | None, *, compute: float | None, today: datetime.date
) -> Situation:
    """Models and policies that the evidence names."""
    return Situation(
        models=tuple(sorted({row.model for row in evidence})),
        policy=", ".join(sorted({row.policy for row in evidence if row.policy})),
        risk_policy=f"{policy.id} {policy.version}" if policy else "",
        compute=compute,
        on=today,
    )


def situation_of_card(card: Path) -> Situation:
    """What a card was made of.

    Raises:
        MissingError: If there is no card.
    """
    path = card / "card.json" if card.is_dir() else card
    if not path.exists():
        raise MissingError(f"{card} holds no card. Give the --out of `precepts card build`.")
    return Situation.model_validate(json.loads(path.read_text("utf-8")).get("situation", {}))
