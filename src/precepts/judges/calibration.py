"""How often a judge is right, against labels that people gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from precepts.errors import InputError
from precepts.stats import estimate
from precepts.types import Metric


class Calibration(NamedTuple):
    """A judge's rates of being right, apart for the two labels: one number for both would hide how rare a label is."""

    sensitivity: Metric
    """Share called positive of those labelled positive."""
    specificity: Metric
    """Share called negative of those labelled negative."""


def sensitivity_specificity(
    predictions: Sequence[bool | None], labels: Sequence[bool], *, level: float = 0.95
) -> Calibration:
    """Both rates with Wilson's intervals. What the judge could not judge (None) is counted unscored and moves nothing.

    A rate without a single row of its label has value None.

    Raises:
        InputError: If there is not one label to each prediction.
    """
    if len(predictions) != len(labels):
        raise InputError(
            f"There are {len(predictions)} predictions and {len(labels)} labels; give one label to each prediction."
        )
    rates: list[Metric] = []
    for wanted in (True, False):
        chosen = [said for said, label in zip(predictions, labels, strict=True) if label is wanted]
        rows = [{"score": None if said is None else said is wanted} for said in chosen]
        rates.append(estimate("wilson@1", rows, level=level))
    return Calibration(*rates)
