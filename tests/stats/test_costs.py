"""The mean cost of decisions: by hand, as Wilson's where there is one cost, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from precepts.errors import InputError
from precepts.stats import estimate, wilson_interval
from precepts.stats.costs import CostSide

PARAMS = {"costs": [1, 5]}


def _rows(free: int, ones: int, fives: int, arm: str = "a") -> list[dict[str, object]]:
    return [{"score": s, "count": n, "arm": arm} for s, n in ((0.0, free), (1.0, ones), (5.0, fives)) if n]


def test_a_mean_cost_by_hand():
    found = estimate("group_cost@1", [*_rows(7, 2, 1), {"score": None, "count": 4, "arm": "a"}], params=PARAMS)
    assert (found.value, found.n, found.n_unscored, found.unit) == (pytest.approx(0.7), 10, 4, "cost")
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < 0.7 < found.high <= 5


def test_one_cost_is_the_error_rate_and_wilsons_interval():
    found = estimate("group_cost@1", _rows(30, 10, 0), params={"costs": [1]})
    assert (found.value, (found.low, found.high)) == (0.25, pytest.approx(wilson_interval(10, 40)))


def test_a_cost_that_nobody_had_yet_widens_the_interval():
    rare = estimate("group_cost@1", _rows(18, 2, 0), params=PARAMS)
    none = estimate("group_cost@1", _rows(18, 2, 0), params={"costs": [1]})
    assert rare.value == none.value
    assert rare.high > none.high + 0.5


def test_a_gap_is_the_difference_and_weights_count_by_their_size():
    rows = [*_rows(70, 20, 10), *_rows(80, 20, 0, "b"), *_rows(80, 20, 0, "c")]
    gap = estimate("group_cost@1", rows, params={**PARAMS, "of": "a", "against": "others"})
    assert gap.value == pytest.approx(0.7 - 0.2)
    assert gap.low > 0
    weighted = [{**row, "score_b": 3.0 * row["count"], "score_c": 9.0 * row["count"]} for row in _rows(70, 20, 10)]
    plain = estimate("group_cost@1", _rows(70, 20, 10), params=PARAMS)
    found = estimate("group_cost@1", weighted, params={**PARAMS, "weights": "given"})
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high))
    unlike = [{**row, "score_c": 2 * row["score_c"]} for row in weighted]  # half the effective number of rows
    wide = estimate("group_cost@1", unlike, params={**PARAMS, "weights": "given"})
    assert wide.high - wide.low > 1.3 * (found.high - found.low)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("n", "shares"), [(60, (0.2, 0.1)), (400, (0.05, 0.03)), (400, (0.3, 0.4)), (2000, (0.01, 0.01))]
)
def test_intervals_of_a_mean_cost_cover(seed: int, n: int, shares: tuple[float, float]):
    rng, runs, costs = np.random.default_rng(seed), 400, np.array([1.0, 5.0])
    held = 0
    for drawn in rng.multinomial(n, [*shares, 1 - sum(shares)], size=runs)[:, :2]:
        low, high = CostSide(costs, drawn.astype(float), n, n).interval(level=0.95)
        held += low <= float(costs @ np.array(shares)) <= high
    slack = 3 * math.sqrt(0.05 * 0.95 / runs)
    assert 0.94 - slack <= held / runs <= 0.97 + slack


@pytest.mark.parametrize(
    ("params", "said"), [({}, "costs"), ({"costs": [0, 1]}, "above 0"), ({"costs": [1, 2]}, "none of the costs")]
)
def test_costs_that_are_not_listed_are_refused(params: dict[str, object], said: str):
    with pytest.raises(InputError, match=said):
        estimate("group_cost@1", _rows(1, 1, 1), params=params)
