"""Several answers to one question: pass@k, cons@k. Items are resampled; the answers of an item stay together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import comb

import numpy as np

from precepts.errors import InputError
from precepts.stats.bootstrap import bca_of_mean
from precepts.stats.registry import Params, as_metric, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric

_ORDERS = 200  # of an item's answers, for the modal answer of k of them


def pass_at_k(num_right: int, n: int, k: int) -> float:
    """Chance that at least one of k answers drawn from n without replacement is right.

    1 − C(n − c, k) / C(n, k): Chen et al. 2021, arXiv 2107.03374.

    Raises:
        InputError: Unless 1 <= k <= n and 0 <= num_right <= n.
    """
    if not (1 <= k <= n and 0 <= num_right <= n):
        raise InputError(
            f"pass@{k} needs at least {max(1, k)} answers an item, and at most as many right; got {num_right} of {n}."
        )
    return 1 - comb(n - num_right, k) / comb(n, k)


def cons_at_k(answers: Sequence[tuple[str, float]], k: int, *, rng: np.random.Generator) -> float:
    """Chance that the commonest of k answers (text, 1 if right) is right; ties are shared. By drawing k without replacement.

    Raises:
        InputError: Unless 1 <= k <= the number of answers.
    """
    if not 1 <= k <= len(answers):
        raise InputError(f"cons@{k} needs at least {max(1, k)} answers an item; one has {len(answers)}.")
    right = dict(answers)

    def one(chosen: Sequence[tuple[str, float]]) -> float:
        counts = Counter(text for text, _ in chosen)
        most = max(counts.values())
        modal = [text for text, count in counts.items() if count == most]
        return sum(right[text] for text in modal) / len(modal)

    if k == len(answers):
        return one(answers)
    draws = (rng.permutation(len(answers))[:k] for _ in range(_ORDERS))
    return float(np.mean([one([answers[i] for i in sorted(chosen.tolist())]) for chosen in draws]))


def _by_item(
    rows: Sequence[Row],
    params: Params,
    name: str,
    value_of: Callable[[list[Row], int], float],
    *,
    seed: int,
    level: float,
) -> Metric:
    read = read_columns(rows, "score", binary=["score"])
    k = int(number_option(params, "k", 1))
    items: dict[str, list[Row]] = {}
    for row in read.rows:
        if row.get("cluster") is None:
            raise InputError(f"{name} needs a `cluster` (the item) on every scored row; one has none.")
        items.setdefault(str(row["cluster"]), []).append(row)
    whole = {item: found for item, found in items.items() if len(found) >= k}
    values = np.sort(np.array([value_of(found, k) for _, found in sorted(whole.items())], dtype=np.float64))
    interval = bca_of_mean(values, resamples=2000, seed=seed, level=level) if values.size else None
    value = float(values.mean()) if values.size else None
    return as_metric(name, value, interval, level=level, n=read.n, num_unscored=read.num_unscored)


def _num_right(rows: Sequence[Row]) -> int:
    return sum(row["score"] == 1 for row in rows)


@estimator("pass_at_k", version=1, params=("k",))
def pass_at(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean over items (`cluster`) of pass@k, unbiased from all their answers. n counts answers; items with fewer than `k` are left out."""
    return _by_item(
        rows,
        params,
        "pass_at_k@1",
        lambda found, k: pass_at_k(_num_right(found), len(found), k),
        seed=seed,
        level=level,
    )


@estimator("cons_at_k", version=1, params=("k",))
def cons_at(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean over items (`cluster`) of cons@k: the answer's text is the `group`, equal texts are right or wrong alike."""

    def value_of(found: list[Row], k: int) -> float:
        answers = sorted((str(row.get("group")), float(row["score"] == 1)) for row in found)
        return cons_at_k(answers, k, rng=np.random.default_rng(seed))

    return _by_item(rows, params, "cons_at_k@1", value_of, seed=seed, level=level)
