"""What was decided on a card's evidence: the gates, the scorecard, and what they were held against."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from precepts.cards.decide import (
    GateResult,
    Gates,
    JudgeQuality,
    RiskPolicy,
    Scorecard,
    Situation,
    Verdict,
    assess,
    check_gates,
    worst,
)
from precepts.cards.decide.gating import Check
from precepts.types import Evidence

SAID: dict[Verdict, str] = {"pass": "passed", "fail": "failed", "insufficient": "insufficient"}


@dataclass(frozen=True)
class Decision:
    """Verdicts of gates and risk policy on one day, and the situation that they hold for."""

    on: datetime.date
    gates: Gates | None = None
    results: tuple[GateResult, ...] = ()
    risk: RiskPolicy | None = None
    scorecard: Scorecard | None = None
    judges: tuple[JudgeQuality, ...] = ()
    situation: Situation = field(default_factory=Situation)

    @property
    def verdict(self) -> Verdict | None:
        """The gates' verdict together; None without gates."""
        return worst([one.verdict for one in self.results]) if self.gates else None

    @property
    def sentence(self) -> str:
        """The release verdict in words, empty where nothing was to be decided."""
        if self.verdict is None:
            return ""
        assert self.gates is not None, "a verdict comes from gates"
        counts = {name: sum(one.verdict == name for one in self.results) for name in SAID}
        said = ", ".join(f"{counts[name]} {word}" for name, word in SAID.items() if counts[name])
        ends = {
            "pass": "Every gate of the release passed",
            "fail": "The release does not pass its gates",
            "insufficient": "The evidence is insufficient for a release",
        }
        return f"{ends[self.verdict]}: of {len(self.results)} gates ({self.gates.id} {self.gates.version}), {said}."

    def document(self) -> dict[str, object]:
        """The verdicts as plain values."""
        return {
            "on": self.on.isoformat(),
            "verdict": self.verdict,
            "sentence": self.sentence,
            "gates": [asdict(one) for one in self.results],
            "scorecard": asdict(self.scorecard) if self.scorecard else None,
        }


def decide(
    evidence: Sequence[Evidence],
    *,
    gates: Gates | None,
    risk: RiskPolicy | None,
    judges: Sequence[JudgeQuality],
    situation: Situation,
    on: datetime.date,
    check: Check,
) -> Decision:
    """Gates and risk policy applied to evidence."""
    return Decision(
        on=on,
        gates=gates,
        results=check_gates(gates, evidence, judges=judges, today=on, check=check) if gates else (),
        risk=risk,
        scorecard=assess(risk, evidence, check=check) if risk else None,
        judges=tuple(judges),
        situation=situation,
    )
