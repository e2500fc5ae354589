"""AUC, balanced accuracy and their paired differences against scikit-learn, brute force and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from precepts.stats import auc, auc_difference, auc_interval, balanced_accuracy_interval, estimate, wilson_interval

LABELLED = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def rows_of(labels, scores, scores_b=None):
    rows = [{"label": int(label), "score": float(score)} for label, score in zip(labels, scores, strict=True)]
    if scores_b is not None:
        rows = [{**row, "score_b": float(score)} for row, score in zip(rows, scores_b, strict=True)]
    return rows


@given(LABELLED)
def test_auc_equals_scikit_learn_with_ties_and_its_interval_holds_it(pairs):
    labels, scores = zip(*pairs, strict=True)
    found = estimate("auc@1", rows_of(labels, scores))
    assert found.value == pytest.approx(roc_auc_score(labels, scores))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@given(LABELLED)
def test_auc_mirrors_when_scores_change_sign(pairs):
    labels, scores = zip(*pairs, strict=True)
    there, back = estimate("auc@1", rows_of(labels, scores)), estimate("auc@1", rows_of(labels, [-s for s in scores]))
    assert back.value == pytest.approx(1 - there.value)
    assert (back.low, back.high) == pytest.approx((1 - there.high, 1 - there.low), abs=1e-6)


def delong_by_definition(labels, *arms):
    """Covariance matrix of AUCs straight from DeLong et al. 1988, eq. 2-6: kernels of all pairs, no ranks."""
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    kernels = [np.array([[float(s[i] > s[j]) + 0.5 * float(s[i] == s[j]) for j in zeros] for i in ones]) for s in arms]
    v10, v01 = np.array([k.mean(axis=1) for k in kernels]), np.array([k.mean(axis=0) for k in kernels])
    return np.array([k.mean() for k in kernels]), np.cov(v10) / len(ones) + np.cov(v01) / len(zeros)


def test_auc_and_its_difference_equal_delong_by_definition():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    shared = rng.normal(size=40)
    a, b = np.round(shared + labels, 1), np.round(shared + 0.5 * labels + rng.normal(size=40), 1)
    areas, covariance = delong_by_definition(labels, a, b)
    area = auc(labels, a)
    assert (area.value, area.variance) == pytest.approx((areas[0], covariance[0, 0]))
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    value, interval, p_value = auc_difference(labels, a, b)
    assert value == pytest.approx(areas[0] - areas[1])
    assert interval == pytest.approx((value - 1.959964 * error, value + 1.959964 * error))
    assert p_value == pytest.approx(2 * scipy_stats.norm.sf(abs(value) / error))
    logit = math.log(areas[0] / (1 - areas[0]))
    half = 1.959964 * math.sqrt(covariance[0, 0]) / (areas[0] * (1 - areas[0]))
    wanted = scipy_stats.logistic.cdf([logit - half, logit + half])
    assert auc_interval(area) == pytest.approx(tuple(wanted))


def test_auc_by_hand():
    # Label 1 scores 3, 2; label 0 scores 2, 1: of four pairs three are won and one is tied.
    found = estimate("auc@1", rows_of([1, 1, 0, 0], [3, 2, 2, 1]))
    assert (found.value, found.n, found.unit) == (0.875, 4, "auc")


@pytest.mark.parametrize("name", ["auc@1", "balanced_accuracy@1", "dprime@1", "criterion@1"])
def test_one_label_alone_has_no_value(name):
    found = estimate(name, rows_of([1, 1, 1], [1, 0, 1]))
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 3)


@pytest.mark.parametrize("name", ["paired_auc@1", "paired_balanced_accuracy@1"])
def test_one_label_alone_has_no_difference(name):
    assert estimate(name, rows_of([0, 0], [1, 0], [0, 0])).value is None


def test_perfect_separation_and_infinite_scores_have_an_interval_that_narrows_with_n():
    small = estimate("auc@1", rows_of([0] * 5 + [1] * 5, [-math.inf] * 5 + [math.inf] * 5))
    large = estimate("auc@1", rows_of([0] * 50 + [1] * 50, [0] * 50 + [1] * 50))
    assert small.value == large.value == 1
    assert small.high == large.high == 1
    assert 0.4 < small.low < 0.8 < large.low < 1


def test_the_score_interval_of_one_pair_is_wilsons_of_one_trial():
    # With one case per label the variance is A (1 - A), a binomial's: the lower limit is 1 / (1 + z²).
    found = estimate("auc@1", rows_of([0, 1], [0, 1]))
    assert (found.low, found.high) == pytest.approx((1 / (1 + 1.959964**2), 1))
    assert (found.low, found.high) == pytest.approx(wilson_interval(1, 1), abs=1e-9)


def test_scores_of_one_order_have_a_difference_and_no_interval():
    found = estimate("paired_auc@1", rows_of([0, 1, 0, 1], [1, 2, 3, 4], [10, 20, 30, 40]))
    assert (found.value, found.low, found.high) == (0, None, None)


def test_a_label_may_be_a_word_that_counts_as_one():
    rows = [{"label": label, "score": score} for label, score in [("refuse", 1), ("comply", 0), ("safe_complete", 0)]]
    assert estimate("balanced_accuracy@1", rows, params={"positive": "refuse"}).value == 1
    both = estimate("balanced_accuracy@1", rows, params={"positive": ["refuse", "safe_complete"]})
    assert both.value == 0.75


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60).filter(
        lambda rows: len({label for label, _ in rows}) == 2
    )
)
def test_balanced_accuracy_equals_scikit_learn(pairs):
    labels, scores = zip(*pairs, strict=True)
    found = estimate("balanced_accuracy@1", rows_of(labels, scores))
    assert found.value == pytest.approx(balanced_accuracy_score(labels, scores))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@pytest.mark.parametrize(("hit_rate", "rejection_rate"), [(0.9, 0.9), (0.99, 0.6), (0.5, 0.5), (0.98, 0.98)])
def test_balanced_accuracy_covers_by_enumeration(hit_rate, rejection_rate):
    num_1, num_0, truth = 30, 20, (hit_rate + rejection_rate) / 2
    coverage = sum(
        scipy_stats.binom.pmf(hits, num_1, hit_rate) * scipy_stats.binom.pmf(rejections, num_0, rejection_rate)
        for hits, rejections in itertools.product(range(num_1 + 1), range(num_0 + 1))
        if (limits := balanced_accuracy_interval(hits, num_1, rejections, num_0))[0] <= truth <= limits[1]
    )
    assert 0.93 < coverage < 0.995


@settings(max_examples=40)
@given(
    st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=2, max_size=60).filter(
        lambda rows: len({row[0] for row in rows}) == 2
    ),
    st.sampled_from(["bootstrap", "mover"]),
)
def test_paired_balanced_accuracy_is_the_difference_of_the_two(rows, method):
    labels, a, b = zip(*rows, strict=True)
    found = estimate("paired_balanced_accuracy@1", rows_of(labels, a, b), params={"method": method, "resamples": 200})
    wanted = balanced_accuracy_score(labels, a) - balanced_accuracy_score(labels, b)
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert -1 <= found.low <= found.high <= 1
    assert found.low < found.high
    if method == "mover":
        assert found.low <= found.value <= found.high


def test_arms_that_answer_alike_have_an_interval_around_zero():
    found = estimate("paired_balanced_accuracy@1", rows_of([0, 1] * 10, [0, 1] * 10, [0, 1] * 10))
    assert found.value == 0
    assert found.low < 0 < found.high


def paired_arms(rng, n=80):
    labels = np.repeat([0, 1], n // 2)
    strength = rng.random(n)
    a = np.where(strength + 0.5 * rng.random(n) < 1.1, labels, 1 - labels)
    b = np.where(strength + 0.5 * rng.random(n) < 0.9, labels, 1 - labels)
    return labels, a, b


@pytest.mark.parametrize("method", ["bootstrap", "mover"])
def test_paired_balanced_accuracy_covers(method):
    truth_arms = paired_arms(np.random.default_rng(1), n=400_000)
    truth = float(np.mean(truth_arms[1] == truth_arms[0]) - np.mean(truth_arms[2] == truth_arms[0]))
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        rows = rows_of(*paired_arms(rng))
        found = estimate("paired_balanced_accuracy@1", rows, params={"method": method, "resamples": 400}, seed=trial)
        covered += found.low <= truth <= found.high
    assert 0.895 < covered / 200 <= 0.99


def test_auc_interval_covers_at_high_and_low_areas():
    rng = np.random.default_rng(4)
    labels = np.repeat([0.0, 1.0], [30, 20])
    for shift in (0.0, 1.0, 2.5):
        truth = scipy_stats.norm.cdf(shift / math.sqrt(2))
        covered = 0
        for _ in range(400):
            low, high = auc_interval(auc(labels, rng.normal(size=50) + shift * labels))
            covered += low <= truth <= high
        assert 0.915 < covered / 400 < 0.99


def test_auc_difference_covers():
    rng = np.random.default_rng(5)
    labels = np.repeat([0.0, 1.0], [50, 50])
    truth = scipy_stats.norm.cdf(1.5 / math.sqrt(2)) - scipy_stats.norm.cdf(1.0 / math.sqrt(2))
    covered = 0
    for _ in range(400):
        shared = rng.normal(size=100)
        arms = [math.sqrt(0.6) * shared + math.sqrt(0.4) * rng.normal(size=100) + d * labels for d in (1.5, 1.0)]
        low, high = auc_difference(labels, *arms)[1]
        covered += low <= truth <= high
    assert 0.915 < covered / 400 < 0.985


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("sizes", [(10, 10), (40, 10), (100, 100)])
def test_auc_interval_covers_at_many_sizes(shift, sizes):
    rng = np.random.default_rng(6)
    labels = np.repeat([0.0, 1.0], sizes)
    truth = scipy_stats.norm.cdf(shift / math.sqrt(2))
    covered = 0
    for _ in range(4000):
        low, high = auc_interval(auc(labels, rng.normal(size=labels.size) + shift * labels))
        covered += low <= truth <= high
    assert 0.925 < covered / 4000 < 0.995
