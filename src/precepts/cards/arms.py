"""Which arm and which set a row of evidence speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from precepts.cards.figures import is_difference
from precepts.types import Evidence

_ARM_ORDER = ("base", "policy in prompt", "sft", "rl", "sft+rl", "distilled")


def arm_of(row: Evidence) -> str:
    """The arm that was measured; a row without one names its model."""
    return row.slice.get("arm", row.model)


def set_of(row: Evidence) -> str:
    """The set of cases that was used."""
    return row.slice.get("set", "all cases")


def pair_of(row: Evidence) -> str:
    """The arm and the one it is compared with."""
    return f"{arm_of(row)} − {row.baseline or 'baseline'}"


def arms_of(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """The arms, the usual ones first, others as they come."""
    found = list(dict.fromkeys(arm_of(row) for row in evidence))
    usual = [arm for arm in _ARM_ORDER if arm in found]
    return tuple(usual + [arm for arm in found if arm not in usual])


def main_set_of(evidence: Sequence[Evidence]) -> str:
    """The set that the verdict speaks of: `test`, else the first that was measured."""
    sets = [set_of(row) for row in evidence if not is_difference(row)] or ["test"]
    return "test" if "test" in sets else sets[0]
