"""Bootstrap intervals against scipy, by hand, and by simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from precepts.errors import InputError
from precepts.stats import bca_interval, bootstrap, estimate, percentile_interval
from precepts.stats.bootstrap import bca_of_mean, cluster_bootstrap_of_mean, mean_replicates, percentile_of_mean

SKEWED = np.random.default_rng(3).gamma(2, size=40)


def rows_of(values, **columns):
    return [{"score": value, **{name: column[i] for name, column in columns.items()}} for i, value in enumerate(values)]


@pytest.mark.parametrize(("name", "method"), [("percentile@1", "percentile"), ("bca@1", "BCa")])
def test_interval_of_a_skewed_mean_equals_scipys(name, method):
    theirs = scipy_stats.bootstrap((SKEWED,), np.mean, n_resamples=20_000, method=method, rng=5).confidence_interval
    ours = estimate(name, rows_of(SKEWED), params={"resamples": 20_000}, seed=1)
    assert ours.value == pytest.approx(SKEWED.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05)


def test_generic_bootstrap_equals_scipys_for_a_median_ratio():
    def statistic(data):
        return float(np.median(data))

    theirs = scipy_stats.bootstrap((SKEWED,), np.median, n_resamples=4000, method="percentile", rng=2)
    ours = bootstrap(statistic, SKEWED, seed=1, resamples=4000, method="percentile")
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval), abs=0.06)
    assert float(ours.replicates.std(ddof=1)) == pytest.approx(theirs.standard_error, rel=0.1)


def test_generic_bootstrap_of_the_mean_equals_the_vectorised_one():
    generic = bootstrap(lambda data: float(data.mean()), SKEWED, seed=1, resamples=5000)
    assert generic.interval == pytest.approx(bca_of_mean(SKEWED, resamples=5000, seed=2, level=0.95), abs=0.06)


def test_generic_cluster_bootstrap_equals_the_vectorised_one():
    clusters = list(np.repeat(np.arange(20), 2))
    generic = bootstrap(lambda data: float(data.mean()), SKEWED, seed=1, resamples=5000, clusters=clusters)
    ours = cluster_bootstrap_of_mean(SKEWED, clusters, resamples=5000, seed=2, level=0.95)
    assert generic.interval == pytest.approx(ours, abs=0.08)


def test_strata_keep_their_sizes():
    data = np.array([[0.0], [0.0], [0.0], [1.0]])
    found = bootstrap(lambda rows: float(rows.mean()), data, seed=0, resamples=50, strata=["a", "a", "a", "b"])
    assert (found.replicates == 0.25).all()
    assert found.interval is None


def test_bootstrap_refuses_a_cluster_in_two_strata_and_columns_of_another_length():
    data = np.zeros(3)
    with pytest.raises(InputError, match="more than one stratum"):
        bootstrap(np.sum, data, seed=0, clusters=[1, 1, 2], strata=["a", "b", "b"])
    with pytest.raises(InputError, match="one for each of 3 rows"):
        bootstrap(np.sum, data, seed=0, clusters=[1])
    with pytest.raises(InputError, match="at least one row"):
        bootstrap(np.sum, np.zeros(0), seed=0)


def test_bca_without_bias_and_skew_is_percentile():
    replicates = np.random.default_rng(0).permutation(np.linspace(-1, 1, 2001))
    symmetric = np.array([-1.0, 0.0, 1.0])
    assert bca_interval(replicates, value=0.0, jackknife=symmetric) == pytest.approx(
        percentile_interval(replicates), abs=1e-9
    )


def test_bca_by_hand():
    """Limits are order statistics at Φ(z0 + (z0 + z) / (1 - a (z0 + z))); Efron and Tibshirani 1993, eq. 14.10."""
    replicates = np.linspace(0, 1, 10_001)
    jackknife = np.array([0.0, 0.0, 0.0, 4.0])
    normal = scipy_stats.norm
    bias = normal.ppf(0.4)
    deviations = jackknife.mean() - jackknife
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    wanted = [
        normal.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (normal.ppf(0.025), normal.ppf(0.975))
    ]
    found = bca_interval(replicates, value=0.4, jackknife=jackknife)
    assert found == pytest.approx(tuple(wanted), abs=2e-4)


@pytest.mark.parametrize("name", ["percentile@1", "bca@1", "cluster_bootstrap@1"])
@pytest.mark.parametrize("values", [[1, 1, 1, 1], [0.1] * 7, [0.3]])
def test_scores_that_do_not_vary_have_a_value_and_no_interval(name, values):
    found = estimate(name, rows_of(values, cluster=range(len(values))))
    assert found.value == pytest.approx(values[0])
    assert (found.low, found.high) == (None, None)


def test_undefined_replicates_widen_the_interval_until_there_is_none():
    replicates = np.arange(1000.0)
    whole = percentile_interval(replicates)
    some = replicates.copy()
    some[:10] = math.nan
    low, high = percentile_interval(some)
    assert low <= whole[0] + 10
    assert high > whole[1]
    some[:60] = math.nan
    assert percentile_interval(some) is None


def test_mean_replicates_have_one_law_whether_drawn_by_count_or_by_row():
    values = np.repeat([0.0, 0.25, 1.0], [30, 20, 10])
    nudged = values + np.arange(60) * 1e-9
    by_count = mean_replicates(values, resamples=20_000, rng=np.random.default_rng(0))
    by_row = mean_replicates(np.concatenate([nudged, nudged + 5e-10]), resamples=1, rng=np.random.default_rng(1))
    assert by_row.shape == (1,)
    assert by_count.mean() == pytest.approx(values.mean(), abs=0.002)
    assert by_count.std() == pytest.approx(values.std() / math.sqrt(60), rel=0.03)
    many = np.random.default_rng(2).normal(size=(300, 2))
    drawn = mean_replicates(many, resamples=8000, rng=np.random.default_rng(3))
    assert drawn.shape == (8000, 2)
    assert np.cov(drawn.T) == pytest.approx(np.cov(many.T, ddof=0) / 300, abs=2e-4)


def test_one_cluster_has_no_interval_and_a_missing_cluster_is_an_error():
    assert estimate("cluster_bootstrap@1", rows_of([0, 1, 1], cluster=["x"] * 3)).low is None
    with pytest.raises(InputError, match="cluster"):
        estimate("cluster_bootstrap@1", rows_of([0, 1], cluster=["x", None]))


def test_clusters_of_one_row_give_the_row_bootstrap_and_copied_rows_do_not_narrow_it():
    plain = estimate("bca@1", rows_of(SKEWED), params={"resamples": 8000})
    single = estimate("cluster_bootstrap@1", rows_of(SKEWED, cluster=range(40)), params={"resamples": 8000}, seed=1)
    assert (single.low, single.high) == pytest.approx((plain.low, plain.high), abs=0.06)
    tenfold = rows_of(np.repeat(SKEWED, 10), cluster=np.repeat(np.arange(40), 10))
    copied = estimate("cluster_bootstrap@1", tenfold, params={"resamples": 8000}, seed=1)
    assert (copied.low, copied.high) == pytest.approx((single.low, single.high))
    assert copied.n == 400
    naive = estimate("bca@1", tenfold)
    assert naive.high - naive.low < 0.5 * (copied.high - copied.low)


@pytest.mark.parametrize(("interval", "floor"), [(percentile_of_mean, 0.90), (bca_of_mean, 0.915)])
def test_intervals_of_a_skewed_mean_cover(interval, floor):
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(300):
        low, high = interval(rng.beta(1, 4, size=50), resamples=500, seed=trial, level=0.95)
        covered += low <= 0.2 <= high
    assert floor < covered / 300 <= 0.99


def test_cluster_bootstrap_covers_where_the_row_bootstrap_does_not():
    rng = np.random.default_rng(12)
    clusters = np.repeat(np.arange(40), 8)
    covered, naive_covered = 0, 0
    for trial in range(200):
        values = np.repeat(rng.normal(size=40), 8) + rng.normal(size=320)
        low, high = cluster_bootstrap_of_mean(values, clusters, resamples=300, seed=trial, level=0.95)
        covered += low <= 0 <= high
        low, high = bca_of_mean(values, resamples=300, seed=trial, level=0.95)
        naive_covered += low <= 0 <= high
    assert covered / 200 > 0.89
    assert naive_covered / 200 < 0.75


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 200])
def test_bca_of_a_skewed_mean_covers_at_many_sizes(n):
    rng = np.random.default_rng(n)
    covered = 0
    for trial in range(4000):
        low, high = bca_of_mean(rng.beta(1, 4, size=n), resamples=2000, seed=trial, level=0.95)
        covered += low <= 0.2 <= high
    assert (0.90 if n == 20 else 0.93) < covered / 4000 < 0.965
