"""Two models on the same cells: p values of the paired differences, corrected for how many were looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from precepts.evals.claims import OWN_SLICE
from precepts.stats import holm, mcnemar, non_inferiority, permutation_test, select_rows
from precepts.stats.noninferiority import Finding
from precepts.types import Evidence, Metric


class Comparison(NamedTuple):
    """A paired difference, its p value, and the p value adjusted over all differences shown together; None where no test applies.

    `finding` says whether the model is not worse than the baseline by more than a margin; None without one, and where no direction is wished for.
    """

    evidence: Evidence
    p: float | None
    p_holm: float | None
    finding: Finding | None = None


def compare(evidence: Sequence[Evidence], *, root: Path, margin: float | None = None) -> list[Comparison]:
    """Every overall paired difference of the evidence, with its p value.

    McNemar's exact test where both arms score 0 or 1 and cells stand alone; a sign-flipping permutation test of the mean difference, clusters
    flipped whole, where they do not. Slices are not tested: there are too many of them for a run of this size.
    With a margin each finding is one-sided at 2.5 %, by the lower limit of a 95 % interval, and not corrected for how many there are.

    Raises:
        InputError: If the margin is not above 0.
    """
    rows = [e for e in evidence if e.baseline is not None and set(e.slice) <= OWN_SLICE]
    p_values = [_p_value(row, root=root) for row in rows]
    known = [p for p in p_values if p is not None]
    adjusted = iter(holm(known))
    return [
        Comparison(row, p, next(adjusted) if p is not None else None, _finding(row, margin))
        for row, p in zip(rows, p_values, strict=True)
    ]


def _finding(row: Evidence, margin: float | None) -> Finding | None:
    if margin is None or row.better == "neither":
        return None
    found = Metric.model_validate(row.model_dump(include=set(Metric.model_fields)))
    return non_inferiority(found, margin=margin, better=row.better).finding


def _p_value(row: Evidence, *, root: Path) -> float | None:
    if row.estimator != "paired_difference@1":
        return None
    found = [
        r
        for r in select_rows(row.inputs, root=root, params=row.params)
        if r["score"] is not None and r["score_b"] is not None
    ]
    if not found:
        return None
    a, b = [float(cast("float", r["score"])) for r in found], [float(cast("float", r["score_b"])) for r in found]
    clusters = [r.get("cluster") for r in found] if "cluster" in row.params else None
    if clusters is None and set(a) | set(b) <= {0.0, 1.0}:
        return mcnemar(a, b).p_exact
    return permutation_test([x - y for x, y in zip(a, b, strict=True)], clusters=clusters, seed=row.seed)
