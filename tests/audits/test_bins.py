"""Many scores in few bins: order, size, shards, and an AUC that bins do not change."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from precepts.audits.bins import MOST_SCORES, bin_of, edges_of, score_sizes
from precepts.stats.group_auc import auc_of_counts

LAWS = {
    "rare events": lambda rng: rng.beta(0.3, 300, 60_000),
    "near certainty": lambda rng: 1 - rng.beta(0.3, 300, 60_000),
    "one rank far off": lambda rng: np.append(rng.normal(size=60_000), 1e9),
    "even": lambda rng: rng.random(60_000),
}


def placed(scores: np.ndarray, parts: int = 1) -> np.ndarray:
    table = pl.LazyFrame({"s": scores})
    shards = [pl.LazyFrame({"s": part}) for part in np.array_split(scores, parts)]
    edges = edges_of([score_sizes(one, column="s") for one in shards])
    return table.select(bin_of(pl.col("s"), edges).alias("s")).collect()["s"].to_numpy()


@pytest.mark.parametrize("law", LAWS)
def test_bins_keep_the_order_and_hold_about_as_many_rows(law: str) -> None:
    scores = LAWS[law](np.random.default_rng(0))
    bins = placed(scores)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    sizes = np.bincount(bins)
    assert sizes.size <= MOST_SCORES
    assert sizes.max() <= 0.01 * scores.size


@pytest.mark.parametrize("law", LAWS)
def test_an_auc_over_bins_is_that_of_the_scores(law: str) -> None:
    rng = np.random.default_rng(1)
    scores = LAWS[law](rng)
    truth = rng.random(scores.size) < 0.1 + 0.5 * scores.argsort().argsort() / scores.size

    def auc(place: np.ndarray) -> float:
        codes = np.unique(place, return_inverse=True)[1]
        found = auc_of_counts(np.bincount(codes, truth).astype(float), np.bincount(codes, ~truth).astype(float))
        assert found is not None
        return found.value

    assert auc(placed(scores)) == pytest.approx(auc(scores), abs=2e-4)


def test_shards_in_any_number_have_the_edges_of_the_whole() -> None:
    scores = np.random.default_rng(2).beta(0.3, 30, 20_000)
    assert (placed(scores) == placed(scores, parts=7)).all()


def test_a_missing_score_has_no_bin() -> None:
    table = pl.LazyFrame({"s": [0.1, None, 0.9]})
    edges = edges_of([score_sizes(table, column="s")])
    assert table.select(bin_of(pl.col("s"), edges).alias("s")).collect()["s"].to_list()[1] is None
