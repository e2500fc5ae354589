"""Rates against published examples, statsmodels, enumeration of every outcome, and properties."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats import contingency_tables, proportion
from statsmodels.stats.proportion import proportion_effectsize

from precepts.errors import InputError
from precepts.stats import (
    cohens_h,
    estimate,
    mcnemar,
    newcombe_interval,
    newcombe_paired_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_examples(successes, n, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I."""
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("a", "n_a", "b", "n_b", "low", "high"), [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090)]
)
def test_newcombe_gives_the_published_examples(a, n_a, b, n_b, low, high):
    """Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10."""
    assert newcombe_interval(a, n_a, b, n_b) == pytest.approx((low, high), abs=5e-5)


def test_paired_newcombe_gives_the_published_example():
    """Newcombe 1998, Statistics in Medicine 17:2635-2650: counts 36, 12, 2, 0, method 10."""
    assert newcombe_paired_interval(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_equals_statsmodels_and_holds_its_rate(counts, level):
    successes, n = counts
    low, high = wilson_interval(successes, n, level=level)
    assert (low, high) == pytest.approx(
        proportion.proportion_confint(successes, n, alpha=1 - level, method="wilson"), abs=1e-9
    )
    assert 0 <= low <= successes / n <= high <= 1
    assert low < high


@given(st.tuples(*[st.integers(0, 30)] * 4))
def test_newcombe_equals_statsmodels(counts):
    a, rest_a, b, rest_b = counts
    n_a, n_b = a + rest_a + 1, b + rest_b + 1
    theirs = proportion.confint_proportions_2indep(a, n_a, b, n_b, method="newcomb", compare="diff")
    assert newcombe_interval(a, n_a, b, n_b) == pytest.approx(theirs, abs=1e-9)


@given(st.tuples(*[st.integers(0, 25)] * 4).filter(lambda counts: sum(counts) > 0))
def test_paired_newcombe_is_bounded_holds_the_difference_and_changes_sign_with_the_arms(counts):
    both, a_only, b_only, neither = counts
    low, high = newcombe_paired_interval(both, a_only, b_only, neither)
    assert -1 <= low <= (a_only - b_only) / sum(counts) <= high <= 1
    assert low < high
    assert newcombe_paired_interval(both, b_only, a_only, neither) == pytest.approx((-high, -low), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_mcnemar_equals_statsmodels_and_a_sum_over_the_binomial(pairs):
    a, b = zip(*pairs, strict=True)
    found = mcnemar(a, b)
    table = [[found.num_both, found.num_a_only], [found.num_b_only, found.num_neither]]
    assert np.sum(table) == len(pairs)
    assert found.p_exact == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)
    discordant = found.num_a_only + found.num_b_only
    chance = [math.comb(discordant, k) / 2**discordant for k in range(discordant + 1)]
    mine = chance[found.num_a_only]
    tol = 1e-9 * mine
    mid = sum(p for p in chance if p < mine - tol) + 0.5 * sum(p for p in chance if abs(p - mine) <= tol)
    if found.num_a_only == found.num_b_only:
        mid = 1.0  # the whole distribution is as extreme; Fagerland et al. set the p value to 1 - half of one mass
        assert found.p_mid == pytest.approx(1.0)
    else:
        assert found.p_mid == pytest.approx(mid)
    assert found.p_mid <= found.p_exact


def test_mcnemar_by_hand():
    # 8 discordant pairs, 1 against 7: exact 2 (1 + 8) / 256; mid-p takes half the mass of the observed count twice.
    found = mcnemar([1] * 7 + [0] + [1] * 5, [0] * 7 + [1] + [1] * 5)
    assert (found.num_both, found.num_a_only, found.num_b_only, found.num_neither) == (5, 7, 1, 0)
    assert found.p_exact == pytest.approx(18 / 256)
    assert found.p_mid == pytest.approx(10 / 256)


@pytest.mark.parametrize(("a", "b"), [([1, 0], [1]), ([0.5], [1])])
def test_mcnemar_refuses_what_is_not_paired_or_not_binary(a, b):
    with pytest.raises(InputError):
        mcnemar(a, b)


@given(st.floats(0, 1), st.floats(0, 1))
def test_cohens_h_equals_statsmodels(a, b):
    assert cohens_h(a, b) == pytest.approx(proportion_effectsize(a, b), abs=1e-9)


def test_cohens_h_refuses_a_percentage():
    with pytest.raises(InputError):
        cohens_h(50, 0.1)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(successes, n):
    with pytest.raises(InputError):
        wilson_interval(successes, n)


@pytest.mark.parametrize("n", [10, 30, 100])
def test_wilson_covers_on_average_over_rates(n):
    rates = np.linspace(0.02, 0.98, 97)
    chance = scipy_stats.binom.pmf(np.arange(n + 1)[:, None], n, rates)
    limits = np.array([wilson_interval(k, n) for k in range(n + 1)])
    covers = (limits[:, :1] <= rates) & (rates <= limits[:, 1:])
    coverage = (chance * covers).sum(axis=0)
    assert 0.94 < coverage.mean() < 0.965
    assert coverage.min() > 0.83  # its known dips near 0 and 1 at small n


@pytest.mark.parametrize(("rate_a", "rate_b", "most"), [(0.9, 0.7, 0.97), (0.5, 0.5, 0.97), (0.97, 0.99, 1.0)])
def test_newcombe_covers_by_enumeration(rate_a, rate_b, most):
    n_a, n_b = 30, 25
    coverage = sum(
        scipy_stats.binom.pmf(a, n_a, rate_a) * scipy_stats.binom.pmf(b, n_b, rate_b)
        for a, b in itertools.product(range(n_a + 1), range(n_b + 1))
        if (limits := newcombe_interval(a, n_a, b, n_b))[0] <= rate_a - rate_b <= limits[1]
    )
    assert 0.935 < coverage < most


@pytest.mark.parametrize(
    ("cells", "most"),
    [
        ((0.7, 0.1, 0.1, 0.1), 0.99),
        ((0.6, 0.25, 0.05, 0.1), 0.98),
        ((0.25, 0.25, 0.25, 0.25), 0.98),
        ((0.9, 0.05, 0.02, 0.03), 1.0),
    ],
)
def test_paired_newcombe_covers_by_enumeration(cells, most):
    n = 20
    outcomes = [(i, j, k, n - i - j - k) for i in range(n + 1) for j in range(n + 1 - i) for k in range(n + 1 - i - j)]
    chance = scipy_stats.multinomial.pmf(np.array(outcomes), n, cells)
    truth = cells[1] - cells[2]
    limits = np.array([newcombe_paired_interval(*outcome) for outcome in outcomes])
    coverage = float(chance[(limits[:, 0] <= truth) & (truth <= limits[:, 1])].sum())
    assert 0.935 < coverage < most


def test_paired_difference_takes_newcombe_for_binary_and_bca_for_fractional_scores():
    binary = [{"score": a, "score_b": b} for a, b in [(1, 0)] * 12 + [(0, 1)] * 2 + [(1, 1)] * 36]
    found = estimate("paired_difference@1", binary)
    assert (found.value, found.unit) == (pytest.approx(0.2), "difference")
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    rng = np.random.default_rng(0)
    pairs = rng.random((60, 2))
    rows = [{"score": a, "score_b": b} for a, b in pairs]
    differences = pairs[:, 0] - pairs[:, 1]
    theirs = scipy_stats.bootstrap((differences,), np.mean, n_resamples=4000, method="BCa", rng=1).confidence_interval
    found = estimate("paired_difference@1", rows)
    assert found.value == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    by_t = estimate("paired_difference@1", rows, params={"method": "t"})
    theirs = scipy_stats.ttest_rel(pairs[:, 0], pairs[:, 1]).confidence_interval()
    assert (by_t.low, by_t.high) == pytest.approx((theirs.low, theirs.high))


def test_paired_difference_by_newcombe_refuses_fractional_scores():
    with pytest.raises(InputError, match="0 or 1"):
        estimate("paired_difference@1", [{"score": 0.5, "score_b": 1}], params={"method": "newcombe"})


def test_newcombe_reads_arms_and_is_empty_without_one():
    rows = [{"score": s, "arm": "a"} for s in [1] * 56 + [0] * 14] + [
        {"score": s, "arm": "b"} for s in [1] * 48 + [0] * 32 + [None]
    ]
    found = estimate("newcombe@1", rows)
    assert (found.n, found.n_unscored, found.value) == (150, 1, pytest.approx(0.2))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    alone = estimate("newcombe@1", rows[:70])
    assert (alone.value, alone.low, alone.high, alone.n) == (None, None, None, 70)
    with pytest.raises(InputError, match="arm"):
        estimate("newcombe@1", [{"score": 1, "arm": "c"}])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_paired_difference_changes_sign_with_the_arms(pairs):
    there = estimate("paired_difference@1", [{"score": a, "score_b": b} for a, b in pairs])
    back = estimate("paired_difference@1", [{"score": b, "score_b": a} for a, b in pairs])
    assert back.value == pytest.approx(-there.value)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
