"""What intervals and verdicts promise, by simulation: coverage, false discoveries, power as planned, planted biases told apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import coverages
import numpy as np
import polars as pl
import pytest

from precepts.audits import Decision, audit_labels, audit_model, label_cells, model_cells
from precepts.stats import estimate, rate_sample_size, wilson_interval
from precepts.stats.confusion import confusion_replicates, quantiles_of
from precepts.types import Input

pytestmark = pytest.mark.slow
Record = Callable[..., Decision]
SOURCE = Input(path="cells.jsonl", sha256="0")
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])


_JUMPS = ("revealed cost ratio", "cost per case", "cost per case, gap", "weighted rate")
"""Intervals that are not asked to hold where less than one event is expected."""


def _few(n: int, rate: float) -> bool:
    """Whether so few events are expected that coverage comes in jumps: at 0.2 expected, none has chance 0.82."""
    return n * rate < 10


@pytest.mark.parametrize("rate", coverages.RATES)
@pytest.mark.parametrize("n", coverages.SIZES)
def test_wilson_covers_a_rate(n: int, rate: float):
    held, _ = coverages.wilson(n, rate)  # summed over the binomial law
    assert (0.92 if _few(n, rate) else 0.93) <= held <= (1 if _few(n, rate) else 0.97)


@SEEDS
@pytest.mark.parametrize("name", ["difference of rates (Newcombe)", "over-prediction", "over-prediction, gap", "AUC (DeLong, logit)",
                                  "AUC, gap", "calibration slope", "criterion c", "d′", "revealed cost ratio", "cost per case",
                                  "cost per case, gap", "weighted rate"])  # fmt: skip
def test_intervals_cover_over_sizes_and_rates(name: str, seed: int):
    runs = 400
    slack = 3 * math.sqrt(0.05 * 0.95 / runs)
    for n in coverages.SIZES:
        for rate in coverages.RATES:
            if name in ("d′", *_JUMPS) and n * rate < 1:
                continue  # 20 ratings cannot tell a d′ of 4.9 (measured 73 %), nor one event of unlike weights a rate of 0.01 (80 %)
            held, has = coverages.INTERVALS[name](n, rate, runs, seed)
            if has < 0.2:
                continue
            few = _few(n, rate)
            low = (0.9 if few else 0.93) - slack
            assert low <= held <= (1 if few else 0.97 + slack), (n, rate, held)


@SEEDS
def test_a_rate_in_a_frame_is_covered_where_a_bootstrap_alone_would_not(seed: int):
    slack = 3 * math.sqrt(0.05 * 0.95 / 500)
    for n in (20, 100, 1000, 100_000):
        for rate in coverages.RATES:
            assert coverages.auto_rate(n, rate, 500, seed)[0] >= 0.92 - slack
    assert coverages.bca_rate(20, 0.01, 500, seed)[0] < 0.5


@SEEDS
@pytest.mark.parametrize("n", [100, 1000, 10_000])
def test_bca_on_counts_covers_a_precision(n: int, seed: int):
    rng, runs = np.random.default_rng(seed), 300
    counts = rng.multinomial(n, [0.5, 0.1, 0.1, 0.3], size=runs).astype(float)  # each run a group of one table
    drawn = confusion_replicates(counts, ("precision",), replicates=800, seed=seed)
    low, high = quantiles_of(drawn.groups, (0.025, 0.975), counts=counts, names=("precision",), method="bca")[:, :, 0]
    held = float(np.mean((low <= 0.75) & (high >= 0.75)))
    assert 0.93 - 3 * math.sqrt(0.05 * 0.95 / runs) <= held <= 0.99


@SEEDS
def test_no_true_gap_gives_few_verdicts_outside_a_margin_of_almost_nothing(seed: int, record: Record):
    rng, runs, families, false, all_found = np.random.default_rng(seed), 60, 0, 0, 0
    decision = record(margins={"selection_rate": 1e-6, "calibration": 1e-6, "true_positive_rate": 1e-6})
    for _ in range(runs):
        score = rng.beta(2, 3, 1500)
        frame = pl.LazyFrame(
            {"group": rng.choice(list("abcdef"), 1500), "score": score, "outcome": rng.random(1500) < score}
        )
        found = audit_model(model_cells(frame, decision, where="t"), decision, SOURCE, model="m").findings
        outside = [one for one in found if one.verdict == "outside margin"]
        families += bool(outside)
        discovered = sum(one.p_bh is not None and one.p_bh <= 0.05 for one in found)
        false, all_found = false + (discovered > 0), all_found + 1
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert families / runs <= bound  # the max-statistic: any verdict at all
    assert false / all_found <= bound  # Benjamini-Hochberg: with no true gap every discovery is false


@SEEDS
def test_how_much_more_data_is_needed_is_what_it_takes(seed: int, record: Record):
    """At `times_more` times the data of a table that shows the truth, the record's power, 0.8, decides about so often."""
    rng, decision = np.random.default_rng(seed), record(margins={"selection_rate": 0.1}, columns={"decision": "act"})

    def finding(n: int, acts: tuple[int, int]) -> Any:
        act = np.concatenate([np.arange(n) < yes for yes in acts])
        rows = {
            "group": np.repeat(["a", "b"], n),
            "score": np.full(2 * n, 0.5),
            "outcome": np.arange(2 * n) % 2,
            "act": act,
        }
        found = audit_model(model_cells(pl.LazyFrame(rows), decision, where="t"), decision, SOURCE, model="m").findings
        return next(one for one in found if one.group == "a")

    # The true gap, 0.03, is 0.07 from the margin.
    first = finding(300, (90, 99))
    assert first.verdict == "not enough data"
    assert first.times_more is not None
    n, runs = round(300 * first.times_more), 40
    planned = [finding(n, tuple(rng.binomial(n, [0.30, 0.33]))).verdict == "within margin" for _ in range(runs)]
    assert abs(np.mean(planned) - decision.power) <= 3 * math.sqrt(0.8 * 0.2 / runs)


