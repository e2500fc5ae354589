"""Agreement against statsmodels, scikit-learn and Krippendorff's own example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa as statsmodels_kappa

from precepts.errors import InputError
from precepts.stats import cohens_kappa, estimate, krippendorffs_alpha

# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, example with four observers, twelve units and gaps.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
UNITS = [[float(x) for x in unit if x != "."] for unit in zip(*(row.split() for row in OBSERVERS), strict=True)]

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60)


def test_alpha_gives_the_published_example():
    assert krippendorffs_alpha(UNITS) == pytest.approx(0.743, abs=5e-4)
    assert krippendorffs_alpha(UNITS, difference="interval") == pytest.approx(0.849, abs=5e-4)


def test_alpha_as_an_estimator_counts_ratings_and_holds_its_value():
    rows = [{"cluster": i, "score": rating} for i, unit in enumerate(UNITS) for rating in unit]
    found = estimate("krippendorff@1", rows, params={"resamples": 500})
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.n == 41
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    with pytest.raises(InputError, match="cluster"):
        estimate("krippendorff@1", [{"score": 1}])


def test_alpha_is_undefined_where_nothing_can_differ():
    assert math.isnan(krippendorffs_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorffs_alpha([[1], [0]]))


@given(PAIRS)
def test_kappa_and_its_interval_equal_other_implementations(pairs):
    one, other = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    found = cohens_kappa(one, other)
    if np.unique(np.concatenate([one, other])).size < 2:
        assert found is None
        return
    assert found is not None
    assert found[0] == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)
    if found[1] is not None:
        table = [[np.sum((one == a) & (other == b)) for b in (0, 1)] for a in (0, 1)]
        with np.errstate(invalid="ignore", divide="ignore"):
            theirs = statsmodels_kappa(table)
        assert found[1] == pytest.approx((max(-1, theirs.kappa_low), min(1, theirs.kappa_upp)), abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_alphas_interval_covers_the_alpha_of_many_units(seed):
    rng = np.random.default_rng(seed)

    def draw(n):
        truth = rng.random(n) < 0.4
        return [[float(t if rng.random() < 0.85 else not t) for _ in range(3)] for t in truth]

    target = krippendorffs_alpha(draw(20_000))
    covered = 0
    for _ in range(60):
        rows = [{"cluster": i, "score": r} for i, unit in enumerate(draw(80)) for r in unit]
        found = estimate("krippendorff@1", rows, params={"resamples": 200}, seed=seed)
        covered += found.low is not None and found.high is not None and found.low <= target <= found.high
    assert covered / 60 > 0.85


def test_brier_equals_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 80), rng.random(80)
    rows = [{"score": float(s), "label": int(y)} for s, y in zip(scores, labels, strict=True)]
    found = estimate("brier@1", rows)
    assert found.value == pytest.approx(brier_score_loss(labels, scores))
    with pytest.raises(InputError, match="between 0 and 1"):
        estimate("brier@1", [{"score": 2.0, "label": 1}])
