"""Measures of groups whose rows come in clusters: copies say nothing new, and intervals cover where plain ones do not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from precepts.errors import InputError
from precepts.stats import estimate
from precepts.stats.clustered_group import Side, clustered_metric

PLAIN = {"rate": "group_rate@1", "gap": "calibration_gap@1", "auc": "group_auc@2", "cost": "group_cost@1"}


def _rows(seed: int = 0, n: int = 300, copies: int = 1) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 2, n).round(2)
    label = (rng.random(n) < score).astype(int)
    arm = rng.choice(["a", "b"], n)
    return [
        {"score": float(s), "label": int(y), "arm": g, "cluster": k, "count": copies}
        for k, (s, y, g) in enumerate(zip(score.tolist(), label.tolist(), arm.tolist(), strict=True))
    ]


def _as(measure: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{**row, "score": row["label"]} for row in rows] if measure in ("rate", "cost") else rows


@pytest.mark.parametrize("against", ["nobody", "others"])
@pytest.mark.parametrize("measure", PLAIN)
def test_copies_of_a_row_in_its_cluster_say_no_more_than_the_row(measure: str, against: str):
    params = {"of": "a", "against": against} | ({"costs": [1.0]} if measure == "cost" else {})
    plain = estimate(PLAIN[measure], _as(measure, _rows()), params=params)
    found = estimate("clustered_group@1", _as(measure, _rows(copies=7)), params={**params, "measure": measure})
    assert found.value == pytest.approx(plain.value)
    assert found.n == 7 * plain.n
    width = (found.high - found.low) / (plain.high - plain.low)
    assert width == pytest.approx(1, abs=0.04)


def _world(rng: np.random.Generator, clusters: int, size: int, *, nested: bool) -> tuple[Side, Side]:
    """Two groups without a difference, clusters that differ; whole clusters in a group (nested) or half of each cluster."""
    cluster = np.repeat(np.arange(clusters), size)
    group = (cluster if nested else np.arange(cluster.size)) % 2
    shift = rng.normal(0, 0.8, clusters)[cluster]
    score = 1 / (1 + np.exp(-(rng.normal(0, 1, clusters)[cluster] + rng.normal(0, 0.5, cluster.size))))
    label = (rng.random(cluster.size) < 1 / (1 + np.exp(-(np.log(score / (1 - score)) + shift)))).astype(float)
    one = np.ones(cluster.size)
    sides = [Side(*(column[group == side] for column in (score, label, one, cluster.astype(float)))) for side in (0, 1)]
    return sides[0], sides[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("nested", [True, False])
def test_gaps_between_groups_cover_whether_clusters_are_nested_or_crossed(seed: int, nested: bool):
    rng, runs = np.random.default_rng(seed), 200
    held = dict.fromkeys(("gap", "auc"), 0)
    widths: dict[str, list[float]] = {"gap": [], "auc": []}
    for _ in range(runs):
        sides = _world(rng, 60, 8, nested=nested)
        for measure in held:
            found = clustered_metric(measure, sides, costs=(), n=480, num_unscored=0, level=0.95)
            held[measure] += found.low <= 0 <= found.high
            widths[measure].append(found.high - found.low)
    slack = 3 * math.sqrt(0.05 * 0.95 / runs)
    for measure, number in held.items():
        assert 0.93 - slack <= number / runs <= 0.98 + slack, (measure, number / runs, np.mean(widths[measure]))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rates_cover_where_forgetting_clusters_does_not(seed: int):
    rng, runs, held, plain = np.random.default_rng(seed), 200, 0, 0
    for _ in range(runs):
        yes = rng.binomial(12, rng.beta(2, 4, 40)).astype(float)  # mean 1/3
        score, count = np.tile([1.0, 0.0], 40), np.stack([yes, 12 - yes], axis=1).ravel()
        side = Side(score, np.zeros(80), count, np.repeat(np.arange(40.0), 2))
        found = clustered_metric("rate", [side], costs=(), n=480, num_unscored=0, level=0.95)
        held += found.low <= 1 / 3 <= found.high
        other = estimate(
            "group_rate@1", [{"score": int(s), "count": int(c)} for s, c in zip(score, count, strict=True) if c]
        )
        plain += other.low <= 1 / 3 <= other.high
    assert 0.93 - 3 * math.sqrt(0.05 * 0.95 / runs) <= held / runs
    assert plain / runs < 0.85


def test_sides_that_share_clusters_are_compared_within_them():
    def width(seed: int, *, nested: bool) -> float:
        sides = _world(np.random.default_rng(seed), 600, 8, nested=nested)
        found = clustered_metric("gap", sides, costs=(), n=4800, num_unscored=0, level=0.95)
        return found.high - found.low

    for seed in range(3):
        assert width(seed, nested=False) < 0.9 * width(seed, nested=True)


def test_where_all_rows_are_alike_every_cluster_counts_as_one_row():
    rows = [{"score": 1, "count": 50, "cluster": k} for k in range(6)]
    found = estimate("clustered_group@1", rows)
    few = estimate("group_rate@1", [{"score": 1, "count": 6}])
    assert (found.value, found.low, found.n) == (1, pytest.approx(few.low), 300)


def test_a_row_without_a_cluster_is_refused_and_an_empty_side_has_no_value():
    with pytest.raises(InputError, match="cluster"):
        estimate("clustered_group@1", [{"score": 1}])
    with pytest.raises(InputError, match="costs"):
        estimate("clustered_group@1", [{"score": 1, "cluster": 1}], params={"measure": "cost"})
    rows = [{"score": 1, "cluster": 1, "arm": "a"}]
    assert estimate("clustered_group@1", rows, params={"of": "a", "against": "others"}).value is None
