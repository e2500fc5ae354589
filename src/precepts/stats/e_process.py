"""Evidence that may be looked at after every batch: e-processes, whose chance of ever passing 1/alpha under the null is at most alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaln

from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Params, as_metric, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

_EDGE = 1e-12
"""How far within its ends the best rate is looked for, where every term of the slope is finite."""


def log_mixture(successes: float, n: float) -> float:
    """Log of the chance of a sequence with so many successes, averaged over rates by Jeffreys' prior, Beta(1/2, 1/2)."""
    return float(betaln(successes + 0.5, n - successes + 0.5) - betaln(0.5, 0.5))


def log_likelihood(rate: float, successes: float, n: float) -> float:
    """Log of the chance of a sequence with so many successes at one rate."""
    if (successes and rate <= 0) or (n > successes and rate >= 1):
        return -math.inf
    yes = successes * math.log(rate) if successes else 0.0
    return yes + ((n - successes) * math.log1p(-rate) if n > successes else 0.0)


def log_likelihood_at(difference: float, one: tuple[float, float], other: tuple[float, float]) -> float:
    """The largest log-likelihood of two rates whose difference is given, from (successes, n) of each.

    Along the line of such pairs it is concave, so it is best where its slope is 0, or at an end where there is no such place.
    """
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    (yes, n), (other_yes, other_n) = one, other

    def at(rate: float) -> float:
        return log_likelihood(min(1.0, max(0.0, rate + difference)), *one) + log_likelihood(rate, *other)

    def slope(rate: float) -> float:
        first = rate + difference
        return yes / first - (n - yes) / (1 - first) + other_yes / rate - (other_n - other_yes) / (1 - rate)

    inside = low + _EDGE, high - _EDGE
    tried = [low, high]
    if inside[0] < inside[1] and slope(inside[0]) > 0 > slope(inside[1]):
        tried.append(cast("float", brentq(slope, *inside)))
    return max(at(rate) for rate in tried)


def log_e_difference(one: tuple[float, float], other: tuple[float, float], margin: float) -> float:
    """Log e-value against "the two rates differ by at most `margin`", from (successes, n) of each so far.

    For each pair of rates the mixture over the likelihood is a martingale; the least over all pairs of the null is an
    e-process for it (the method of mixtures; Ramdas, Grünwald, Vovk and Shafer 2023, Statistical Science 38:576-601). Rows
    within a side are taken as exchangeable; how they are cut into batches does not matter.

    Args:
        one: Successes and rows of one side.
        other: Of the other side.
        margin: At least 0.
    """
    if not one[1] or not other[1]:
        return 0.0
    mixed = log_mixture(*one) + log_mixture(*other)
    rate, other_rate = one[0] / one[1], other[0] / other[1]
    if abs(rate - other_rate) <= margin:
        return mixed - log_likelihood(rate, *one) - log_likelihood(other_rate, *other)
    # The likelihood is concave, so the best pair of the null lies where the difference is the margin.
    return mixed - log_likelihood_at(margin if rate > other_rate else -margin, one, other)


def difference_sequence(one: tuple[float, float], other: tuple[float, float], *, alpha: float) -> tuple[float, float]:
    """Limits of the difference of two rates that hold at every look at once, with chance 1 - alpha: all margins not rejected."""
    if not one[1] or not other[1]:
        return -1.0, 1.0
    value, bar = one[0] / one[1] - other[0] / other[1], -math.log(alpha)
    mixed = log_mixture(*one) + log_mixture(*other)

    def rejected(difference: float) -> bool:
        return mixed - log_likelihood_at(difference, one, other) >= bar

    limits: list[float] = []
    for end in (-1.0, 1.0):
        inside, outside = value, end
        if not rejected(outside):
            limits.append(end)
            continue
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if rejected(middle) else (middle, outside)
        limits.append(outside)
    return limits[0], limits[1]


def log_betting(differences: Sequence[FloatArray], counts: Sequence[FloatArray], margin: float) -> float:
    """Log e-value against "the mean of outcome less score is within ±margin, given the score, in every batch".

    Bets that the mean is above margin, and that it is below -margin, each with a stake set before the batch from the batches
    before it, half the money on either (Waudby-Smith and Ramdas 2024, JRSS B 86:1-27, on betting). No stake is laid on the first.

    Args:
        differences: By batch, outcome less score of each cell, in [-1, 1], shape (cells,).
        counts: By batch, how many rows each cell stands for, shape (cells,).
        margin: At least 0, below 1.
    """
    wealth = np.zeros(2)
    n = total = squares = 0.0
    for values, number in zip(differences, counts, strict=True):
        for side, sign in enumerate((1.0, -1.0)):
            drift = sign * total / n - margin if n else 0.0
            stake = min(0.5 / (1 + margin), max(0.0, drift / (squares / n + drift**2))) if n else 0.0
            wealth[side] += float(number @ np.log1p(stake * (sign * values - margin)))
        n, total, squares = n + float(number.sum()), total + float(number @ values), squares + float(number @ values**2)
    return float(np.logaddexp(wealth[0], wealth[1])) - math.log(2)


@estimator("anytime_difference", version=1, params=("of",))
def anytime_difference(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of `score` 1 in the arm `of` less that of all other rows, with limits that hold at every look at once.

    Keys: `score` (0 or 1), `arm`, `count`. `difference_sequence` at 1 - level; None where a side has no row.
    """
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    sides: list[tuple[float, float]] = []
    n = unscored = 0
    for mine in (True, False):
        side = [row for row in filled if (str(row.get("arm")) == str(params.get("of"))) is mine]
        read = read_columns(side, "score", "count", binary=["score"])
        sides.append((float(read.column(0) @ read.column(1)), float(read.column(1).sum())))
        n += int(read.column(1).sum())
        unscored += sum(int(cast("float", row["count"])) for row in side) - int(read.column(1).sum())
    name = "anytime_difference@1"
    if not all(total for _, total in sides):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit="difference")
    value = sides[0][0] / sides[0][1] - sides[1][0] / sides[1][1]
    interval = difference_sequence(sides[0], sides[1], alpha=1 - level)
    return as_metric(name, value, interval, level=level, n=n, num_unscored=unscored, unit="difference")
