"""Attention that ranked lists give to groups, against what they are due: shares over lists, with lists as what was sampled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np

from precepts.stats.distributions import FloatArray, critical_t
from precepts.stats.rates import wilson_interval
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

STATISTICS = (
    "share", "representation", "merit", "less_representation", "less_merit", "per_representation", "per_merit"
)  # fmt: skip


class _Share(NamedTuple):
    """A ratio of sums over lists, and what each list adds to it, shape (lists,)."""

    value: float
    influence: FloatArray


def _share(mine: FloatArray, whole: FloatArray) -> _Share | None:
    total = float(whole.sum())
    if not total > 0:
        return None
    value = float(mine.sum()) / total
    return _Share(value, (mine - value * whole) / total)


def share_against(
    one: _Share, due: _Share | None, *, ratio: bool, level: float
) -> tuple[float | None, Interval | None]:
    """A share with its interval; less a share that is due, or over it with `ratio`.

    Linearised over lists (Cochran 1977, Sampling Techniques, section 6.13), Student with one degree of freedom less than there
    are lists; shares on the logit scale, ratios on the log scale. Of a share that is 0 or 1 in all lists, Wilson's interval at
    the number of lists. None for one list, or where lists do not vary.
    """
    lists = one.influence.size

    def error(influence: FloatArray) -> float:
        return math.sqrt(lists / (lists - 1) * float(influence @ influence)) if lists > 1 else 0.0

    critical = critical_t(level, df=max(1, lists - 1))
    if due is None:
        if not 0 < one.value < 1:
            return one.value, wilson_interval(round(one.value) * lists, lists, level=level) if lists > 1 else None
        half = critical * error(one.influence) / (one.value * (1 - one.value))
        centre = math.log(one.value / (1 - one.value))
        return one.value, _limits(centre, half, lambda x: 1 / (1 + math.exp(-x)))
    if not ratio:
        return one.value - due.value, _limits(
            one.value - due.value, critical * error(one.influence - due.influence), lambda x: x
        )
    if not due.value > 0:
        return None, None
    if not one.value > 0:
        return 0.0, None
    half = critical * error(one.influence / one.value - due.influence / due.value)
    return one.value / due.value, _limits(math.log(one.value / due.value), half, math.exp)


def _limits(centre: float, half: float, back: Callable[[float], float]) -> Interval | None:
    return (back(centre - half), back(centre + half)) if half > 1e-12 else None


@estimator("exposure", version=1, params=("of", "statistic"))
def exposure_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """What ranked lists give to the arm `of`: `share` of all exposure (default), of items (`representation`), of `merit`.

    `less_representation` and `less_merit` are the share of exposure less those, `per_representation` and `per_merit` over
    those: 1 where attention goes by what is due. Exposure and merit add up over lists before they are divided, as in Singh
    and Joachims 2018 (KDD, arXiv 1802.07281) and Biega, Gummadi and Weikum 2018 (SIGIR, arXiv 1805.01788).

    Keys: `score`, the exposure of the `count` items of a row together; `score_b`, their merit (only where it is asked for);
    `arm`; `cluster`, the list. Lists are taken as sampled, items within a list as given: see `share_against`.
    """
    statistic, of = choice_option(params, "statistic", STATISTICS), str(params.get("of", ""))
    filled = [{**row, "count": row.get("count", 1)} for row in rows]
    merit = "merit" in statistic
    read = read_columns(filled, "score", "count", *(("score_b",) if merit else ()))
    count = read.column(1)
    total = sum(int(cast("float", row["count"])) for row in filled)
    unit = "ratio" if "per_" in statistic else "difference" if "less_" in statistic else "rate"
    value, interval = None, None
    if read.n:
        lists = np.unique([repr(row.get("cluster")) for row in read.rows], return_inverse=True)[1]
        mine = np.array([str(row.get("arm")) == of for row in read.rows], dtype=np.float64)

        def of_lists(values: FloatArray) -> FloatArray:
            return np.bincount(lists, values).astype(np.float64)

        def share_of(values: FloatArray) -> _Share | None:
            return _share(of_lists(values * mine), of_lists(values))

        due = share_of(read.column(2)) if merit else share_of(count)
        if statistic in ("merit", "representation"):
            value, interval = share_against(due, None, ratio=False, level=level) if due else (None, None)
        elif (one := share_of(read.column(0))) is not None:
            alone = statistic == "share"
            if alone or due is not None:
                value, interval = share_against(one, None if alone else due, ratio="per_" in statistic, level=level)
    return as_metric("exposure@1", value, interval, level=level, n=int(count.sum()), num_unscored=total - int(count.sum()), unit=unit)  # fmt: skip
