"""Performance gap recovered by hand, its undefined cases, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from precepts.errors import InputError
from precepts.stats import estimate, performance_gap_recovered


def arms(n, weak, student, ceiling):
    """Exact shares of ones, the same rows solved by every better arm."""
    position = np.arange(n) / n
    return tuple((position < rate).astype(float) for rate in (student, weak, ceiling))


def test_pgr_by_hand():
    student, weak, ceiling = arms(100, 0.6, 0.7, 0.9)
    rows = [{"score": s, "score_b": w, "score_c": c} for s, w, c in zip(student, weak, ceiling, strict=True)]
    rows += [{"score": 1, "score_b": None, "score_c": 1}]
    found = estimate("pgr@1", rows)
    assert found.value == pytest.approx(1 / 3)
    assert (found.n, found.n_unscored, found.unit) == (100, 1, "ratio")
    assert 0.1 < found.low < 1 / 3 < found.high < 0.7


@pytest.mark.parametrize(("student", "value"), [(0.6, 0.0), (0.9, 1.0), (0.5, -1 / 3), (0.95, 7 / 6)])
def test_pgr_is_zero_at_the_supervisor_one_at_the_ceiling_and_goes_beyond_both(student, value):
    found = performance_gap_recovered(*arms(100, 0.6, student, 0.9))
    assert found.value == pytest.approx(value)


def test_pgr_is_undefined_without_a_gap_above_the_margin_or_its_error():
    assert performance_gap_recovered(*arms(100, 0.6, 0.7, 0.6)) is None
    assert performance_gap_recovered(*arms(100, 0.6, 0.7, 0.5)) is None
    assert performance_gap_recovered(*arms(100, 0.6, 0.7, 0.7), margin=0.2) is None
    assert performance_gap_recovered(*arms(100, 0.6, 0.7, 0.7), margin=0.05) is not None
    assert performance_gap_recovered(*arms(100, 0.6, 0.6, 0.62)) is None  # 0.02 is 1.4 standard errors
    assert performance_gap_recovered(*arms(100, 0.6, 0.6, 0.62), min_gap_errors=0) is not None
    assert performance_gap_recovered(*arms(1, 0, 0, 1)) is None


def test_a_gap_that_many_resamples_lose_has_a_value_and_no_interval():
    found = performance_gap_recovered(*arms(100, 0.6, 0.61, 0.62), min_gap_errors=0)
    assert found.value == pytest.approx(0.5)
    assert found.interval is None


def test_pgr_refuses_arms_of_other_rows_and_a_negative_margin():
    with pytest.raises(InputError, match="same rows"):
        performance_gap_recovered(np.ones(3), np.zeros(3), np.ones(4))
    with pytest.raises(InputError, match="margin"):
        performance_gap_recovered(np.ones(3), np.zeros(3), np.ones(3), margin=-1)


def simulated_coverage(trials, resamples, seed):
    rng = np.random.default_rng(seed)
    covered = 0
    for trial in range(trials):
        ease = rng.normal(size=300)
        weak, student, ceiling = (
            (ease + rng.normal(size=300) < cut * np.sqrt(2)).astype(float) for cut in (0.2533471, 0.5244005, 0.8416212)
        )
        found = performance_gap_recovered(student, weak, ceiling, resamples=resamples, seed=trial)
        covered += found.interval is not None and found.interval[0] <= 0.5 <= found.interval[1]
    return covered / trials


def test_pgr_interval_covers():
    assert 0.90 < simulated_coverage(200, 400, 1) <= 0.995


@pytest.mark.slow
def test_pgr_interval_covers_closely():
    assert 0.935 < simulated_coverage(3000, 2000, 2) < 0.97
