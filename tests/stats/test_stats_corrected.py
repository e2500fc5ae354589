"""Corrected and clustered rates, repeated answers, non-inferiority, permutation: by hand, against other implementations, by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from precepts.errors import InputError
from precepts.stats import (
    clustered_wilson_interval,
    cons_at_k,
    estimate,
    non_inferiority,
    pass_at_k,
    permutation_test,
    wilson_interval,
)
from precepts.stats.rogan_gladen import Counts, corrected_rate, lang_reiczigel_interval
from precepts.types import Metric

PERFECT = Counts(10**6, 10**6, 10**6, 10**6)


def test_correction_by_hand() -> None:
    judge = Counts(90, 100, 80, 100)
    assert corrected_rate(0.41, judge) == pytest.approx(0.3)
    assert corrected_rate(0.1, judge) == 0.0, "fewer than false alarms alone would give"
    assert corrected_rate(0.5, Counts(5, 10, 5, 10)) is None


def test_with_a_judge_that_does_not_err_it_is_wilsons_interval() -> None:
    assert lang_reiczigel_interval(30, 100, PERFECT) == pytest.approx(wilson_interval(30, 100), abs=2e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("truth", [0.05, 0.3, 0.7])
def test_corrected_intervals_cover_where_the_raw_rate_does_not(seed: int, truth: float) -> None:
    rng = np.random.default_rng(seed)
    covered = raw = 0
    tries = 400
    for _ in range(tries):
        judge = Counts(int(rng.binomial(120, 0.85)), 120, int(rng.binomial(120, 0.9)), 120)
        flagged = int(rng.binomial(400, truth * 0.85 + (1 - truth) * 0.1))
        found = lang_reiczigel_interval(flagged, 400, judge)
        assert found is not None
        covered += found[0] <= truth <= found[1]
        low, high = wilson_interval(flagged, 400)
        raw += low <= truth <= high
    assert 0.92 <= covered / tries <= 1.0
    if truth != 0.3:
        assert raw / tries < 0.9


def test_the_card_s_monitor_says_nothing_of_its_rate() -> None:
    # 180 of 102,443 flagged, a monitor right on 92 % of a small set (here 46 of 50 on either side): o1 System Card, section on deception.
    rows = [{"score": 1.0}] * 180 + [{"score": 0.0}] * (102_443 - 180)
    params = {"num_flagged": 46, "num_positive": 50, "num_passed": 46, "num_negative": 50}
    found = estimate("judge_corrected@1", rows, params=params)
    assert (found.value, found.low, found.high) == (None, None, None), (
        "4 false alarms in 50 and 180 flags in 102,443 contradict each other"
    )
    checked = {**params, "num_passed": 2000, "num_negative": 2000}
    found = estimate("judge_corrected@1", rows, params=checked)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 0.0019 < found.high < 0.003, (
        "2,000 unflagged cases read, none of them one, would say something"
    )


def test_estimators_ask_for_the_judge_s_counts() -> None:
    with pytest.raises(InputError, match="num_flagged of num_positive"):
        estimate("judge_corrected@1", [{"score": 1.0}])


def test_clusters_of_one_are_wilson_and_whole_clusters_count_once() -> None:
    one = clustered_wilson_interval([(1, 1)] * 30 + [(0, 1)] * 70)
    assert one == pytest.approx(wilson_interval(30, 100), abs=4e-3)
    alike = clustered_wilson_interval([(10, 10)] * 6 + [(0, 10)] * 14)
    low, high = wilson_interval(6, 20)
    assert alike[0] == pytest.approx(low, abs=0.03)
    assert alike[1] == pytest.approx(high, abs=0.03)
    assert clustered_wilson_interval([(0, 10)] * 20) == wilson_interval(0, 20)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clustered_intervals_cover_where_wilson_does_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    covered = plain = 0
    tries = 400
    for _ in range(tries):
        rates = rng.beta(1, 3, size=30)
        hits = rng.binomial(20, rates)
        low, high = clustered_wilson_interval([(int(h), 20) for h in hits])
        covered += low <= 0.25 <= high
        low, high = wilson_interval(int(hits.sum()), 600)
        plain += low <= 0.25 <= high
    assert 0.92 <= covered / tries <= 0.99
    assert plain / tries < 0.75


def test_pass_at_k_equals_the_share_of_draws_with_a_right_one() -> None:
    for right, n, k in ((2, 6, 3), (0, 4, 2), (4, 4, 1), (1, 5, 5)):
        draws = list(itertools.combinations([1] * right + [0] * (n - right), k))
        assert pass_at_k(right, n, k) == pytest.approx(sum(any(d) for d in draws) / len(draws))
    with pytest.raises(InputError):
        pass_at_k(1, 3, 4)


def test_the_commonest_answer_decides_and_ties_are_shared() -> None:
    rng = np.random.default_rng(0)
    assert cons_at_k([("a", 1.0), ("a", 1.0), ("b", 0.0)], 3, rng=rng) == 1.0
    assert cons_at_k([("a", 1.0), ("b", 0.0)], 2, rng=rng) == 0.5
    rows = [{"score": s, "cluster": "i", "group": g} for g, s in (("a", 1.0), ("a", 1.0), ("b", 0.0), ("c", 0.0))]
    assert estimate("cons_at_k@1", rows, params={"k": 4}).value == 1.0
    assert estimate("pass_at_k@1", rows, params={"k": 1}).value == pytest.approx(0.5)
    short = estimate("pass_at_k@1", rows, params={"k": 9})
    assert (short.value, short.n) == (None, 4)


@pytest.mark.parametrize(
    ("low", "high", "better", "finding"),
    [(-0.04, 0.1, "higher", "non_inferior"), (-0.2, -0.06, "higher", "inferior"), (-0.2, 0.1, "higher", "inconclusive"),
     (-0.1, 0.04, "lower", "non_inferior"), (None, None, "higher", "inconclusive")],
)  # fmt: skip
def test_non_inferiority_is_read_from_the_limit_on_the_bad_side(
    low: float | None, high: float | None, better: str, finding: str
) -> None:
    metric = Metric(value=0.0, low=low, high=high, n=10, estimator="paired_difference@1", unit="difference")
    assert non_inferiority(metric, margin=0.05, better=better).finding == finding  # type: ignore[arg-type]


def test_the_permutation_test_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    few = rng.normal(0.5, 1, size=11)

    def mean(x: np.ndarray, axis: int = 0) -> np.ndarray:
        return x.mean(axis=axis)

    exact = scipy_stats.permutation_test((few,), mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert permutation_test(few.tolist()) == pytest.approx(exact)
    many = rng.normal(0.2, 1, size=80)
    t = scipy_stats.ttest_1samp(many, 0).pvalue
    assert permutation_test(many.tolist()) == pytest.approx(t, abs=0.03)
    assert permutation_test([0.0, 0.0]) == 1.0
    assert permutation_test([1.0, 1.0, 1.0, 1.0], clusters=["a", "a", "b", "b"]) == 0.5


def test_permutation_rejects_a_true_null_at_its_rate() -> None:
    rng = np.random.default_rng(1)
    found = [permutation_test(rng.normal(size=12).tolist()) <= 0.05 for _ in range(400)]
    assert abs(np.mean(found) - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 400)
