"""Corrected rates against hand-worked cases, Lang and Reiczigel's interval, and simulation of their coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.stats import Counts, estimate, prediction_powered, rogan_gladen

FULL = Counts(90, 100, 160, 200)


def lang_reiczigel(num_yes, n, labelled, z=1.959964):
    """Lang and Reiczigel 2014, Preventive Veterinary Medicine 113:13-22: an interval made in another way."""
    hits, num_signal, rejections, num_noise = labelled
    p, m = (num_yes + z * z / 2) / (n + z * z), n + z * z
    se, sp = (hits + 1) / (num_signal + 2), (rejections + 1) / (num_noise + 2)
    youden = se + sp - 1
    rate = (p + sp - 1) / youden
    shift = 2 * z * z * (rate * se * (1 - se) / num_signal - (1 - rate) * sp * (1 - sp) / num_noise)
    variance = (
        p * (1 - p) / m + rate**2 * se * (1 - se) / (num_signal + 2) + (1 - rate) ** 2 * sp * (1 - sp) / (num_noise + 2)
    )
    half = z * math.sqrt(variance) / youden
    return max(0.0, rate + shift - half), min(1.0, rate + shift + half)


def test_rogan_gladen_by_hand():
    # p 0.34, sensitivity 0.9, specificity 0.8: (0.34 + 0.8 - 1) / (0.9 + 0.8 - 1) = 0.2
    found = rogan_gladen(34, 100, FULL)
    assert found.value == pytest.approx(0.2)
    assert found.why is None


def test_a_perfect_judge_on_many_labels_gives_nearly_wilson():
    found = rogan_gladen(30, 100, Counts(10**7, 10**7, 10**7, 10**7))
    assert found.interval == pytest.approx((0.2189, 0.3959), abs=2e-4)


@pytest.mark.parametrize(
    ("yes", "n", "labelled"),
    [(150, 400, FULL), (60, 400, Counts(57, 60, 190, 200)), (300, 500, Counts(170, 200, 180, 200))],
)
def test_the_interval_is_near_lang_and_reiczigels(yes, n, labelled):
    assert rogan_gladen(yes, n, labelled).interval == pytest.approx(lang_reiczigel(yes, n, labelled), abs=0.025)


@pytest.mark.parametrize(
    ("yes", "labelled", "why"),
    [
        (50, Counts(0, 0, 9, 10), "no labelled row is positive"),
        (50, Counts(9, 10, 0, 0), "no labelled row is negative"),
        (50, Counts(3, 4, 2, 4), "too few labels or too weak a judge"),
        (50, Counts(100, 200, 100, 200), "too few labels or too weak a judge"),
        (5, Counts(190, 200, 140, 200), "specificity too low for the rate"),
        (95, Counts(140, 200, 190, 200), "sensitivity too low for the rate"),
    ],
)
def test_a_correction_that_cannot_be_had_says_why(yes, labelled, why):
    found = rogan_gladen(yes, 100, labelled)
    assert (found.value, found.interval) == (None, None)
    assert why in (found.why or "")


def test_a_raw_rate_below_the_false_alarms_has_an_upper_limit_only():
    found = rogan_gladen(15, 100, FULL)
    assert found.value == 0
    assert found.interval is not None
    assert found.interval[0] == 0 < found.interval[1]
    assert "only the upper limit" in (found.why or "")


COVERAGE = list(itertools.product([0.02, 0.1, 0.5, 0.9], [(0.7, 0.9), (0.9, 0.95), (0.98, 0.8)], [(30, 30), (60, 200)]))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rogan_gladen_covers_the_true_rate(seed):
    rng = np.random.default_rng(seed)
    for rate, (se, sp), (num_signal, num_noise) in COVERAGE:
        n, covered, had = 200, 0, 0
        for _ in range(150):
            yes = int(rng.binomial(n, rate * se + (1 - rate) * (1 - sp)))
            labelled = Counts(
                int(rng.binomial(num_signal, se)), num_signal, int(rng.binomial(num_noise, sp)), num_noise
            )
            interval = rogan_gladen(yes, n, labelled).interval
            had += interval is not None
            covered += interval is not None and interval[0] - 1e-9 <= rate <= interval[1] + 1e-9
        assert had > 130
        # 0.95 less three standard errors of 150 draws; the whole grid is held closer below.
        assert covered / had > 0.90, (rate, se, sp, num_signal, covered / had)


def one_ppi(rng, rate, se, sp, m, n):
    labels = (rng.random(m) < rate).astype(float)
    calls = np.where(labels == 1, rng.random(m) < se, rng.random(m) >= sp).astype(float)
    return prediction_powered(calls[:n], labels[:n], calls[n:])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_prediction_powered_covers_the_true_rate_and_is_narrower_than_labels_alone(seed):
    rng = np.random.default_rng(seed)
    shares = []
    for rate, (se, sp) in itertools.product([0.1, 0.3, 0.5, 0.8], [(0.6, 0.9), (0.95, 0.95), (0.5, 0.5)]):
        found = [one_ppi(rng, rate, se, sp, 800, 100).interval for _ in range(150)]
        shares.append(np.mean([i is not None and i[0] <= rate <= i[1] for i in found]))
        assert shares[-1] > 0.89, (rate, se, sp, shares[-1])
    assert np.mean(shares) == pytest.approx(0.955, abs=0.02)
    widths = {
        judge: np.mean([np.diff(one_ppi(rng, 0.3, *judge, 800, 100).interval or (0, 1)) for _ in range(60)])
        for judge in ((0.95, 0.95), (0.5, 0.5))
    }
    assert widths[0.95, 0.95] < 0.7 * widths[0.5, 0.5]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_graded_prediction_powered_covers_the_true_rate(seed):
    rng = np.random.default_rng(seed)
    for rate in (0.3, 0.6):
        covered = 0
        for _ in range(200):
            labels = (rng.random(600) < rate).astype(float)
            scores = np.clip(0.5 * labels + 0.5 * rng.random(600), 0, 1)
            interval = prediction_powered(scores[:100], labels[:100], scores[100:]).interval
            covered += interval is not None and interval[0] <= rate <= interval[1]
        assert covered / 200 > 0.90


def test_prediction_powered_by_hand():
    # Of 10 rows called yes 4 are labelled, 3 of them 1; of 30 called no 6 are labelled, 1 of them 1.
    calls = np.array([1.0] * 4 + [0.0] * 6)
    labels = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=float)
    rest = np.array([1.0] * 6 + [0.0] * 24)
    assert prediction_powered(calls, labels, rest).value == pytest.approx(0.25 * 0.75 + 0.75 / 6)


def test_prediction_powered_says_what_labels_it_lacks():
    assert "no rated row has a label" in (prediction_powered(np.ones(0), np.ones(0), np.ones(5)).why or "")
    assert "called negative" in (prediction_powered(np.ones(3), np.ones(3), np.zeros(5)).why or "")
    assert "30" in (prediction_powered(np.full(3, 0.5), np.ones(3), np.full(5, 0.4)).why or "")
    with pytest.raises(InputError):
        prediction_powered(np.ones(3), np.ones(2), np.ones(2))


@given(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_a_correction_is_a_rate_within_its_limits_or_says_why_not(rated, signal, noise):
    found = rogan_gladen(*rated, Counts(*signal, *noise))
    if found.value is None:
        assert found.interval is None
        assert found.why
    else:
        assert found.interval is not None
        assert 0 <= found.interval[0] <= found.value <= found.interval[1] <= 1


def test_the_estimators_read_rows():
    rated = [{"arm": "a", "score": int(i < 34)} for i in range(100)]
    labelled = [{"arm": "b", "score": int(i < 90), "label": 1} for i in range(100)]
    labelled += [{"arm": "b", "score": int(i < 40), "label": 0} for i in range(200)]
    metric = estimate("rogan_gladen@1", rated + labelled)
    assert metric.value == pytest.approx(0.2)
    assert metric.n == 400
    with pytest.raises(InputError, match="Row 1: `arm`"):
        estimate("rogan_gladen@1", [{"score": 1}])
    rows = [
        {"score": 1, "label": 1},
        {"score": 0, "label": 0},
        {"score": 1, "label": None},
        {"score": None, "label": 1},
    ]
    metric = estimate("ppi@1", rows)
    assert (metric.value, metric.n, metric.n_unscored) == (pytest.approx(2 / 3), 3, 1)
