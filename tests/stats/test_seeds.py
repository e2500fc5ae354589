"""Estimators over seeds and rows that are crossed: by hand, undefined cases, finite intervals, simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from precepts.errors import InputError
from precepts.stats import estimate


def rows_of(student, weak, ceiling, other=None):
    """Rows of matrices of shape (seeds, rows)."""
    return [
        {
            "seed": s, "cluster": n, "score": student[s, n], "score_b": weak[s, n], "score_c": ceiling[s, n],
            "score_d": 0.0 if other is None else other[s, n],
        }
        for s in range(student.shape[0])
        for n in range(student.shape[1])
    ]  # fmt: skip


def simulated(rng, *, seeds=6, rows=300, weak=0.6, student=0.7, ceiling=0.8, spread=0.02):
    ease = rng.normal(size=rows) * 0.5
    from scipy.stats import norm

    def arm(rate):
        lift = rng.normal(size=(seeds, 1)) * spread
        return ((ease + rng.normal(size=(seeds, rows))) < norm.ppf(rate) * np.sqrt(1.25) + lift).astype(float)

    return arm(student), arm(weak), arm(ceiling)


def test_value_is_mean_gain_over_mean_gap():
    student, weak, ceiling = (np.tile(np.arange(50) / 50 < rate, (3, 1)).astype(float) for rate in (0.7, 0.6, 0.9))
    rows = rows_of(student, weak, ceiling, other=weak)
    found = estimate("crossed_pgr@1", rows)
    assert found.value == pytest.approx(1 / 3)
    assert (found.n, found.unit) == (150, "ratio")
    assert estimate("crossed_pgr_gain@1", rows).value == pytest.approx(1 / 3)
    assert estimate("crossed_mean@1", rows).value == pytest.approx(0.7)
    assert estimate("crossed_difference@1", rows).value == pytest.approx(0.1)


def test_a_mean_over_one_seed_agrees_with_the_row_bootstrap():
    draws = np.random.default_rng(0).random(400) < 0.3
    rows = [{"seed": 0, "cluster": i, "score": float(d)} for i, d in enumerate(draws)]
    crossed, alone = estimate("crossed_mean@1", rows), estimate("percentile@1", rows)
    assert crossed.value == alone.value
    assert crossed.low == pytest.approx(alone.low, abs=0.01)
    assert crossed.high == pytest.approx(alone.high, abs=0.01)


def test_an_interval_is_wider_where_seeds_differ():
    one = np.random.default_rng(1).random((1, 200)) < 0.6
    alike = np.repeat(one, 5, 0).astype(float)
    differing = np.stack(
        [np.random.default_rng(2 + s).random(200) < r for s, r in enumerate((0.3, 0.5, 0.6, 0.7, 0.9))]
    )
    width = []
    for scores in (alike, differing.astype(float)):
        found = estimate("crossed_mean@1", rows_of(scores, scores, scores))
        width.append(found.high - found.low)
    assert width[1] > 1.5 * width[0]


@pytest.mark.parametrize("ceiling", [0.6, 0.55, 0.615])
def test_pgr_is_undefined_without_a_gap_above_the_margin(ceiling):
    arms = [np.tile(np.arange(1000) / 1000 < rate, (2, 1)).astype(float) for rate in (0.6, 0.6, ceiling)]
    assert estimate("crossed_pgr@1", rows_of(*arms)).value is None


@pytest.mark.parametrize("seed", range(5))
def test_a_defined_pgr_has_a_finite_interval_also_where_the_gap_is_small(seed):
    rng = np.random.default_rng(seed)
    found = estimate(
        "crossed_pgr@1",
        rows_of(*simulated(rng, rows=200, student=0.61, ceiling=0.65)),
        params={"min_gap_errors": 0, "margin": 0.001},
    )
    if found.value is not None:
        assert np.isfinite([found.low, found.high]).all()
        assert found.low <= found.value <= found.high


def test_order_of_rows_changes_nothing_and_unscored_rows_are_counted():
    rows = rows_of(*simulated(np.random.default_rng(3), rows=80))
    found = estimate("crossed_pgr@1", rows)
    assert estimate("crossed_pgr@1", rows[::-1]) == found
    more = estimate("crossed_pgr@1", [*rows, {**rows[0], "score": None}])
    assert (more.value, more.n, more.n_unscored) == (found.value, found.n, 1)


def test_rows_without_a_cluster_and_a_margin_of_zero_are_refused():
    rows = rows_of(*simulated(np.random.default_rng(3), rows=20))
    with pytest.raises(InputError, match="need `cluster`"):
        estimate("crossed_mean@1", [{"score": 1.0, "seed": 1}] * 3)
    with pytest.raises(InputError, match="above 0"):
        estimate("crossed_pgr@1", rows, params={"margin": 0})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pgr_interval_covers(seed):
    """True PGR 0.5 (rates 0.6, 0.7, 0.8); the crossed bootstrap is conservative, so coverage is at least nominal."""
    covered = 0
    for trial in range(60):
        arms = simulated(np.random.default_rng([seed, trial]), spread=0.03)
        found = estimate("crossed_pgr@1", rows_of(*arms), params={"resamples": 400}, seed=trial)
        covered += found.value is not None and found.low <= 0.5 <= found.high
    assert covered >= 52
