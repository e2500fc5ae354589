"""What a run can show, before it is run: how many cells each claim has, how wide its interval will be, and which difference it can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from precepts.evals.suite import Suite
from precepts.stats import difference_detectable, matches, wilson_interval

CORRELATION = 0.5
"""Between two models' scores of one cell, as assumed for the paired difference; measured ones go from near 0 to 0.8."""


RATES = ("wilson@1", "clustered_wilson@1")
"""The estimators whose precision follows from the number of cells alone."""


class Planned(NamedTuple):
    """One claim of one suite.

    Attributes:
        n: Cells, samples of a cell included; at most, where a claim is on what the answers turn out to be.
        half_width: Of the 95 % interval at a rate of one half, if the cells were independent.
        unpaired: Smallest difference between two samples of as many cells, at 80 % power and a rate of one half. Above 1: none is seen.
        paired: The same to a baseline on the same cells, at `CORRELATION`.
    """

    suite: str
    claim: str
    n: int
    half_width: float
    unpaired: float
    paired: float


def plan(suite: Suite, *, limit: int | None, seed: int = 0, options: Mapping[str, Any] | None = None) -> list[Planned]:
    """Every rate that has a cell. Loads the data and runs no model. Raises what the suite's data raise."""
    task = suite.task(seed=seed, **(options or {}))
    rows: Sequence[Mapping[str, Any]] = [
        (sample.metadata or {}).get("row", {}) for sample in list(task.dataset)[:limit]
    ]
    known = {key for row in rows for key in row}
    out: list[Planned] = []
    for claim in suite.claims:
        if claim.estimator not in RATES:
            continue
        where = {key: value for key, value in claim.where.items() if key in known}
        n = sum(matches(row, where) for row in rows) * (task.epochs or 1)
        if n:
            low, high = wilson_interval(n // 2, n)
            unpaired, paired = (difference_detectable(rate=0.5, n=n, correlation=c) for c in (0.0, CORRELATION))
            out.append(Planned(suite.name, claim.name, n, (high - low) / 2, unpaired, paired))
    return out
