"""Side-by-side ratings, and the most that a monitored rate can be: by hand, against statsmodels, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from precepts.errors import InputError
from precepts.stats import cohens_h, estimate, prevalence_bound


def ratings(won: int, lost: int, tied: int) -> list[dict[str, float]]:
    return [{"score": s} for s, k in ((1.0, won), (0.0, lost), (0.5, tied)) for _ in range(k)]


def test_cohens_h_of_the_printed_card_reproduces_from_ratings() -> None:
    # 59.75 % against 28.48 %, the rest ties (o1 System Card, arXiv 2412.16720, which prints 0.319).
    found = estimate("preference_h@1", ratings(5975, 2848, 1177))
    assert found.value == pytest.approx(cohens_h(0.5975, 0.2848))
    assert found.value == pytest.approx(0.641, abs=5e-4)


def test_strength_without_ties_is_the_logistic_intercept() -> None:
    rows = ratings(70, 30, 0)
    found = estimate("bradley_terry@1", rows)
    # The tie that is added stands as half a win and half a loss.
    fit = sm.GLM([[70.0, 30.0], [0.5, 0.5]], [[1.0], [1.0]], family=sm.families.Binomial()).fit()
    assert found.value == pytest.approx(float(fit.params[0]), rel=1e-6)
    half = (found.high - found.low) / 2  # type: ignore[operator]
    assert half == pytest.approx(1.984 * float(fit.bse[0]), rel=0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("strength", "raters"), [(0.0, 12), (1.0, 20), (-0.5, 40)])
def test_intervals_cover_where_ratings_of_one_rater_are_alike(seed: int, strength: float, raters: int) -> None:
    rng = np.random.default_rng(seed)
    # The true share is that of the population of raters, by a large sample of them.
    truth = float((1 / (1 + np.exp(-(strength + rng.normal(0, 0.8, 200_000))))).mean())
    covered = h_covered = 0
    for _ in range(300):
        chance = 1 / (1 + np.exp(-(strength + rng.normal(0, 0.8, raters))))
        draws = rng.random((raters, 10)) < chance[:, None]
        rows = [{"score": float(draws[r, n]), "cluster": r} for r in range(raters) for n in range(10)]
        found = estimate("bradley_terry@1", rows)
        covered += found.low <= math.log(truth / (1 - truth)) <= found.high  # type: ignore[operator]
        h = estimate("preference_h@1", rows)
        h_covered += h.low is not None and h.low <= cohens_h(truth, 1 - truth) <= h.high  # type: ignore[operator]
    assert 0.91 <= covered / 300 <= 0.99
    assert 0.91 <= h_covered / 300 <= 0.99


def test_swapping_the_models_turns_every_number_around() -> None:
    for name in ("bradley_terry@1", "preference_h@1"):
        one, other = estimate(name, ratings(20, 9, 5)), estimate(name, ratings(9, 20, 5))
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))  # type: ignore[operator]


def test_a_model_that_always_won_has_a_finite_strength_and_an_interval() -> None:
    found = estimate("bradley_terry@1", ratings(12, 0, 0))
    assert found.value == pytest.approx(math.log(12.5 / 0.5))
    assert found.low is not None
    assert found.low < found.value


def test_a_score_that_is_no_comparison_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.5 for a tie"):
        estimate("bradley_terry@1", [{"score": 0.7}])


def test_the_bound_by_hand() -> None:
    found = prevalence_bound(180, 102_443, 46, 50)
    assert found.value == pytest.approx(180 / 102_443 / 0.92)
    assert found.interval is not None
    assert found.interval[0] == 0.0
    assert 0.0019 < found.interval[1] < 0.0025
    assert prevalence_bound(3, 10, 0, 5).value is None, "a monitor that was never seen to flag bounds nothing"


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("rate", "specificity"), [(0.002, 0.9995), (0.02, 0.97), (0.3, 1.0)])
def test_the_bound_is_above_the_true_rate_for_any_specificity(seed: int, rate: float, specificity: float) -> None:
    rng = np.random.default_rng(seed)
    above = 0
    for _ in range(400):
        flagged = int(rng.binomial(20_000, rate * 0.85 + (1 - rate) * (1 - specificity)))
        interval = prevalence_bound(flagged, 20_000, int(rng.binomial(60, 0.85)), 60).interval
        assert interval is not None
        above += interval[1] >= rate
    assert above / 400 >= 0.95
