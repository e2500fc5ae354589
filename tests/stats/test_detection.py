"""Signal detection by hand, by enumeration of all outcomes, and against expected cost found by search."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy_stats

from precepts.errors import InputError
from precepts.stats import detection, estimate, implied_cost_ratio, optimal_criterion

COUNTS = st.tuples(st.integers(1, 50), st.integers(1, 50)).flatmap(
    lambda totals: st.tuples(
        st.integers(0, totals[0]), st.just(totals[0]), st.integers(0, totals[1]), st.just(totals[1])
    )
)


def test_detection_by_hand():
    # Corrected rates (15 + 0.5) / 21 and (5 + 0.5) / 26.
    found = detection(15, 20, 5, 25)
    z_hit, z_false_alarm = scipy_stats.norm.ppf([15.5 / 21, 5.5 / 26])
    assert found.d_prime == pytest.approx(z_hit - z_false_alarm)
    assert found.criterion == pytest.approx(-(z_hit + z_false_alarm) / 2)
    variances = [
        p * (1 - p) / (n * scipy_stats.norm.pdf(z) ** 2)
        for p, n, z in [(15.5 / 21, 20, z_hit), (5.5 / 26, 25, z_false_alarm)]
    ]
    assert found.d_prime_error == pytest.approx(math.sqrt(sum(variances)))
    assert found.criterion_error == pytest.approx(math.sqrt(sum(variances)) / 2)
    assert found.covariance == pytest.approx((variances[1] - variances[0]) / 2)


@given(COUNTS)
def test_detection_is_finite_and_changing_sides_changes_signs(counts):
    hits, num_signal, false_alarms, num_noise = counts
    found = detection(hits, num_signal, false_alarms, num_noise)
    assert all(math.isfinite(x) for x in (found.d_prime, found.criterion, found.d_prime_error))
    swapped = detection(false_alarms, num_noise, hits, num_signal)
    assert (swapped.d_prime, swapped.criterion) == pytest.approx((-found.d_prime, found.criterion), abs=1e-9)
    opposite = detection(num_signal - hits, num_signal, num_noise - false_alarms, num_noise)
    assert (opposite.d_prime, opposite.criterion) == pytest.approx((-found.d_prime, -found.criterion), abs=1e-9)


@pytest.mark.parametrize(("d_prime", "criterion"), [(0.0, 0.0), (1.0, 0.5), (2.0, -0.4), (2.5, 0.0)])
def test_detection_intervals_cover_by_enumeration(d_prime, criterion):
    num_signal, num_noise = 40, 40
    hit_rate, false_alarm_rate = scipy_stats.norm.cdf([d_prime / 2 - criterion, -d_prime / 2 - criterion])
    covers_d, covers_c = 0.0, 0.0
    for hits, false_alarms in itertools.product(range(num_signal + 1), range(num_noise + 1)):
        chance = float(
            scipy_stats.binom.pmf(hits, num_signal, hit_rate)
            * scipy_stats.binom.pmf(false_alarms, num_noise, false_alarm_rate)
        )
        found = detection(hits, num_signal, false_alarms, num_noise)
        low, high = found.d_prime_interval()
        covers_d += chance * (low <= d_prime <= high)
        low, high = found.criterion_interval()
        covers_c += chance * (low <= criterion <= high)
    assert 0.93 < covers_d < 0.985
    assert 0.93 < covers_c < 0.985


@given(st.floats(0.3, 3), st.floats(0.05, 0.95), st.floats(0.2, 5), st.floats(0.2, 5))
def test_optimal_criterion_has_the_least_expected_cost(d_prime, prevalence, cost_miss, cost_false_alarm):
    def cost(c):
        hit, false_alarm = scipy_stats.norm.cdf(d_prime / 2 - c), scipy_stats.norm.cdf(-d_prime / 2 - c)
        return prevalence * cost_miss * (1 - hit) + (1 - prevalence) * cost_false_alarm * false_alarm

    best = optimal_criterion(d_prime, prevalence=prevalence, cost_miss=cost_miss, cost_false_alarm=cost_false_alarm)
    assert all(cost(best) <= cost(best + step) + 1e-12 for step in (-0.5, -0.05, 0.05, 0.5))
    if abs(best) < 5:
        searched = optimize.minimize_scalar(cost, bounds=(best - 1, best + 1), method="bounded")
        assert cost(best) <= searched.fun + 1e-12


def test_implied_cost_ratio_gives_back_the_costs_of_an_optimal_criterion():
    found = detection(80, 100, 20, 100)
    ratio = implied_cost_ratio(found, prevalence=0.1)
    again = optimal_criterion(found.d_prime, prevalence=0.1, cost_miss=1, cost_false_alarm=ratio)
    assert again == pytest.approx(found.criterion)


def test_estimators_read_rows_as_counts():
    rows = [{"label": label, "score": score} for label, score in [(1, 1)] * 15 + [(1, 0)] * 5 + [(0, 1)] * 5]
    rows += [{"label": 0, "score": 0}] * 20 + [{"label": 0, "score": None}] * 3
    found, wanted = estimate("dprime@1", rows), detection(15, 20, 5, 25)
    assert (found.value, found.n, found.n_unscored, found.unit) == (pytest.approx(wanted.d_prime), 45, 3, "z")
    assert (found.low, found.high) == pytest.approx(wanted.d_prime_interval())
    found = estimate("criterion@1", rows, level=0.9)
    assert (found.low, found.high) == pytest.approx(wanted.criterion_interval(level=0.9))


@pytest.mark.parametrize("counts", [(3, 2, 0, 5), (0, 0, 1, 5), (1, 2, -1, 5)])
def test_detection_refuses_impossible_counts(counts):
    with pytest.raises(InputError):
        detection(*counts)


@pytest.mark.parametrize(("d_prime", "prevalence"), [(0.0, 0.5), (-1.0, 0.5), (1.0, 0.0), (1.0, 1.0)])
def test_optimal_criterion_refuses_what_has_no_optimum(d_prime, prevalence):
    with pytest.raises(InputError):
        optimal_criterion(d_prime, prevalence=prevalence, cost_miss=1, cost_false_alarm=1)


def test_implied_cost_ratio_refuses_a_prevalence_of_zero():
    with pytest.raises(InputError):
        implied_cost_ratio(detection(1, 2, 1, 2), prevalence=0)


def test_hautus_correction_pulls_a_perfect_small_sample_to_a_finite_value():
    assert detection(10, 10, 0, 10).d_prime == pytest.approx(2 * scipy_stats.norm.ppf(10.5 / 11))
    assert np.isfinite(detection(0, 1, 1, 1).d_prime)
