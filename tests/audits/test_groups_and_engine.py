"""The engine: counts add up, the bootstrap on counts is that of rows, and the frame says what fairlearn's would."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score

from precepts.audits import GroupMetrics, confusion_counts
from precepts.audits.confusion import merge
from precepts.audits.multicalibration import multicalibration_error
from precepts.errors import InputError
from precepts.stats.bootstrap import bca_interval
from precepts.stats.calibration_curve import cumulative_error
from precepts.stats.confusion import (
    MEASURES,
    confusion_replicates,
    measure_counts,
    quantiles_of,
    range_interval,
    range_of_rates,
)

pd = pytest.importorskip("pandas")


def _table(rng, n=600):
    a, b = rng.integers(0, 3, n), rng.integers(0, 2, n)
    truth = rng.integers(0, 2, n)
    act = np.where(rng.random(n) < 0.25 + 0.1 * a, 1 - truth, truth)
    return pl.DataFrame({"a": a.astype(str), "b": b, "outcome": truth, "decision": act})


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_measures_are_those_of_scikit_learn_group_by_group(seed):
    table = _table(np.random.default_rng(seed))
    metrics = {"accuracy": accuracy_score, "precision": precision_score, "recall": recall_score, "f1": f1_score,
               "balanced": balanced_accuracy_score}  # fmt: skip
    found = GroupMetrics(
        metrics=metrics, y_true=table["outcome"], y_pred=table["decision"], sensitive_features=table.select("a", "b")
    )
    assert found.paths == {**dict.fromkeys(metrics, "cells"), "balanced": "rows"}
    for (a, b), row in found.by_group.iterrows():
        mine = table.filter((pl.col("a") == a) & (pl.col("b").cast(pl.String) == b))
        for name, metric in metrics.items():
            assert row[name] == pytest.approx(
                metric(mine["outcome"].to_numpy(), mine["decision"].to_numpy()), abs=1e-12
            )
    for name, metric in metrics.items():
        assert found.overall[name] == pytest.approx(metric(table["outcome"].to_numpy(), table["decision"].to_numpy()))
    by_group = found.by_group
    pd.testing.assert_series_equal(found.difference(), by_group.max() - by_group.min())
    pd.testing.assert_series_equal(found.ratio(), by_group.min() / by_group.max())
    pd.testing.assert_series_equal(found.difference("to_overall"), (by_group - found.overall).abs().max())


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40),
    st.integers(1, 39),
)
def test_counts_of_parts_add_up_to_those_of_the_whole(rows, cut):
    frame = pl.DataFrame(rows, schema=["g", "outcome", "decision"], orient="row")
    whole = confusion_counts(frame, groups=["g"])
    parts = [part for part in (frame[:cut], frame[cut:]) if len(part)]
    merged = merge(confusion_counts(part, groups=["g"]) for part in parts)
    assert merged.keys.equals(whole.keys)
    np.testing.assert_array_equal(merged.counts, whole.counts)


def test_the_bootstrap_on_counts_is_that_of_rows():
    rng = np.random.default_rng(0)
    table = _table(rng, 300)
    counts = confusion_counts(table, groups=["a"]).counts
    names = ("accuracy", "precision", "true_positive_rate")
    drawn = confusion_replicates(counts, names, replicates=4000, seed=1)
    codes, truth, act = table["a"].cast(pl.Int64).to_numpy(), table["outcome"].to_numpy(), table["decision"].to_numpy()
    rows = []
    for _ in range(4000):
        k = rng.integers(0, 300, 300)
        flat = np.bincount(codes[k] * 4 + truth[k] * 2 + act[k], minlength=12).reshape(3, 4)
        rows.append(measure_counts(flat.astype(float), names))
    for share in (0.025, 0.5, 0.975):
        np.testing.assert_allclose(
            np.quantile(drawn.groups, share, axis=0), np.quantile(rows, share, axis=0), atol=0.02
        )


def test_bca_on_counts_is_bca_on_rows():
    counts = np.array([[30.0, 5.0, 4.0, 11.0]])
    drawn = confusion_replicates(counts, ("precision",), replicates=3000, seed=2)
    found = quantiles_of(drawn.groups, (0.025, 0.975), counts=counts, names=("precision",), method="bca")[:, 0, 0]
    rows = [(1.0, 1.0)] * 11 + [(0.0, 1.0)] * 5 + [(0.0, 0.0)] * 34
    top, bottom = np.array(rows).T
    jackknife = (top.sum() - top) / (bottom.sum() - bottom)
    expected = bca_interval(drawn.groups[:, 0, 0], value=11 / 16, jackknife=jackknife, level=0.95)
    assert tuple(found) == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_range_of_equal_groups_holds_zero_at_its_level(seed):
    rng, held, quantile_held, runs = np.random.default_rng(seed), 0, 0, 200
    for _ in range(runs):
        yes = rng.binomial(200, 0.3, 5).astype(float)
        counts = np.stack([200 - yes, yes, np.zeros(5), np.zeros(5)], axis=1)
        drawn = confusion_replicates(counts, ("selection_rate",), replicates=300, seed=int(rng.integers(1 << 30)))
        _, low, _ = range_interval(yes / 200, drawn.groups[:, :, 0], level=0.95)
        held += low <= 0
        quantile_held += np.quantile(np.ptp(drawn.groups[:, :, 0], axis=1), 0.025) <= 0
    assert held / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert quantile_held == 0  # quantiles of replicated ranges never hold it


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("sizes", [(200, 200, 200, 200, 1), (200, 200, 200, 5, 3), (20,) * 5, (200,) * 5])
def test_the_range_of_equal_groups_holds_zero_however_small_they_are(sizes, seed):
    rng, n, runs = np.random.default_rng(seed), np.array(sizes), 150
    for rate in (0.1, 0.4):
        held = 0
        for yes in rng.binomial(n, rate, (runs, len(n))).astype(float):
            counts = np.stack([n - yes, yes, 0 * yes, 0 * yes], axis=1)
            held += range_of_rates(counts, "selection_rate", level=0.95, draws=400, seed=seed)[1] <= 0
        assert held / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_frame_with_a_group_of_one_row_does_not_call_it_unlike_the_others():
    outcome, group = [0, 0, 0, 1] * 50 + [1], ["a", "b"] * 100 + ["one"]
    found = GroupMetrics(
        metrics={"rate": "selection_rate", "slow": lambda y, p: float(np.mean(p))}, y_true=outcome, y_pred=outcome,
        sensitive_features=pd.Series(group), n_boot=200, ci_quantiles=[0.025, 0.975],
    )  # fmt: skip
    limits = found.difference_interval()
    assert limits.loc["rate", "difference"] == limits.loc["slow", "difference"] == 1.0
    assert limits.loc["rate", "low"] < 0.6  # with two rates of 0 and 0.5, one row of 1 says little
    assert found.paths == {"rate": "cells", "slow": "rows"}


def test_the_range_of_a_ratio_that_is_a_function_of_a_rate_and_of_one_group():
    counts = np.array([[50.0, 5, 5, 40], [50, 10, 10, 30], [3, 0, 0, 0]])
    value, low, high = range_of_rates(counts, "f1", level=0.95)
    assert value == pytest.approx(40 / 45 - 30 / 40)
    assert 0 <= low < value < high <= 1
    assert all(math.isnan(one) for one in range_of_rates(counts[2:], "f1", level=0.95))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_range_of_unequal_groups_is_covered(seed):
    rng, held, runs = np.random.default_rng(seed), 0, 200
    rates = np.array([0.1, 0.3, 0.35, 0.5])
    for _ in range(runs):
        yes = rng.binomial(150, rates).astype(float)
        counts = np.stack([150 - yes, yes, np.zeros(4), np.zeros(4)], axis=1)
        drawn = confusion_replicates(counts, ("selection_rate",), replicates=300, seed=int(rng.integers(1 << 30)))
        _, low, high = range_interval(yes / 150, drawn.groups[:, :, 0], level=0.95)
        held += low <= 0.4 <= high
    assert held / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_group_without_positives_groups_of_one_and_missing_groups_stay_in_the_frame():
    frame = {"g": ["a", "a", "b", None, float("nan")], "outcome": [0, 0, 1, 1, 0], "decision": [0, 1, 1, 0, 0]}
    found = GroupMetrics(
        metrics={name: name for name in MEASURES}, y_true=frame["outcome"], y_pred=frame["decision"],
        sensitive_features=pd.Series(frame["g"], name="g"), n_boot=20, ci_quantiles=[0.1, 0.9], ci_method="bca",
    )  # fmt: skip
    assert list(found.by_group.index) == ["(missing)", "a", "b"]
    assert math.isnan(found.by_group.loc["a", "true_positive_rate"])
    assert found.by_group.loc["b", "accuracy"] == 1
    low, high = found.by_group_ci
    assert (low["accuracy"].dropna() <= high["accuracy"].dropna()).all()
    assert set(found.difference_interval().columns) == {"difference", "low", "high"}


def test_fifty_thousand_groups_are_counted_and_none_is_dropped():
    rng, n = np.random.default_rng(0), 100_000
    codes = rng.integers(0, 50_000, n)
    table = pl.DataFrame({"g": codes, "outcome": rng.integers(0, 2, n), "decision": rng.integers(0, 2, n)})
    found = confusion_counts(table, groups=["g"])
    assert len(found.counts) == len(np.unique(codes))
    assert found.counts.sum() == n
    drawn = confusion_replicates(found.counts, ("accuracy",), replicates=5)
    assert drawn.groups.shape == (5, len(found.counts), 1)


def test_labels_as_words_and_columns_of_other_lengths_are_told():
    with pytest.raises(InputError, match="positive"):
        GroupMetrics(metrics="accuracy", y_true=["yes", "no"], y_pred=["yes", "no"], sensitive_features=["a", "b"])
    with pytest.raises(InputError, match="differ in length"):
        GroupMetrics(metrics="accuracy", y_true=[1, 0, 1], y_pred=[1, 0], sensitive_features=["a", "b"])
    with pytest.raises(InputError, match="no measure"):
        GroupMetrics(metrics="acuracy", y_true=[1], y_pred=[1], sensitive_features=["a"])


@pytest.mark.parametrize("tied", [False, True])
def test_the_error_of_each_segment_is_that_of_its_rows(tied):
    rng = np.random.default_rng(3)
    score = rng.uniform(0.05, 0.95, 500)
    score = np.round(score, 1) if tied else score
    frame = pl.DataFrame({"a": rng.integers(0, 3, 500), "b": rng.integers(0, 2, 500), "score": score,
                          "outcome": (rng.random(500) < score).astype(int)})  # fmt: skip
    found = multicalibration_error(frame, groups=["a", "b"])
    assert found.num_segments == 1 + 3 + 2 + 6
    for segment in found.segments:
        mine = frame.filter(*[pl.col(name).cast(pl.String) == value for name, value in segment.values.items()])
        alone = cumulative_error(mine["score"].to_numpy(), mine["outcome"].to_numpy().astype(float), np.ones(len(mine)))
        assert segment.n == len(mine)
        assert (segment.range, segment.sigmas) == pytest.approx((alone.range, alone.range / alone.sigma), rel=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_segment_that_is_over_predicted_is_found_and_a_calibrated_score_is_not(seed):
    rng, n = np.random.default_rng(seed), 20_000
    frame = {"a": rng.integers(0, 4, n), "b": rng.integers(0, 3, n), "score": rng.beta(2, 5, n)}
    right = pl.DataFrame({**frame, "outcome": (rng.random(n) < frame["score"]).astype(int)})
    assert multicalibration_error(right, groups=["a", "b"]).p > 0.01
    off = frame["score"] - 0.12 * ((frame["a"] == 2) & (frame["b"] == 1))
    wrong = pl.DataFrame({**frame, "outcome": (rng.random(n) < off).astype(int)})
    found = multicalibration_error(wrong, groups=["a", "b"])
    assert found.p < 1e-4
    assert found.worst.values == {"a": "2", "b": "1"}


def test_replicates_without_a_row_of_the_measure_do_not_bias_bca():
    counts = np.array([[20.0, 1, 5, 1], [400, 20, 100, 20]])
    drawn = confusion_replicates(counts, ("precision",), replicates=4000, seed=0).groups
    assert 0.05 < np.isnan(drawn[:, 0, 0]).mean() < 0.3
    kept = drawn[~np.isnan(drawn[:, 0, 0])]
    shares = (0.025, 0.5, 0.975)
    every, some = (
        quantiles_of(one[:, :1], shares, counts=counts[:1], names=("precision",), method="bca") for one in (drawn, kept)
    )
    assert every == pytest.approx(some)
