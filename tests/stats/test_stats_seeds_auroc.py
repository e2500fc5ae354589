"""AUROC over seeds and rows: against scikit-learn with ties and weights, PGR by hand, coverage in simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from precepts.errors import InputError
from precepts.stats import estimate
from precepts.stats.seeds_auroc import weighted_auroc


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 3)), min_size=4, max_size=40).filter(
        lambda rows: len({label for _, label, weight in rows if weight}) == 2
    )
)
def test_it_is_scikit_learns_with_ties_and_weights(rows):
    score, label, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert weighted_auroc(score, label, weight[None])[0] == pytest.approx(
        roc_auc_score(label, score, sample_weight=weight)
    )


def test_without_a_row_of_a_label_it_is_not_a_number():
    assert np.isnan(weighted_auroc(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.ones((1, 2)))[0])


def simulated(rng, shifts, seeds=6, rows=80):
    labels = np.arange(rows) % 2
    hard = rng.normal(size=rows)
    return [
        {
            "seed": s, "cluster": str(n), "label": int(labels[n]),
            **{name: float(shift * labels[n] + 0.7 * hard[n] + 0.7 * rng.normal()) for name, shift in shifts.items()},
        }
        for s in range(seeds)
        for n in range(rows)
    ]  # fmt: skip


def test_the_mean_over_seeds_is_the_mean_of_scikit_learns_in_any_order():
    rows = simulated(np.random.default_rng(0), {"score": 1.0})
    found = estimate("crossed_auroc@1", rows)
    by_seed = [
        roc_auc_score([r["label"] for r in rows if r["seed"] == s], [r["score"] for r in rows if r["seed"] == s])
        for s in range(6)
    ]
    assert found.value == pytest.approx(np.mean(by_seed))
    assert estimate("crossed_auroc@1", rows[::-1]) == found
    assert estimate("crossed_auroc@1", [*rows, {**rows[0], "score": None}]).n_unscored == 1


def test_pgr_by_hand():
    labels = [0, 0, 1, 1]
    arms = {"score_b": [0, 3, 1, 2], "score": [0, 2, 1, 3], "score_c": [0, 1, 2, 3]}  # AUROC 0.5, 0.75, 1
    rows = [
        {"seed": s, "cluster": f"{k}-{n}", "label": labels[n], **{name: values[n] + 10 * k for name, values in arms.items()}}
        for s in (0, 1) for k in (0,) for n in range(4)
    ]  # fmt: skip
    assert estimate("crossed_auroc_pgr@1", rows, params={"min_gap_errors": 0}).value == pytest.approx(0.5)
    assert estimate("crossed_auroc_pgr@1", rows, params={"margin": 0.6}).value is None
    with pytest.raises(InputError, match="above 0"):
        estimate("crossed_auroc_pgr@1", rows, params={"margin": 0})


@pytest.mark.parametrize("start", [0, 100, 200])
def test_intervals_cover(start):
    from statistics import NormalDist

    truth = NormalDist().cdf(1.0 / np.sqrt(2 * (0.49 + 0.49)))
    held = 0
    for trial in range(40):
        rows = simulated(np.random.default_rng(start + trial), {"score": 1.0}, seeds=4, rows=60)
        found = estimate("crossed_auroc@1", rows, params={"resamples": 300}, seed=trial)
        held += found.low <= truth <= found.high
    assert held >= 34