@SEEDS
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_a_planned_sample_has_the_power_that_was_planned(rate: float, seed: int):
    null, rng, runs = rate + 0.05, np.random.default_rng(seed), 2000
    n = rate_sample_size(rate, null=null, power=0.8)
    found = [wilson_interval(int(k), n)[1] < null for k in rng.binomial(n, rate, runs)]
    assert abs(np.mean(found) - 0.8) <= 0.05


@SEEDS
@pytest.mark.parametrize(("kind", "size"), [("criterion", 0.8), ("dprime", -0.9)])
def test_a_planted_bias_of_labels_is_recovered_and_told_from_the_other(
    kind: str, size: float, seed: int, record: Record
):
    rng = np.random.default_rng(seed)
    decision = record(margins={"criterion": 0.2, "dprime": 0.3}, generalise_to="items")
    group, item, rater = (one.ravel() for one in np.meshgrid(list("abc"), np.arange(500), np.arange(4), indexing="ij"))
    gold, biased = item % 2, group == "a"
    d = 2.0 + size * (biased if kind == "dprime" else 0)
    c = size * (biased if kind == "criterion" else 0)
    label = (d * (gold - 0.5) - c + rng.normal(size=gold.size) > 0).astype(int)
    rows = {
        "item": [f"{g}{i}" for g, i in zip(group, item, strict=True)],
        "rater": rater,
        "group": group,
        "gold": gold,
        "label": label,
    }
    found = audit_labels(label_cells(pl.LazyFrame(rows), decision, where="t"), decision, SOURCE)
    verdicts = {(one.measure, one.group): one for one in found.findings if one.kind == "gap"}
    planted = verdicts[kind, "a"]
    assert planted.verdict == "outside margin"
    assert planted.evidence.value == pytest.approx(size, abs=0.2)
    other = verdicts["dprime" if kind == "criterion" else "criterion", "a"]
    assert other.verdict != "outside margin"


@SEEDS
def test_limits_that_hold_at_any_look_hold_at_the_worst_one(seed: int):
    from precepts.stats.e_process import difference_sequence

    rng, runs, missed = np.random.default_rng(seed), 120, 0
    for _ in range(runs):
        one, other = np.cumsum(rng.random(1500) < 0.5), np.cumsum(rng.random(1500) < 0.3)
        looks = range(24, 1500, 75)
        limits = (difference_sequence((float(one[k]), k + 1.0), (float(other[k]), k + 1.0), alpha=0.05) for k in looks)
        missed += any(not low <= 0.2 <= high for low, high in limits)
    assert missed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@SEEDS
def test_intervals_of_partial_and_noisy_gold_cover(seed: int):
    from scipy.special import ndtr

    rng, runs, held = np.random.default_rng(seed), 150, 0
    for _ in range(runs):
        truth = rng.random(500) < 0.4
        yes = rng.random(500) < np.where(truth, ndtr(0.8), ndtr(-1.0))
        gold = rng.random(500) < np.where(truth, 0.95, 0.03)
        seen = rng.random(500) < np.where(yes, 0.9, 0.4)
        rows = [{"score": int(y), "label": int(g) if s else None} for y, g, s in zip(yes, gold, seen, strict=True)]
        params = {"statistic": "dprime", "sensitivity": 0.95, "specificity": 0.97, "resamples": 300}
        found = estimate("corrected_detection@1", rows, params=params, seed=int(rng.integers(1 << 30)))
        held += found.low <= 1.8 <= found.high
    assert held / runs >= 0.93 - 3 * math.sqrt(0.05 * 0.95 / runs)
