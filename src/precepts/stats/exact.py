"""Exact tests of two-by-two tables."""

from __future__ import annotations

import math

from precepts.errors import InputError


def fisher_mid_p(yes_a: int, n_a: int, yes_b: int, n_b: int) -> float:
    """Two-sided mid-p value that two independent rates are equal, given all four margins.

    Tables less probable than the observed one count whole, those as probable half. 1 where the margins leave one table.
    Lancaster 1961, JASA 56:223-234; less conservative than Fisher's exact test and near its nominal level.

    Raises:
        InputError: Unless 0 <= yes <= n in both samples.
    """
    if not (0 <= yes_a <= n_a and 0 <= yes_b <= n_b):
        raise InputError(f"A two-by-two table needs 0 <= yes <= n; got {yes_a} of {n_a} and {yes_b} of {n_b}.")
    yes, n = yes_a + yes_b, n_a + n_b
    low, high = max(0, yes - n_b), min(yes, n_a)
    if low == high:
        return 1.0

    def log_choose(total: int, part: int) -> float:
        return math.lgamma(total + 1) - math.lgamma(part + 1) - math.lgamma(total - part + 1)

    whole = log_choose(n, yes)
    logs = [log_choose(n_a, k) + log_choose(n_b, yes - k) - whole for k in range(low, high + 1)]
    observed = logs[yes_a - low]
    less = math.fsum(math.exp(one) for one in logs if one < observed - 1e-7)
    equal = math.fsum(math.exp(one) for one in logs if abs(one - observed) <= 1e-7)
    return min(1.0, less + equal / 2)
