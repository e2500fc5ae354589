"""Whether the new model is not worse than the old by more than a margin: the safety question, which "no significant difference" does not answer."""

from __future__ import annotations

from typing import Literal, NamedTuple

from precepts.errors import InputError
from precepts.types import Metric

Finding = Literal["non_inferior", "inferior", "inconclusive"]


class NonInferiority(NamedTuple):
    """The finding, and the one-sided bound that it rests on, in the direction that is wished for."""

    finding: Finding
    worst: float | None
    """The most that the difference can lie on the bad side at this level; above −margin is non-inferior."""


def non_inferiority(
    difference: Metric, *, margin: float, better: Literal["higher", "lower"] = "higher"
) -> NonInferiority:
    """Judges a paired difference (new − old) against a margin written down beforehand.

    The interval's lower limit is a one-sided bound at (1 − level) / 2: at level 0.90 the test is one-sided at 5 %. Without an interval nothing
    is found.

    Args:
        difference: New minus old, with its interval.
        margin: The most that the new may be worse by, above 0, in the difference's unit.
        better: Whether more is better.

    Raises:
        InputError: If the margin is not above 0.
    """
    if margin <= 0:
        raise InputError(f"A non-inferiority margin is above 0, such as 0.05; got {margin}.")
    if difference.low is None or difference.high is None:
        return NonInferiority("inconclusive", None)
    worst, best = (difference.low, difference.high) if better == "higher" else (-difference.high, -difference.low)
    return NonInferiority(
        "non_inferior" if worst > -margin else "inferior" if best < -margin else "inconclusive", worst
    )
