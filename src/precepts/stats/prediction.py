"""Rates corrected with labels of a random sample of the rated rows themselves: prediction-powered, valid however the judge errs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray, critical_t
from precepts.stats.rates import wilson_interval
from precepts.stats.registry import Params, as_metric, estimator
from precepts.stats.rogan_gladen import Corrected, recovered
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


def prediction_powered(
    calls: FloatArray, labels: FloatArray, unlabelled: FloatArray, *, level: float = 0.95
) -> Corrected:
    """The rate of label 1 among all rows, of which a random sample is labelled and all are judged.

    Shapes: calls (n,) and labels (n,) of the labelled rows, unlabelled (m,) the calls on the rest. Angelopoulos et al. 2023
    (Science 382:669-674, arXiv 2301.09633), with the weight of the judge tuned as in PPI++ (arXiv 2311.01453).

    For calls of 0 or 1 the tuned estimate is the labelled rate within each call, weighted by the share of that call among
    all rows (double sampling: Tenenbein 1970, JASA 65:1350-1361); its interval joins Wilson's limits of the three shares as
    in `rogan_gladen`. For graded scores it is the PPI++ mean with Student's interval, which needs 30 labels.

    Raises:
        InputError: If there is not one label to each labelled call.
    """
    if calls.shape != labels.shape:
        raise InputError(f"There are {calls.size} calls and {labels.size} labels; give one label to each labelled row.")
    if not calls.size:
        return Corrected(None, None, "too few labels: no rated row has a label")
    everything = np.concatenate([calls, unlabelled])
    if np.isin(everything, (0, 1)).all():
        return _within_calls(calls, labels, everything, level=level)
    if calls.size < 30:
        return Corrected(None, None, f"too few labels: {calls.size} of the 30 that graded scores need")
    return _graded(calls, labels, unlabelled, level=level)


def _within_calls(calls: FloatArray, labels: FloatArray, everything: FloatArray, *, level: float) -> Corrected:
    n, num_yes = everything.size, int(everything.sum())
    yes, no = labels[calls == 1], labels[calls == 0]
    for part, name, total in ((yes, "positive", num_yes), (no, "negative", n - num_yes)):
        if total and not part.size:
            return Corrected(None, None, f"too few labels: none of the {total} rows called {name} has one")
    share = num_yes / n
    rates = [float(part.mean()) if part.size else 0.0 for part in (yes, no)]
    limits = [
        wilson_interval(int(part.sum()), part.size, level=level) if part.size else (0.0, 0.0) for part in (yes, no)
    ]

    def rate(share: float, in_yes: float, in_no: float) -> float:
        return share * in_yes + (1 - share) * in_no

    value = rate(share, *rates)
    moved = [
        [rate(limit, *rates) for limit in wilson_interval(num_yes, n, level=level)],
        [rate(share, limit, rates[1]) for limit in limits[0]],
        [rate(share, rates[0], limit) for limit in limits[1]],
    ]
    low, high = recovered(value, moved)
    return Corrected(value, (max(0.0, low), min(1.0, high)))


def _graded(calls: FloatArray, labels: FloatArray, unlabelled: FloatArray, *, level: float) -> Corrected:
    n, m = calls.size, unlabelled.size
    if not m:
        return Corrected(None, None, "every rated row has a label: take their rate")
    spread = float(np.concatenate([calls, unlabelled]).var(ddof=1))
    covariance = float(np.cov(calls, labels, ddof=1)[0, 1])
    # The weight that leaves least variance (arXiv 2311.01453, section on power tuning), at most the whole judge.
    weight = min(1.0, max(0.0, covariance / ((1 + n / m) * spread))) if spread > 0 else 0.0
    rectified = labels - weight * calls
    value = float(weight * unlabelled.mean() + rectified.mean())
    variance = weight**2 * float(unlabelled.var(ddof=1)) / m if m > 1 else 0.0
    variance += float(rectified.var(ddof=1)) / n
    if not variance > 0:
        return Corrected(value, None, "the labels do not vary: nothing in them tells the interval's width")
    half = critical_t(level, df=n - 1) * math.sqrt(variance)
    return Corrected(min(1.0, max(0.0, value)), (max(0.0, value - half), min(1.0, value + half)))


@estimator("ppi", version=1)
def ppi(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Rate of label 1 over rows with a `score` (call or graded, in [0, 1]), of which a random sample has a `label`."""
    columns = split_labelled(rows)
    made = prediction_powered(*columns[:3], level=level)
    return as_metric(
        "ppi@1", made.value, made.interval, level=level, n=columns[0].size + columns[2].size, num_unscored=columns[3]
    )


def split_labelled(rows: Sequence[Row]) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Calls and labels of the labelled rows, calls of the rest, and how many rows have no call."""
    known = read_columns([row for row in rows if row.get("label") is not None], "score", "label")
    rest = read_columns([row for row in rows if row.get("label") is None], "score")
    return known.column(0), known.column(1), rest.column(0), known.num_unscored + rest.num_unscored
