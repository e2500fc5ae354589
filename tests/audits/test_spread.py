"""Spread between groups: unbiased where the range is not, limits that hold, numbers that recompute from cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import run_audit
from precepts.stats import between, dispersion, estimate, verify
from precepts.stats.ratios import Moments
from precepts.stats.spread import of_auc, of_gap, of_rate
from precepts.types import Evidence

RecordFile = Callable[..., Path]


def _rows(yes: list[int], n: list[int]) -> list[dict[str, object]]:
    counts = [(str(k), y, m - y) for k, (y, m) in enumerate(zip(yes, n, strict=True))]
    return [{"arm": arm, "score": s, "count": c} for arm, y, no in counts for s, c in ((1, y), (0, no))]


def test_the_variance_by_hand_is_that_of_the_values_less_their_noise():
    found = estimate("dispersion@1", _rows([2, 5], [10, 10]), params={"statistic": "variance"})
    noise = (0.2 * 0.8 + 0.5 * 0.5) / 9 / 2
    assert found.value == pytest.approx(0.3**2 / 2 - noise)
    assert dispersion(np.array([0.2, 0.5]), np.array([0.16, 0.25]) / 9)[0] == pytest.approx(found.value)
    sd = estimate("dispersion@1", _rows([2, 5], [10, 10]))
    assert sd.value == pytest.approx(found.value**0.5)
    assert (sd.low**2, sd.high**2) == pytest.approx((found.low, found.high))
    assert (sd.low, sd.n) == (0, 20)


def test_equal_groups_have_a_variance_below_zero_a_deviation_of_zero_and_an_interval_of_some_width():
    found = [estimate("dispersion@1", _rows([5] * 6, [10] * 6), params={"statistic": s}) for s in ("sd", "variance")]
    assert found[1].value < 0
    assert (found[0].value, found[0].low) == (0, 0)
    assert found[0].high > 0.05


def test_a_group_of_one_takes_no_part_and_one_group_has_no_spread():
    assert estimate("dispersion@1", _rows([2, 5, 1], [10, 10, 1])).value == estimate("dispersion@1", _rows([2, 5], [10, 10])).value  # fmt: skip
    alone = estimate("dispersion@1", _rows([2, 1], [10, 1]))
    assert (alone.value, alone.low, alone.high) == (None, None, None)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("groups", "n", "spread"), [(2, 100, 0.0), (5, 30, 0.0), (5, 200, 0.08), (20, 40, 0.0), (20, 60, 0.1)]
)
def test_limits_hold_the_true_deviation_and_the_variance_is_unbiased(groups: int, n: int, spread: float, seed: int):
    rng, runs, held, variance, ranges = np.random.default_rng(seed), 250, 0, 0.0, 0.0
    line = np.linspace(-1, 1, groups)
    rates = 0.3 + spread * line / line.std(ddof=1)
    sizes = np.maximum(8, n * np.resize([0.4, 1.0, 1.6], groups)).astype(int)
    for yes in rng.binomial(sizes, rates, size=(runs, groups)):
        known = [of_rate(float(y), float(m)) for y, m in zip(yes, sizes, strict=True)]
        values, noise, wide = (np.array(column) for column in zip(*known, strict=True))
        found, (low, high) = between(values, noise, wide, level=0.95)
        held += low <= spread + 1e-9 and spread <= high
        variance += found / runs
        ranges += np.ptp(values) / runs
    assert held / runs >= 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5
    assert variance == pytest.approx(spread**2, abs=0.003)
    if not spread:
        assert ranges > 0.05  # what largest less smallest says of equal groups


def test_covariances_of_independent_groups_give_what_variances_give_and_shared_noise_does_not_spread():
    values, noise = np.array([0.1, 0.4, 0.2, 0.35]), np.array([0.002, 0.001, 0.004, 0.003])
    plain, full = between(values, noise, noise, level=0.9), between(values, np.diag(noise), np.diag(noise), level=0.9)
    assert plain[0] == pytest.approx(full[0])
    assert plain[1] == pytest.approx(full[1])
    shared = np.diag(noise) + 0.05  # moves all groups alike
    assert between(values, shared, shared, level=0.9)[1] == pytest.approx(plain[1])


def test_gaps_and_areas_have_the_noise_of_their_own_estimators():
    assert of_gap(Moments(10, 4, 5, 2.5, 2.5)).variance == pytest.approx(((2.5 - 5 + 5) / 10 - 0.01) / 9)
    ones, zeros = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 1.0])
    assert of_auc(ones, zeros).value == pytest.approx((1 * 1.5 + 2 * 3.5 + 3 * 4.5) / 30)
    assert of_auc(np.array([1.0]), np.array([5.0])) is None


@pytest.mark.parametrize(
    "changes", [{}, {"columns": {"weight": "w"}}, {"score": "value", "margins": {"mean_error": 1.0}}]
)
def test_every_measure_of_a_model_has_its_spread_on_the_page_and_it_verifies(
    changes: dict[str, object], tmp_path: Path, record_file: RecordFile
):
    rng, n = np.random.default_rng(4), 600
    score = rng.random(n).round(2)
    frame = pl.DataFrame(
        {"group": rng.choice(["a", "b", "c"], n), "score": score, "outcome": (rng.random(n) < score) * 1}
    )
    frame = frame.with_columns(w=pl.when(pl.col("score") > 0.5).then(3.0).otherwise(1.0))
    frame.write_parquet(tmp_path / "s.parquet")
    done = run_audit("model", str(tmp_path / "s.parquet"), decision=record_file(**changes), out=tmp_path / "run")
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    spread = [row for row in rows if row.slice["group"] == "between groups"]
    contrasted = {row.claim.removesuffix("_gap") for row in rows if row.claim.endswith("_gap")}
    assert {row.claim.removesuffix("_dispersion") for row in spread if row.claim.endswith("_dispersion")} == contrasted
    assert len(spread) == 2 * len(contrasted)
    for row in spread:
        assert row.value is not None
        assert verify(row, root=done.run.path) == []
    assert "Spread between groups, by group" in (done.run.path / "audit.html").read_text("utf-8")
    assert len(done.report.document()["dispersion"]) == len(spread)


def test_raters_lie_apart_by_group_in_criterion_and_it_verifies(tmp_path: Path, record_file: RecordFile):
    rng = np.random.default_rng(5)
    rows = [
        {"item": f"{g}{i}", "rater": str(r), "gold": i % 2, "group": g, "label": int(i % 2 + rng.normal(0, 0.5) > 0.5 + shift)}
        for g, shift in (("a", 0.0), ("b", 0.0), ("c", 0.4)) for i in range(120) for r in range(4)
    ]  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "r.csv")
    path = record_file(generalise_to="items", margins={"criterion": 0.2, "dprime": 0.5})
    done = run_audit("labels", str(tmp_path / "r.csv"), decision=path, out=tmp_path / "run")
    found = {row.claim.rsplit("/", 1)[1]: row for row in done.report.spreads}
    assert found["criterion_dispersion"].low > 0.2  # 0.4 of noise 0.5 is 0.8 in z for one of three: deviation 0.46
    assert found["criterion_dispersion"].high > 0.46
    assert found["dprime_dispersion"].low == 0
    for row in found.values():
        assert verify(row, root=done.run.path) == []
    assert "Spread between groups" in (done.run.path / "audit.md").read_text("utf-8")
