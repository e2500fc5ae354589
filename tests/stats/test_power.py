"""Sample sizes by hand, against each other, and by exact or simulated power."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from precepts.errors import InputError
from precepts.stats import (
    difference_detectable,
    paired_detectable,
    paired_power,
    paired_sample_size,
    rate_detectable,
    rate_power,
    rate_sample_size,
)


def test_rate_sample_size_by_hand():
    # (1.959964 √(0.5·0.5) + 0.841621 √(0.6·0.4))² / 0.1² = 193.8
    assert rate_sample_size(0.6, null=0.5) == 194


def test_paired_sample_size_by_hand():
    # Connor: (1.959964 √0.3 + 0.841621 √(0.3 - 0.1²))² / 0.1² = 233.1
    assert paired_sample_size(0.1, discordance=0.3) == 234


def test_detectable_of_250_items_near_93_percent_matches_independent_planning():
    # 2.8016 √(2·0.93·0.07 / 250) = 0.064, as for two unpaired arms; independence makes them no different when paired.
    found = paired_detectable(discordance=2 * 0.93 * 0.07, n=250)
    assert found == pytest.approx(0.064, abs=0.001)


@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.floats(0.5, 0.99))
def test_rate_sample_size_is_the_first_to_reach_its_power(rate, null, power):
    assume(abs(rate - null) > 0.01)
    n = rate_sample_size(rate, null=null, power=power)
    assert rate_power(rate, null=null, n=n) >= power - 1e-9
    if n > 1:  # one case fewer falls short on the side of the difference; the far side is no power to plan with
        shift, bound = abs(rate - null) * np.sqrt(n - 1), 1.959964 * np.sqrt(null * (1 - null))
        assert scipy_stats.norm.cdf((shift - bound) / np.sqrt(rate * (1 - rate))) < power + 1e-6


@given(st.floats(0.05, 1.0), st.integers(5, 5000))
def test_paired_detectable_is_shown_with_its_power(discordance, n):
    found = paired_detectable(discordance=discordance, n=n)
    if found is not None:
        assert 0 < found <= discordance
        assert paired_power(found, discordance=discordance, n=n) == pytest.approx(0.8, abs=1e-6)
        assert paired_sample_size(found, discordance=discordance) == pytest.approx(n, abs=1)


def test_rate_detectable_brackets_the_null_and_says_where_nothing_is_detectable():
    below, above = rate_detectable(null=0.5, n=194)
    assert (below, above) == pytest.approx((0.4, 0.6), abs=0.001)
    below, above = rate_detectable(null=0.95, n=30)
    assert below < 0.95
    assert above is None


def test_rate_power_is_near_the_exact_power_of_the_score_test():
    n, null, rate = 300, 0.5, 0.58
    counts = np.arange(n + 1)
    rejected = abs(counts / n - null) > 1.959964 * np.sqrt(null * (1 - null) / n)
    exact = scipy_stats.binom.pmf(counts, n, rate)[rejected].sum()
    assert rate_power(rate, null=null, n=n) == pytest.approx(exact, abs=0.03)


def test_paired_power_is_near_the_simulated_power_of_mcnemars_test():
    rng = np.random.default_rng(0)
    cells = rng.multinomial(200, [0.2, 0.1, 0.7], size=20_000)
    shown = (cells[:, 0] - cells[:, 1]) ** 2 / (cells[:, 0] + cells[:, 1]) > 1.959964**2
    assert paired_power(0.1, discordance=0.3, n=200) == pytest.approx(shown.mean(), abs=0.015)


def test_no_difference_is_found_as_often_as_alpha():
    assert paired_power(0.0, discordance=0.3, n=100) == pytest.approx(0.05)
    assert rate_power(0.4, null=0.4, n=100, alpha=0.1) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rate_sample_size(0.5, null=0.5),
        lambda: rate_power(0.5, null=1.0, n=10),
        lambda: rate_power(0.5, null=0.4, n=0),
        lambda: rate_power(0.5, null=0.4, n=5, alpha=0),
        lambda: paired_sample_size(0.0, discordance=0.3),
        lambda: paired_sample_size(0.4, discordance=0.3),
        lambda: paired_power(0.1, discordance=0.0, n=10),
        lambda: paired_detectable(discordance=0.2, n=10, power=1.0),
    ],
)
def test_impossible_questions_are_refused(call):
    with pytest.raises(InputError):
        call()


def test_the_card_s_250_items_show_six_points_unpaired_and_four_and_a_half_paired() -> None:
    assert difference_detectable(rate=0.93, n=250) == pytest.approx(0.064, abs=5e-4)
    assert difference_detectable(rate=0.93, n=250, correlation=0.5) == pytest.approx(0.045, abs=5e-4)
    with pytest.raises(InputError):
        difference_detectable(rate=1.0, n=250)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_detectable_difference_is_shown_with_its_power(seed: int) -> None:
    rng = np.random.default_rng(seed)
    difference = difference_detectable(rate=0.5, n=400)
    a = rng.binomial(400, 0.5 + difference / 2, size=4000) / 400
    b = rng.binomial(400, 0.5 - difference / 2, size=4000) / 400
    pooled = (a + b) / 2
    shown = np.abs(a - b) > 1.96 * np.sqrt(2 * pooled * (1 - pooled) / 400)
    assert shown.mean() == pytest.approx(0.8, abs=0.03)
