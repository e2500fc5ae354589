"""Raters without a gold label: what their agreement alone says of each, by group.

Dawid and Skene 1979 (Applied Statistics 28:20-28), fitted apart in every group, so a rater may err unlike in each. A
mistake that all raters share is not identified: agreement looks like truth. With fewer than three raters an item nothing is.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from scipy.special import ndtri

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row
from precepts.types import Metric

STATISTICS = ("prevalence", "dprime", "criterion", "hit_rate", "correct_rejection_rate")


class DawidSkene(NamedTuple):
    """Shares estimated without gold."""

    prevalence: float
    """Share of items that are signal."""
    hit: FloatArray
    """P(yes | signal) by rater, shape (raters,)."""
    false_alarm: FloatArray
    """P(yes | noise) by rater, shape (raters,)."""
    posterior: FloatArray
    """Probability that each item is signal, shape (items,)."""


def dawid_skene(
    answers_IR: FloatArray, counts_IR: FloatArray, *, weights_I: FloatArray | None = None, rounds: int = 200
) -> DawidSkene:
    """The model by EM from the majority's answers, with half a count added in every cell.

    Args:
        answers_IR: Yes answers by item and rater, shape (items, raters).
        counts_IR: Answers by item and rater, shape (items, raters); 0 where a rater did not rate.
        weights_I: How often each item counts, shape (items,); once if not given.
        rounds: At most so many; fewer when the shares settle.
    """
    weights = np.ones(len(answers_IR)) if weights_I is None else weights_I
    given = counts_IR.sum(axis=1)
    posterior = (answers_IR.sum(axis=1) + 0.5) / (given + 1)
    prevalence, hit, false_alarm = 0.5, np.zeros(0), np.zeros(0)
    for _ in range(rounds):
        signal, noise = weights * posterior, weights * (1 - posterior)
        hit = (signal @ answers_IR + 0.5) / (signal @ counts_IR + 1)
        false_alarm = (noise @ answers_IR + 0.5) / (noise @ counts_IR + 1)
        prevalence = float((signal.sum() + 0.5) / (weights.sum() + 1))
        logit = (
            np.log(prevalence / (1 - prevalence))
            + answers_IR @ np.log(hit / false_alarm)
            + (counts_IR - answers_IR) @ np.log((1 - hit) / (1 - false_alarm))
        )
        before, posterior = posterior, 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
        if float(np.abs(posterior - before).max(initial=0)) < 1e-6:
            break
    return DawidSkene(prevalence, np.asarray(hit), np.asarray(false_alarm), posterior)


def _tables(rows: Sequence[Row], arm: str | None) -> tuple[FloatArray, FloatArray, int, int]:
    """Yes answers and answers by item and rater; how many answers, and rows without one."""
    mine = [row for row in rows if arm is None or str(row.get("arm")) == arm]
    scored = [row for row in mine if row.get("score") is not None and row["score"] == row["score"]]  # NaN is missing
    items = {key: k for k, key in enumerate(sorted({str(row.get("cluster_b")) for row in scored}))}
    raters = {key: k for k, key in enumerate(sorted({str(row.get("cluster")) for row in scored}))}
    answers, counts = np.zeros((len(items), len(raters))), np.zeros((len(items), len(raters)))
    for row in scored:
        if row["score"] not in (0, 1):
            raise InputError(f"Answers are 0 or 1; got {row['score']!r}.")
        times = float(cast("float", row.get("count", 1)))
        place = items[str(row.get("cluster_b"))], raters[str(row.get("cluster"))]
        answers[place] += float(cast("float", row["score"])) * times
        counts[place] += times
    total = sum(int(cast("float", row.get("count", 1))) for row in mine)
    return answers, counts, int(counts.sum()), total - int(counts.sum())


def _statistics(found: DawidSkene, counts_IR: FloatArray) -> FloatArray:
    """The numbers of `STATISTICS`, shape (5,): raters weighted by how much they rated."""
    weight = counts_IR.sum(axis=0) / counts_IR.sum()
    hit, false_alarm = float(weight @ found.hit), float(weight @ found.false_alarm)
    z_hit, z_false_alarm = ndtri(hit), ndtri(false_alarm)
    return np.array(
        [found.prevalence, z_hit - z_false_alarm, -(z_hit + z_false_alarm) / 2, hit, 1 - false_alarm], dtype=np.float64
    )


@functools.lru_cache(maxsize=64)
def _resampled(answers: bytes, counts: bytes, raters: int, resamples: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """All statistics of one arm, shape (5,), and of resamples of its items, shape (resamples, 5); kept, as gaps share arms."""
    answers_IR = np.frombuffer(answers, dtype=np.float64).reshape(-1, raters)
    counts_IR = np.frombuffer(counts, dtype=np.float64).reshape(-1, raters)
    # Arms are independent, so each draws from a stream of its own that does not depend on which others are read.
    rng, even = np.random.default_rng([seed, zlib.crc32(answers)]), np.full(len(answers_IR), 1 / len(answers_IR))
    drawn = np.empty((resamples, len(STATISTICS)))
    for k in range(resamples):
        weights = rng.multinomial(len(answers_IR), even).astype(np.float64)
        drawn[k] = _statistics(dawid_skene(answers_IR, counts_IR, weights_I=weights, rounds=50), counts_IR)
    return _statistics(dawid_skene(answers_IR, counts_IR), counts_IR), drawn


@estimator("dawid_skene", version=1, params=("of", "against", "statistic", "resamples"))
def dawid_skene_estimate(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """A statistic of the raters of arm `of` without gold, less the mean over the arms `against`.

    Keys: `score` (answer), `arm`, `cluster` (rater), `cluster_b` (item), `count`. Options: `statistic` (`prevalence`,
    `dprime`, `criterion`, `hit_rate`, `correct_rejection_rate`), `resamples` of items (200). None where most items of an arm
    have fewer than three raters. What all raters get wrong alike is not identified and moves these numbers unseen.
    """
    name, statistic = "dawid_skene@1", choice_option(params, "statistic", STATISTICS)
    resamples, place = int(number_option(params, "resamples", 200)), STATISTICS.index(statistic)
    of = None if params.get("of") is None else str(params["of"])
    arms = [of, *(str(one) for one in cast("list[object]", params.get("against") or []))]
    values: list[float | None] = []
    drawn: list[FloatArray] = []
    n = unscored = 0
    for arm in arms:
        answers, counts, arm_n, arm_unscored = _tables(rows, arm)
        n, unscored = n + arm_n, unscored + arm_unscored
        if not len(answers) or float(np.mean((counts > 0).sum(axis=1) >= 3)) < 0.5:
            values.append(None)
            continue
        whole, replicates = _resampled(answers.tobytes(), counts.tobytes(), answers.shape[1], resamples, seed)
        values.append(float(whole[place]))
        drawn.append(replicates[:, place])
    rate = statistic in ("prevalence", "hit_rate", "correct_rejection_rate")
    unit = ("difference" if len(arms) > 1 else "rate") if rate else "z"
    known = [value for value in values if value is not None]
    if len(known) < len(arms):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit=unit)
    value, spread = known[0], drawn[0]
    if len(arms) > 1:
        value, spread = value - float(np.mean(known[1:])), spread - np.mean(drawn[1:], axis=0)
    interval: Interval | None = None
    if float(np.ptp(spread)) > 0:
        low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2])
        interval = float(low), float(high)
    return as_metric(name, value, interval, level=level, n=n, num_unscored=unscored, unit=unit)
