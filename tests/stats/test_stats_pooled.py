"""Partial pooling: against brute force, at its ends, and by simulation of how near and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from precepts.errors import InputError
from precepts.stats import estimate, pooled_rates
from precepts.stats.pooled import _INTERCEPT, _laplace


@pytest.mark.parametrize("of_groups", [0.1, 1.0])
def test_the_posterior_of_two_groups_is_that_of_a_grid(of_groups: float):
    yes, n = np.array([3.0, 30.0]), np.array([40.0, 100.0])
    kernel = _INTERCEPT**2 + of_groups**2 * np.eye(2)
    mode, covariance, log_evidence = _laplace(yes, n, kernel, np.zeros(2))
    grid = np.linspace(-6, 3, 700)
    one, other = np.meshgrid(grid, grid, indexing="ij")
    flat = np.stack([one.ravel(), other.ravel()])
    prior = -0.5 * np.einsum("ik,ij,jk->k", flat, np.linalg.inv(kernel), flat) - 0.5 * np.log(
        np.linalg.det(2 * np.pi * kernel)
    )
    data = (yes[:, None] * flat - n[:, None] * np.logaddexp(0, flat)).sum(axis=0)
    weight = np.exp(prior + data - (prior + data).max())
    mean = flat @ weight / weight.sum()
    sd = np.sqrt((flat**2) @ weight / weight.sum() - mean**2)
    # Laplace's mode is not the mean: it may be off by a part of the standard deviation.
    np.testing.assert_allclose(mode, mean, atol=0.25 * sd.max())
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), sd, rtol=0.12)
    evidence = np.log(weight.sum() * (grid[1] - grid[0]) ** 2) + (prior + data).max()
    assert log_evidence == pytest.approx(evidence, abs=0.05)


def test_large_groups_keep_their_rate_and_a_group_without_rows_is_predicted_from_its_parts():
    parts = [(a, b) for a in "xyz" for b in "pqr"]
    truth = expit(np.array([-1 + 0.8 * (a == "x") - 0.5 * (b == "p") for a, b in parts]))
    n = np.full(9, 20_000.0)
    n[0] = 0
    found = pooled_rates(np.round(truth * n).tolist(), n.tolist(), parts)
    for group in range(1, 9):
        value, (low, high) = found.rate(group, level=0.95)
        assert value == pytest.approx(truth[group], abs=0.003)
        assert high - low < 0.02
    value, (low, high) = found.rate(0, level=0.95)
    assert value == pytest.approx(truth[0], abs=0.05)
    assert low < truth[0] < high


def _world(rng: np.random.Generator, total: int, interaction: float) -> tuple[list, np.ndarray, np.ndarray, np.ndarray]:
    """Sixty intersections of unlike sizes: parts, truth, rows, successes."""
    parts = [(a, b, c) for a in "abcde" for b in "pqrs" for c in "xyz"]
    effects = {name: rng.normal(0, 0.5) for name in "abcdepqrsxyz"}
    truth = expit(np.array([-1 + sum(effects[name] for name in one) + rng.normal(0, interaction) for one in parts]))
    n = rng.multinomial(total, rng.dirichlet(np.full(len(parts), 0.5))).astype(float)
    return parts, truth, n, rng.binomial(n.astype(int), truth).astype(float)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("interaction", [0.0, 0.3])
def test_pooled_rates_are_nearer_than_raw_ones_and_their_intervals_cover_on_average(seed: int, interaction: float):
    rng, pooled_loss, raw_loss, held = np.random.default_rng(seed), [], [], []
    for _ in range(6):
        parts, truth, n, yes = _world(rng, 2000, interaction)
        found = pooled_rates(yes.tolist(), n.tolist(), parts)
        rates = [found.rate(group, level=0.95) for group in range(len(parts))]
        value = np.array([rate for rate, _ in rates])
        some = n > 0
        pooled_loss.append(np.mean((value - truth)[some] ** 2))
        raw_loss.append(np.mean((yes[some] / n[some] - truth[some]) ** 2))
        held += [low <= t <= high for (_, (low, high)), t in zip(rates, truth, strict=True)]
    assert np.mean(pooled_loss) < 0.35 * np.mean(raw_loss)
    assert np.mean(held) >= 0.92


def test_the_interaction_is_small_without_one_and_large_with_one():
    rng = np.random.default_rng(0)
    found = [pooled_rates(yes.tolist(), n.tolist(), parts).interaction(level=0.9)
             for parts, _, n, yes in (_world(rng, 50_000, size) for size in (0.0, 0.8))]  # fmt: skip
    assert found[0][1][1] < 0.2
    assert found[1][1][0] > 0.4


def test_the_estimator_reads_counted_rows_and_gives_gaps_that_hold_zero_for_equal_groups():
    cells = [{"arm": f"{a} × {b}", "score": s, "count": c} for a in "xy" for b in "pq" for s, c in ((1, 30), (0, 70))]
    cells.append({"arm": "x × p", "score": None, "count": 4})
    rate = estimate("pooled_rate@1", cells, params={"of": "x × p"})
    assert (rate.n, rate.n_unscored) == (100, 4)
    assert rate.value == pytest.approx(0.3, abs=0.01)
    raw = binom(100, 0.3)
    assert rate.high - rate.low < (raw.ppf(0.975) - raw.ppf(0.025)) / 100
    gap = estimate("pooled_rate@1", cells, params={"of": "x × p", "against": "others"})
    assert gap.low < 0 < gap.high
    assert abs(gap.value) < 0.01
    assert estimate("pooled_rate@1", cells[::-1], params={"of": "x × p"}) == rate
    with pytest.raises(InputError, match="unlike numbers of parts"):
        estimate("pooled_rate@1", [*cells, {"arm": "z", "score": 1}], params={"of": "z"})


def test_one_column_is_pooled_towards_the_common_rate():
    rows = [{"arm": name, "score": s, "count": c} for name, yes in zip("abcdef", (2, 3, 2, 4, 3, 0), strict=True)
            for s, c in ((1, yes), (0, 10 - yes))]  # fmt: skip
    lonely = estimate("pooled_rate@1", rows, params={"of": "f"})
    assert 0.05 < lonely.value < 0.24
    assert lonely.low > 0
