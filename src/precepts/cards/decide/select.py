"""Which rows of evidence a gate or an indicator speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from precepts.types import Evidence

PATTERN_SIGNS = "*?["


def select(
    evidence: Sequence[Evidence], claim: str, slices: Mapping[str, str], *, baseline: str | None = None
) -> list[Evidence]:
    """The rows of a claim whose slice has exactly the keys of `slices` and values that match them.

    Args:
        evidence: Rows of any claim.
        claim: The claim's whole id.
        slices: A value for each key; `*`, `?` and `[…]` match as in file names, so `category: "*"` is every category.
        baseline: The arm that the row compares with; None takes rows that compare with none.
    """
    return [
        row
        for row in evidence
        if row.claim == claim
        and row.baseline == baseline
        and row.slice.keys() == slices.keys()
        and all(_matches(row.slice[key], wanted) for key, wanted in slices.items())
    ]


def _matches(value: str, wanted: str) -> bool:
    return value == wanted or (any(sign in wanted for sign in PATTERN_SIGNS) and fnmatchcase(value, wanted))


def slice_text(slices: Mapping[str, str], baseline: str | None = None) -> str:
    """`sft on test`, `sft − base on test, category fraud`: a slice in words."""
    arm, name = slices.get("arm", ""), slices.get("set", "")
    who = f"{arm or 'the model'} − {baseline}" if baseline else arm
    said = " on ".join(part for part in (who, name) if part)
    rest = ", ".join(f"{key} {value}" for key, value in sorted(slices.items()) if key not in ("arm", "set"))
    return ", ".join(part for part in (said, rest) if part) or "all cases"
