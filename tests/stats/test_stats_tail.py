"""goodness@k by hand, its bounds, and the simulation that says which way each method errs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.errors import InputError
from precepts.stats import estimate, goodness, worst_mean


def rows_of(scores: np.ndarray) -> list[dict[str, object]]:
    """Rows of scores of shape (prompts, techniques, samples)."""
    return [
        {"score": float(s), "cluster": f"p{p}", "group": f"t{t}", "fold": e}
        for p, by_technique in enumerate(scores) for t, samples in enumerate(by_technique) for e, s in enumerate(samples)
    ]  # fmt: skip


def test_by_hand_the_worst_tenth_of_eleven_is_two_rounded_up() -> None:
    scores = {f"t{n}": n / 10 for n in range(11)}
    assert worst_mean(scores, scores, k=0.1) == pytest.approx(0.05)
    assert worst_mean(scores, scores, k=0.01) == 0.0
    assert worst_mean(scores, scores, k=1.0) == pytest.approx(0.5)


def test_techniques_tied_at_the_border_share_what_is_left() -> None:
    chosen = {"a": 0.0, "b": 0.5, "c": 0.5, "d": 1.0}
    scored = {"a": 0.2, "b": 0.0, "c": 1.0, "d": 1.0}
    assert worst_mean(chosen, scored, k=0.5) == pytest.approx((0.2 + 0.5) / 2)


def test_cross_fitting_scores_on_the_samples_that_did_not_choose() -> None:
    samples = {"a": [("0", 0.0), ("1", 1.0)], "b": [("0", 1.0), ("1", 0.0)]}
    assert goodness(samples, k=0.5, crossfit=True) == 1.0  # each is worst in one half and at its best in the other
    assert goodness(
        {"a": [("0", 0.0), ("1", 0.2)], "b": [("0", 1.0), ("1", 1.0)]}, k=0.5, crossfit=True
    ) == pytest.approx(0.1)


def test_one_sample_cannot_be_cross_fitted_and_has_no_value() -> None:
    rows = rows_of(np.zeros((3, 4, 1)))
    found = estimate("goodness_at_k@1", rows)
    assert (found.value, found.n, found.n_unscored) == (None, 12, 0)
    assert estimate("goodness_at_k@1", rows, params={"method": "plugin"}).value == 0.0


def test_a_technique_without_a_score_does_not_count_as_applied() -> None:
    rows = rows_of(np.ones((1, 10, 2)))
    lost = [{**row, "score": None} if row["group"] == "t0" else row for row in rows]
    found = estimate("goodness_at_k@1", lost)
    assert (found.value, found.n, found.n_unscored) == (1.0, 18, 2)


def test_every_row_names_its_technique() -> None:
    with pytest.raises(InputError, match="group"):
        estimate("goodness_at_k@1", [{"score": 1.0, "cluster": "p"}])


@given(
    st.lists(
        st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2, max_size=2), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    ),
    st.randoms(),
)
def test_bounds_order_and_k_of_one(scores: list[list[list[float]]], order: object) -> None:
    table = np.array(scores)
    rows = rows_of(table)
    value = estimate("goodness_at_k@1", rows, params={"resamples": 50}).value
    whole = estimate("goodness_at_k@1", rows, params={"k": 1.0, "resamples": 50}).value
    plugin = estimate("goodness_at_k@1", rows, params={"method": "plugin", "resamples": 50}).value
    assert None not in (value, whole, plugin)
    assert 0 <= value <= 1
    assert whole == pytest.approx(table.mean())
    assert plugin <= whole + 1e-12
    order.shuffle(rows)  # type: ignore[attr-defined]
    assert estimate("goodness_at_k@1", rows, params={"resamples": 50}).value == pytest.approx(value)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_truth_lies_between_the_plug_in_below_and_the_cross_fit_above(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth_PT = rng.beta(4, 1, size=(400, 30))
    truth = float(np.sort(truth_PT, axis=1)[:, :3].mean())
    scores = (rng.random((400, 30, 4)) < truth_PT[..., None]).astype(float)
    found = {
        m: estimate("goodness_at_k@1", rows_of(scores), params={"method": m, "resamples": 200})
        for m in ("crossfit", "plugin")
    }
    assert None not in (found["plugin"].high, found["crossfit"].low)
    assert found["plugin"].high < truth < found["crossfit"].low
    # Where every technique is equally good there is no worst one to find: cross-fitting is unbiased, the plug-in far off.
    flat = (rng.random((400, 30, 2)) < 0.8).astype(float)
    level = {
        m: estimate("goodness_at_k@1", rows_of(flat), params={"method": m, "resamples": 200})
        for m in ("crossfit", "plugin")
    }
    fit, plugin = level["crossfit"], level["plugin"]
    assert None not in (fit.low, fit.high, plugin.value)
    assert fit.low - 0.02 < 0.8 < fit.high + 0.02
    assert plugin.value < 0.35


def test_a_model_is_paired_with_itself_at_zero_and_with_a_worse_one_above() -> None:
    rng = np.random.default_rng(5)
    scores = (rng.random((50, 12, 4)) < 0.7).astype(float)
    same = [{**row, "score_b": row["score"]} for row in rows_of(scores)]
    assert estimate("paired_goodness_at_k@1", same).value == 0.0
    worse = [{**row, "score_b": 0.0} for row in rows_of(scores)]
    found = estimate("paired_goodness_at_k@1", worse)
    assert found.value == pytest.approx(estimate("goodness_at_k@1", rows_of(scores)).value)
