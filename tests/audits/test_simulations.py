"""What intervals and verdicts promise, by simulation: coverage, false discoveries, power as planned, planted biases told apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from precepts.audits import Decision, audit_labels, audit_model, label_cells, model_cells
from precepts.stats import estimate, newcombe_interval, wilson_interval
from precepts.stats.confusion import confusion_replicates, quantiles_of
from precepts.types import Input

pytestmark = pytest.mark.slow
Record = Callable[..., Decision]
SOURCE = Input(path="cells.jsonl", sha256="0")
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])


def _exact(n: int, rate: float, holds: Callable[[int], bool]) -> float:
    """Coverage summed over the binomial law: no simulation, no error of one."""
    from scipy.stats import binom

    mean, sd = n * rate, math.sqrt(n * rate * (1 - rate))
    low, high = max(0, int(mean - 8 * sd - 10)), min(n, int(mean + 8 * sd + 10))
    counts = np.arange(low, high + 1)
    step = max(1, counts.size // 4000)
    law = binom(n, rate).pmf(counts)
    return float(sum(law[k] for k in range(0, counts.size) if k % step == 0 and holds(int(counts[k])))) * step


@pytest.mark.parametrize("n", [20, 100, 1000, 10_000, 100_000])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5])
def test_wilson_covers_a_rate(n: int, rate: float):
    found = _exact(n, rate, lambda yes: wilson_interval(yes, n)[0] <= rate <= wilson_interval(yes, n)[1])
    # A rate of a whole number of rows can only be covered in jumps: at n·rate = 0.2 zero events alone have chance 0.82.
    low = 0.93 if n * rate >= 1 and n >= 100 else 0.9 if n * rate >= 1 else 0.8
    assert low <= found <= 0.97 + (0.03 if n * rate < 20 else 0)


@SEEDS
@pytest.mark.parametrize(("n", "rate"), [(20, 0.3), (100, 0.05), (1000, 0.01), (10_000, 0.5)])
def test_newcombe_covers_a_difference(n: int, rate: float, seed: int):
    rng, runs = np.random.default_rng(seed), 3000
    one, other = rng.binomial(n, rate, runs), rng.binomial(2 * n, min(0.9, 1.5 * rate), runs)
    truth, held = rate - min(0.9, 1.5 * rate), 0
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        low, high = newcombe_interval(a, n, b, 2 * n)
        held += low <= truth <= high
    assert 0.93 <= held / runs <= 0.985


@SEEDS
@pytest.mark.parametrize("n", [100, 1000, 10_000])
def test_bca_on_counts_covers_a_precision(n: int, seed: int):
    rng, runs, held = np.random.default_rng(seed), 400, 0
    law = [0.5, 0.1, 0.1, 0.3]
    for _ in range(runs):
        counts = rng.multinomial(n, law)[None].astype(float)
        drawn = confusion_replicates(counts, ("precision",), replicates=800, seed=int(rng.integers(1 << 30)))
        low, high = quantiles_of(drawn.groups, (0.025, 0.975), counts=counts, names=("precision",), method="bca")[
            :, 0, 0
        ]
        held += low <= 0.75 <= high
    assert 0.95 - 0.02 - 3 * math.sqrt(0.05 * 0.95 / runs) <= held / runs <= 0.99


@SEEDS
def test_no_true_gap_gives_few_verdicts_outside_a_margin_of_almost_nothing(seed: int, record: Record):
    rng, runs, families, false, all_found = np.random.default_rng(seed), 80, 0, 0, 0
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
    """At `times_more` times the data the record's power, 0.8, decides about so often."""
    rng, decision = np.random.default_rng(seed), record(margins={"selection_rate": 0.1}, columns={"decision": "act"})

    def table(n: int) -> pl.LazyFrame:
        group = rng.choice(["a", "b"], n)
        act = rng.random(n) < np.where(group == "a", 0.30, 0.33)
        return pl.LazyFrame({"group": group, "score": np.full(n, 0.5), "outcome": np.arange(n) % 2, "act": act})

    def decided(n: int) -> list[float | None]:
        found = audit_model(model_cells(table(n), decision, where="t"), decision, SOURCE, model="m").findings
        return [None if one.verdict != "not enough data" else one.times_more for one in found if one.group == "a"]

    # The true gap, 0.03, is 0.07 from the margin; what a table of 600 says of itself varies with its own gap.
    more = [one for _ in range(40) for one in decided(600) if one is not None]
    typical = float(np.median(more))
    n = int(600 * typical)
    shares = np.mean([one is None for _ in range(40) for one in decided(n)])
    assert 0.5 <= shares <= 1.0
    assert 1.0 < typical < 10


@SEEDS
@pytest.mark.parametrize(("kind", "size"), [("criterion", 0.8), ("dprime", -0.9)])
def test_a_planted_bias_of_labels_is_recovered_and_told_from_the_other(
    kind: str, size: float, seed: int, record: Record
):
    rng = np.random.default_rng(seed)
    decision = record(margins={"criterion": 0.2, "dprime": 0.3}, generalise_to="items")
    rows = []
    for group in "abc":
        d = 2.0 + (size if kind == "dprime" and group == "a" else 0)
        c = size if kind == "criterion" and group == "a" else 0.0
        for item in range(500):
            gold = item % 2
            for rater in range(4):
                yes = int(d * (gold - 0.5) - c + rng.normal() > 0)
                rows.append(
                    {"item": f"{group}{item}", "rater": f"r{rater}", "group": group, "gold": gold, "label": yes}
                )
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
