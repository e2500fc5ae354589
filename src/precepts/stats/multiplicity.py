"""p values adjusted for how many were looked at. An adjusted p value at or below α is a finding at α."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given, that bound the chance of any false finding; valid under any dependence.

    Raises:
        InputError: If a p value is outside [0, 1].

    Holm 1979, Scandinavian Journal of Statistics 6:65-70.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return _restored(stepped, order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given, that bound the expected share of false findings among the findings.

    Valid for independent or positively dependent tests.

    Raises:
        InputError: If a p value is outside [0, 1].

    Benjamini and Hochberg 1995, JRSS B 57:289-300.
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _restored(stepped, order)


def _checked(p_values: Sequence[float]) -> FloatArray:
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"p values are in [0, 1]; got {list(p_values)}.")
    return p


def _restored(stepped: FloatArray, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[float]:
    """Sorted adjusted values, capped at 1, back in the order of the input."""
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()
