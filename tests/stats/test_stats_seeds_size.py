"""The size that a student matches: by hand, against scikit-learn's isotonic fit, at both ends, and with simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.stats import estimate, isotonic, matched_size

SIZES = {"small": 10.0, "middle": 100.0, "large": 1000.0}


def rows_of(arms):
    return [
        {"arm": name, "seed": s, "cluster": n, "score": float(score)}
        for name, scores in arms.items()
        for s, row in enumerate(scores)
        for n, score in enumerate(row)
    ]


def exact(rate, *, seeds=3, rows=100):
    return np.tile(np.arange(rows) < round(rate * rows), (seeds, 1))


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_the_isotonic_fit_is_that_of_scikit_learn(values):
    from sklearn.isotonic import isotonic_regression

    np.testing.assert_allclose(isotonic(np.array([values]))[0], isotonic_regression(values), atol=1e-9)


@pytest.mark.parametrize(
    ("student", "wanted"),
    [(0.6, 10.0), (0.7, 100.0), (0.8, 1000.0), (0.65, 10**1.5), (0.775, 10**2.75), (0.4, 10.0), (0.95, 1000.0)],
)
def test_a_size_is_read_off_the_logarithm_and_ends_at_the_smallest_and_the_largest(student, wanted):
    arms = {"student": exact(student, rows=200), "small": exact(0.6, rows=200), "middle": exact(0.7, rows=200)}
    found = estimate(
        "crossed_matched_size@1", rows_of({**arms, "large": exact(0.8, rows=200)}), params={"sizes": SIZES}
    )
    assert found.value == pytest.approx(wanted)
    assert (found.n, found.unit) == (4 * 3 * 200, "parameters")


def test_where_a_larger_model_is_no_better_the_smallest_that_is_as_good_counts():
    flat = np.array([[0.6, 0.7, 0.7]])
    sizes = np.array([10.0, 100.0, 1000.0])
    assert matched_size(np.array([0.7]), flat, sizes)[0] == pytest.approx(100.0)
    fallen = np.array([[0.6, 0.8, 0.7]])  # made 0.6, 0.75, 0.75
    assert matched_size(np.array([0.75]), fallen, sizes)[0] == pytest.approx(100.0)
    assert matched_size(np.array([0.8]), fallen, sizes)[0] == pytest.approx(1000.0)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 1), st.floats(0, 1))
def test_a_better_student_never_matches_a_smaller_model(truth, one, other):
    sizes = np.array([10.0, 100.0, 1000.0])
    low, high = sorted((one, other))
    found = matched_size(np.array([low, high]), np.array([truth, truth]), sizes)
    assert 10 - 1e-9 <= found[0] <= found[1] + 1e-9 <= 1000 + 1e-6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interval_covers(seed):
    """Accuracy 0.6, 0.7, 0.8 at sizes 10, 100, 1000 and a student at 0.75: the size is 10 to the 2.5."""
    covered = 0
    for trial in range(40):
        rng = np.random.default_rng([seed, trial])
        ease = rng.normal(size=300) * 0.7
        from scipy.stats import norm

        def arm(rate, rng=rng, ease=ease):
            return (ease + rng.normal(size=(4, 300))) < norm.ppf(rate) * np.sqrt(1.49)

        arms = {name: arm(rate) for name, rate in (("student", 0.75), ("small", 0.6), ("middle", 0.7), ("large", 0.8))}
        found = estimate("crossed_matched_size@1", rows_of(arms), params={"sizes": SIZES, "resamples": 300}, seed=trial)
        covered += found.low <= 10**2.5 <= found.high
    assert covered >= 35


def test_one_student_the_same_rows_and_two_sizes_are_needed():
    arms = {"student": exact(0.7), "small": exact(0.6), "middle": exact(0.7), "large": exact(0.8)}
    with pytest.raises(InputError, match="one student"):
        estimate("crossed_matched_size@1", rows_of({**arms, "other": exact(0.5)}), params={"sizes": SIZES})
    with pytest.raises(InputError, match="same seeds and rows"):
        estimate("crossed_matched_size@1", rows_of({**arms, "small": exact(0.6, rows=50)}), params={"sizes": SIZES})
    for sizes in (None, {"small": 10.0}, {"small": 10.0, "middle": 10.0}, {"small": 0, "middle": 1}):
        with pytest.raises(InputError, match="at least two models"):
            estimate("crossed_matched_size@1", rows_of(arms), params={} if sizes is None else {"sizes": sizes})
    without = {name: scores for name, scores in arms.items() if name != "large"}
    assert estimate("crossed_matched_size@1", rows_of(without), params={"sizes": SIZES}).value is None
