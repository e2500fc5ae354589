"""What holds for every registered estimator, and the registry itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.stats import estimate, estimator, estimators
from precepts.stats.registry import _ESTIMATORS

BIT = st.integers(0, 1)
ROW = st.fixed_dictionaries(
    {
        "score": BIT,
        "score_b": BIT,
        "score_c": BIT,
        "score_d": BIT,
        "score_e": BIT,
        "seed": st.integers(0, 2),
        "label": BIT,
        "cluster": st.integers(0, 5),
        "arm": st.sampled_from("ab"),
        "group": st.sampled_from("tuv"),
        "fold": BIT,
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=40)
FAST = {"resamples": 60}
NEEDED = {
    "judge_corrected@1": {"num_flagged": 27, "num_positive": 30, "num_passed": 24, "num_negative": 30},
    "group_cost@1": {"costs": [1.0]},
    "crossed_matched_size@1": {"sizes": {"b": 10.0, "c": 100.0}},
}
BOUNDS = {"rate": (0, 1), "auc": (0, 1), "mean": (0, 1), "difference": (-1, 1)}
PICKS = {"trade_off@2", "pooled_rate@1"}
"""Estimators that count the rows of one arm or group alone; their own tests hold their counts."""
EVERY = [name for name in estimators() if not name.startswith("test_") and name not in PICKS]


def run(name, rows, **options):
    params = NEEDED.get(name, {}) | (FAST if "resamples" in _ESTIMATORS[name].params else {})
    return estimate(name, rows, params=params, seed=7, **options)


def test_the_estimators_promised_are_there():
    promised = """wilson newcombe paired_difference percentile bca cluster_bootstrap auc paired_auc balanced_accuracy
        paired_balanced_accuracy dprime criterion pgr"""
    assert {f"{name}@1" for name in promised.split()} <= set(estimators())


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=15)
@given(rows=ROWS)
def test_values_and_limits_are_in_bounds_and_counts_add_up(name, rows):
    found = run(name, rows)
    assert found.estimator == name
    assert (found.n, found.n_unscored) == (len(rows), 0)
    assert (found.low is None) == (found.high is None)
    low, high = BOUNDS.get(found.unit, (-math.inf, math.inf))
    if found.value is None:
        assert found.low is None
    else:
        assert low - 1e-12 <= found.value <= high + 1e-12
    if found.low is not None:
        assert low <= found.low <= found.high <= high


def test_two_rates_of_two_rows_lie_no_further_apart_than_one():
    rows = [{"score": score, "arm": arm} for score in (0, 1) for arm in "ab"]
    found = estimate("dispersion@1", rows)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=15)
@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_moves_nothing(name, rows, data):
    assert run(name, data.draw(st.permutations(rows))) == run(name, rows)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=15)
@given(rows=ROWS, bad=st.lists(st.tuples(ROW, st.sampled_from([None, math.nan])), max_size=10))
def test_unscored_rows_are_counted_and_move_nothing(name, rows, bad):
    unscored = [{**row, "score": score} for row, score in bad]
    clean, dirty = run(name, rows), run(name, unscored + rows)
    assert dirty.n_unscored == len(bad)
    assert dirty.model_copy(update={"n_unscored": 0}) == clean


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("num_unscored", [0, 3])
def test_no_scored_row_has_no_value(name, num_unscored):
    row = {
        "score": None,
        "score_b": 1,
        "score_c": 1,
        "score_d": 1,
        "score_e": 1,
        "label": 1,
        "cluster": 1,
        "arm": "a",
        "group": "t",
        "fold": 0,
    }
    found = run(name, [row] * num_unscored)
    assert (found.value, found.low, found.high, found.n, found.n_unscored) == (None, None, None, 0, num_unscored)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=10)
@given(rows=ROWS)
def test_a_higher_level_never_narrows(name, rows):
    narrow, wide = run(name, rows, level=0.8), run(name, rows, level=0.99)
    assert narrow.value == wide.value
    if narrow.low is not None and wide.low is not None:
        assert wide.low <= narrow.low + 1e-9
        assert wide.high >= narrow.high - 1e-9


@pytest.mark.parametrize("name", ["percentile@1", "bca@1", "paired_difference@1", "cluster_bootstrap@1"])
def test_fractional_scores_in_any_order_give_identical_numbers(name):
    rows = [{"score": 0.1 * (i % 7) + i / 97, "score_b": i / 89, "cluster": i % 9} for i in range(90)]
    assert run(name, rows[::-1]) == run(name, rows)


def test_the_seed_decides_and_is_all_that_decides():
    rows = [{"score": i / 97} for i in range(97)]
    assert estimate("bca@1", rows, seed=1) == estimate("bca@1", rows, seed=1)
    assert estimate("bca@1", rows, seed=1) != estimate("bca@1", rows, seed=2)


def test_an_unknown_estimator_is_answered_with_those_that_exist():
    with pytest.raises(InputError, match=r"'wilson'.*wilson@1"):
        estimate("wilson", [])


def test_an_unknown_option_is_named_and_a_selection_option_is_accepted():
    with pytest.raises(InputError, match=r"resample;.*resamples"):
        estimate("bca@1", [], params={"resample": 10})
    assert estimate("wilson@1", [{"score": 1}], params={"score": "scores.refused", "join": "id"}).value == 1


@pytest.mark.parametrize(
    ("name", "params", "level"),
    [("bca@1", {"resamples": "many"}, 0.95), ("paired_difference@1", {"method": "guess"}, 0.95), ("wilson@1", {}, 95)],
)
def test_an_impossible_option_is_refused(name, params, level):
    with pytest.raises(InputError):
        estimate(name, [{"score": 1, "score_b": 0}], params=params, level=level)


def test_a_name_is_registered_once():
    with pytest.raises(AssertionError, match="twice"):
        estimator("wilson", version=1)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([{"scores": 1}], "No row has the key `score`"),
        ([{"score": 1}, {"score": 0.5}], "Row 2: `score` must be 0 or 1"),
        ([{"score": "yes"}], "Row 1: `score` must be a number"),
    ],
)
def test_rows_that_an_estimator_cannot_read_are_named(rows, match):
    with pytest.raises(InputError, match=match):
        estimate("wilson@1", rows)


def test_an_infinite_score_has_no_mean_and_true_counts_as_one():
    with pytest.raises(InputError, match="finite"):
        estimate("bca@1", [{"score": math.inf}])
    assert estimate("wilson@1", [{"score": True}, {"score": False}]).value == 0.5


def test_a_label_word_asks_for_the_option_positive():
    with pytest.raises(InputError, match="positive"):
        estimate("auc@1", [{"label": "refuse", "score": 1}])
