"""Three verdicts, and how much more data the third one lacks. Never `fair`, never `biased`: what was measured, and where it lies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from precepts.audits.decision import Decision
from precepts.stats import benjamini_hochberg
from precepts.stats.distributions import NORMAL
from precepts.types import Evidence, Frozen

BETWEEN = "between groups"
"""What a number that is of all groups together is of."""
SPREADS = {"sd": "_dispersion", "variance": "_variance_between"}
"""By statistic of `dispersion@1`, the end of its claim."""
Verdict = Literal["within margin", "outside margin", "not enough data"]


class Finding(Frozen):
    """A number that the decision record asks about, and where its interval lies."""

    kind: Literal["gap", "trade-off", "bar"]
    """A group against the others; a group against what was decided; a group against its minimum."""
    measure: str
    grouping: str
    group: str
    evidence: Evidence
    margin: float
    verdict: Verdict
    p: float | None = None
    """Two-sided p value of no difference at all, not adjusted; None for a bar."""
    p_bh: float | None = None
    """The same after Benjamini-Hochberg over all gaps and trade-offs of the audit."""
    times_more: float | None = None
    """How many times the data would be needed to decide with the power of the record; None where decided or not to be said."""
    reason: str = ""


def within(low: float | None, high: float | None, margin: float) -> Verdict:
    """Where an interval lies to ±margin: inside it, wholly beyond one end, or neither."""
    if low is None or high is None:
        return "not enough data"
    if -margin <= low and high <= margin:
        return "within margin"
    return "outside margin" if low > margin or high < -margin else "not enough data"


def above(low: float | None, high: float | None, bar: float) -> Verdict:
    """Where an interval lies to a minimum: above the bar, below it, or across."""
    if low is None or high is None:
        return "not enough data"
    return "within margin" if low >= bar else "outside margin" if high < bar else "not enough data"


def at_bar(make: Callable[..., Evidence], bar: float, decision: Decision, *, number: int) -> Evidence:
    """The number that is set against a minimum, at the level that what it may show needs.

    That all groups reach the minimum needs no correction, as every one must: above it one-sided at alpha. That some group does not
    is true as soon as one of `number` is below, so below it the bound is at Šidák's share of alpha: with every group at its
    minimum the chance to call any of them outside is alpha.
    """
    row = make(level=1 - 2 * decision.alpha)
    if row.value is None or row.value >= bar:
        return row
    return make(level=2 * (1 - decision.alpha) ** (1 / max(1, number)) - 1)


def times_more(value: float, half_width: float, margin: float, *, critical: float, power: float) -> float | None:
    """How many times as much data of the same kind would decide, if the value stayed where it is.

    The standard error must shrink until |value| lies critical + z(power) of them from the margin; errors shrink with the
    root of the data. None where the value lies on the margin: no amount decides that.
    """
    distance = abs(abs(value) - margin)
    if distance <= 1e-9 or not math.isfinite(half_width):
        return None
    error = half_width / critical
    return max(1.0, ((critical + NORMAL.inv_cdf(power)) * error / distance) ** 2)


def adjusted(findings: list[Finding]) -> list[Finding]:
    """The findings with p values adjusted over all that have one."""
    places = [index for index, one in enumerate(findings) if one.p is not None]
    values = benjamini_hochberg([one.p for one in findings if one.p is not None])
    out = list(findings)
    for index, value in zip(places, values, strict=True):
        out[index] = out[index].model_copy(update={"p_bh": value})
    return out
