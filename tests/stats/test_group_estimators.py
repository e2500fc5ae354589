"""Estimators over counted rows by group, against independent implementations, hand-worked cases and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import hypergeom
from sklearn.metrics import roc_auc_score
from statsmodels.api import GLM, add_constant
from statsmodels.genmod.families import Binomial

from precepts.stats import auc, counted_auc, detection, estimate, fisher_mid_p, max_t_critical, recalibration
from precepts.stats.calibration_curve import brownian_range_tail, cumulative_error
from precepts.stats.crossed import crossed_covariance
from precepts.stats.ratios import Moments, dispersion
from precepts.stats.trade_off import Ratings, trade_off, trading


def _ratings(
    rng: np.random.Generator, *, bias: float = 0.0, groups: int = 3, raters: int = 30, items: int = 60
) -> Ratings:
    """Every rater on every item; raters and items vary in criterion, and `bias` moves that of group 0."""
    group = np.repeat(np.arange(groups), items)
    truth = np.tile(np.arange(items) % 2, groups)
    ease, strict = rng.normal(0, 0.4, group.size), rng.normal(0, 0.4, raters)
    evidence = 2 * (truth - 0.5) + ease - bias * (group == 0)
    yes = (evidence[None] - strict[:, None] + rng.normal(size=(raters, group.size)) > 0).astype(np.int64)
    rater, item = np.indices(yes.shape).reshape(2, -1)
    return Ratings(group[item], truth[item], yes.ravel(), np.ones(yes.size), rater, item)


def test_without_clusters_a_level_is_plain_signal_detection() -> None:
    rows = [{"label": t, "score": s, "count": n} for t, s, n in ((1, 1, 90), (1, 0, 10), (0, 1, 20), (0, 0, 80))]
    plain = detection(90, 100, 20, 100)
    for name, value, limits in (
        ("dprime", plain.d_prime, plain.d_prime_interval()),
        ("criterion", plain.criterion, plain.criterion_interval()),
    ):
        found = estimate("trade_off@2", rows, params={"statistic": name, "sampled": "rows"})
        assert found.value == pytest.approx(value, abs=1e-12)
        assert (found.low, found.high) == pytest.approx(limits, abs=1e-9)


def test_the_revealed_cost_ratio_is_beta_times_the_odds_of_signal() -> None:
    rows = [{"label": t, "score": s, "count": n} for t, s, n in ((1, 1, 90), (1, 0, 10), (0, 1, 20), (0, 0, 80))]
    plain = detection(90, 100, 20, 100)
    params = {"statistic": "log_cost_ratio", "prevalence": 0.2, "cost_ratio": 2.0}
    found = estimate("trade_off@2", rows, params=params)
    assert found.value == pytest.approx(plain.d_prime * plain.criterion + math.log(0.25) - math.log(2), abs=1e-12)


def test_two_way_covariance_agrees_with_a_loop_over_pairs() -> None:
    rng = np.random.default_rng(0)
    u, a, b = rng.normal(size=(40, 2)), rng.integers(0, 5, 40), rng.integers(0, 7, 40)
    found = crossed_covariance(u, u**2, np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1])
    same_a = sum(np.outer(u[i], u[j]) for i in range(40) for j in range(40) if a[i] == a[j])
    number = len(set(a.tolist()))
    np.testing.assert_allclose(found.a, number / (number - 1) * same_a)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_planted_criterion_bias_is_recovered_and_told_from_sensitivity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = trading(_ratings(rng, bias=0.8, items=200), 3)
    weights = {0: 1.0, 1: -0.5, 2: -0.5}
    criterion, dprime = trade_off(found, "criterion", weights), trade_off(found, "dprime", weights)
    assert criterion is not None
    assert dprime is not None
    # Raters and items vary with sd 0.4 each, which shrinks z units by the root of 1 + 2 · 0.16.
    assert criterion.value == pytest.approx(0.8 / math.sqrt(1.32), abs=3.5 * criterion.error)
    assert criterion.interval(level=0.95)[0] > 0.3
    assert abs(dprime.value) < 3.5 * dprime.error


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_way_intervals_of_a_criterion_cover(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside = naive = 0
    for _ in range(400):
        found = trading(_ratings(rng, groups=2), 2)
        level = trade_off(found, "criterion", {0: 1.0})
        alone = trade_off(found, "criterion", {0: 1.0}, sampled="rows")
        assert level is not None
        assert alone is not None
        inside += level.interval(level=0.95)[0] <= 0 <= level.interval(level=0.95)[1]
        naive += alone.interval(level=0.95)[0] <= 0 <= alone.interval(level=0.95)[1]
    assert 0.93 <= inside / 400 <= 0.985
    assert naive / 400 < 0.8  # what forgetting the clusters costs


def test_the_max_statistic_lies_between_one_test_and_sidak() -> None:
    assert max_t_critical(np.ones((5, 5))) == pytest.approx(1.96, abs=0.04)
    assert max_t_critical(np.eye(5)) == pytest.approx(2.569, abs=0.04)


def test_counted_auc_is_the_auc_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    scores, labels = rng.integers(0, 8, 200) / 8, rng.integers(0, 2, 200).astype(float)
    found, rows = counted_auc(scores, labels, np.ones(200)), auc(labels, scores)
    assert found is not None
    assert rows is not None
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found.variance == pytest.approx(rows.variance, rel=1e-9)


def test_recalibration_is_logistic_regression_on_the_logit() -> None:
    rng = np.random.default_rng(2)
    s = rng.uniform(0.05, 0.95, 500)
    y = (rng.uniform(size=500) < 1 / (1 + np.exp(-(0.3 + 0.7 * np.log(s / (1 - s)))))).astype(float)
    fit = GLM(y, add_constant(np.log(s / (1 - s))), family=Binomial()).fit()
    found = recalibration(s, y, np.ones(500))
    assert found is not None
    assert (found.intercept, found.slope) == pytest.approx(tuple(fit.params), abs=1e-6)
    assert (found.intercept_error, found.slope_error) == pytest.approx(tuple(fit.bse), rel=1e-4)
    assert not found.penalised


def test_separated_scores_are_penalised_and_equal_scores_have_no_slope() -> None:
    found = recalibration(np.array([0.2, 0.3, 0.7, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    assert found is not None
    assert found.penalised
    assert math.isfinite(found.slope)
    assert recalibration(np.full(4, 0.5), np.array([0.0, 1, 0, 1]), np.ones(4)) is None


def test_cumulative_error_by_hand_and_its_law_under_calibration() -> None:
    found = cumulative_error(np.array([0.2, 0.8]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    assert found.mad == pytest.approx(0.1)  # the walk is 0, -0.1, 0
    assert found.range == pytest.approx(0.1)
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(4000, 1000)).cumsum(axis=1) / math.sqrt(1000)
    ranges = np.maximum(steps.max(axis=1), 0) - np.minimum(steps.min(axis=1), 0)
    for x in (1.2, 1.6, 2.2):
        assert brownian_range_tail(x) == pytest.approx(float(np.mean(ranges > x - 0.04)), abs=0.03)


def test_mid_p_by_the_hypergeometric_law() -> None:
    law = hypergeom(30, 12, 10)
    chance = law.pmf(np.arange(11))
    expected = chance[chance < chance[2] - 1e-12].sum() + chance[np.abs(chance - chance[2]) <= 1e-12].sum() / 2
    assert fisher_mid_p(2, 10, 10, 20) == pytest.approx(expected, abs=1e-9)
    assert fisher_mid_p(0, 5, 0, 7) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("n", "rate"), [(20, 0.05), (20, 0.3), (100, 0.01), (100, 0.5), (2000, 0.1)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_interval_of_a_calibration_gap_covers(n: int, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside, runs = 0, 2000
    for _ in range(runs):
        s = np.clip(rng.beta(8 * rate, 8 * (1 - rate), n), 1e-6, 1)
        y = (rng.uniform(size=n) < s).astype(float)
        found = Moments(n, s.sum(), y.sum(), (s * s).sum(), (s * y).sum())
        low, high = found.gap_interval(level=0.95)
        inside += low <= 0 <= high
    assert inside / runs >= 0.93


def test_dispersion_of_equal_groups_is_unbiased_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(4)
    n, found = 200, []
    for _ in range(2000):
        rates = rng.binomial(n, 0.2, 5) / n
        found.append(dispersion(rates, rates * (1 - rates) / (n - 1)))
    corrected, plain = np.mean(found, axis=0)
    assert plain == pytest.approx(0.2 * 0.8 / n, rel=0.1)
    assert abs(corrected) < 0.05 * plain
