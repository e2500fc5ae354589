"""Errors of predictions that are numbers, under sampling weights and under probabilities of membership."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from statsmodels.api import WLS
from statsmodels.stats.sandwich_covariance import cov_white_simple

from precepts.audits import run_audit
from precepts.audits.run import Audited
from precepts.errors import InputError
from precepts.stats import estimate, verify
from precepts.types import Evidence

RecordFile = Callable[..., Path]
VALUE = {"score": "value", "margins": {"mean_error": 1.0}}


def _frame(seed: int = 0, n: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    group, w = rng.choice(["a", "b", "c"], n), rng.choice([1.0, 2.0, 5.0], n)
    outcome = rng.normal(50, 10, n)
    score = outcome + rng.normal(0, 3, n) + 0.5 * w + 2 * (group == "a")  # errors go with weights
    return pl.DataFrame({"group": group, "outcome": outcome, "score": score, "w": w})


def _run(frame: pl.DataFrame, path: Path, tmp_path: Path, name: str = "run") -> Audited:
    frame.write_parquet(tmp_path / f"{name}.parquet")
    return run_audit("model", str(tmp_path / f"{name}.parquet"), decision=path, out=tmp_path / name)


def _sums(error: np.ndarray, w: np.ndarray, arm: str = "a") -> list[dict[str, object]]:
    return [
        {"score": x * v, "score_b": x, "score_c": x * x, "score_d": x * x * v, "score_e": x * x * v * v, "arm": arm}
        for v, x in zip(error.tolist(), w.tolist(), strict=True)
    ]


def test_the_error_is_the_sandwich_of_weighted_least_squares():
    rng = np.random.default_rng(0)
    w = rng.choice([1.0, 4.0], 80)
    error = rng.normal(w, 1 + w)
    fit = WLS(error, np.ones(80), weights=w).fit()
    found = estimate("weighted_mean@1", _sums(error, w))
    assert found.value == pytest.approx(fit.params[0])
    from scipy.stats import t

    df = int(w.sum() ** 2 / (w @ w) - 1 + 1e-9)
    half = t.ppf(0.975, df) * cov_white_simple(fit)[0, 0] ** 0.5  # times 80 / 79 already
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_equal_weights_give_what_no_weights_give():
    rng = np.random.default_rng(1)
    error, arms = rng.normal(0, 2, 60), ["a", "b"] * 30
    plain = [{"score": e, "score_b": e * e, "arm": g} for e, g in zip(error, arms, strict=True)]
    weighted = [_sums(np.array([e]), np.array([3.0]), g)[0] for e, g in zip(error, arms, strict=True)]
    for options in ({"of": "a"}, {"of": "a", "against": "others"}):
        one, other = (
            estimate("moment_mean@1", plain, params=options),
            estimate("weighted_mean@1", weighted, params=options),
        )
        assert (one.value, one.n) == pytest.approx((other.value, other.n))
        # moment_mean@1 takes 28.999… degrees of freedom for 28.
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=5e-3)
    one = estimate("dispersion@1", plain, params={"measure": "mean"})
    other = estimate("dispersion@1", weighted, params={"measure": "mean", "weights": "given"})
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_intervals_cover_where_errors_go_with_weights(seed: int):
    rng, runs, held = np.random.default_rng(seed), 400, 0
    for _ in range(runs):
        rare = rng.random(120) < 0.2  # sampled five times too often: their weight is small
        w = np.where(rare, 1.0, 5.0)
        error = np.where(rare, rng.normal(8, 1, 120), rng.normal(0, 3, 120))
        truth = 8 * 0.2 / (0.2 + 5 * 0.8)
        found = estimate("weighted_mean@1", _sums(error, w))
        held += found.low <= truth <= found.high
    assert 0.95 - 3 * (0.05 * 0.95 / runs) ** 0.5 <= held / runs <= 0.98


def test_an_audit_under_weights_has_their_means_and_every_number_verifies(tmp_path: Path, record_file: RecordFile):
    frame = _frame()
    done = _run(frame, record_file(**VALUE, columns={"weight": "w"}), tmp_path)
    by = {(row.claim, row.slice["group"]): row for row in done.report.levels}
    mine = frame.filter(pl.col("group") == "a")
    error, w = (mine["score"] - mine["outcome"]).to_numpy(), mine["w"].to_numpy()
    assert by["audit/model/mean_error", "a"].value == pytest.approx(np.average(error, weights=w))
    assert by["audit/model/mean_absolute_error", "a"].value == pytest.approx(np.average(np.abs(error), weights=w))
    assert {one.group: one.verdict for one in done.report.findings}["a"] == "outside margin"
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    assert len(rows) == 3 * 2 * 2 + 2 * 2
    for row in rows:
        assert verify(row, root=done.run.path) == []
    assert any("weighted" in note for note in done.report.notes)


def test_shards_add_up_and_a_row_of_weight_two_is_not_two_rows(tmp_path: Path, record_file: RecordFile):
    frame, path = _frame(), record_file(**VALUE, columns={"weight": "w"})
    whole = _run(frame, path, tmp_path).report.levels
    (tmp_path / "parts").mkdir()
    for k, part in enumerate((frame[:200], frame[200:])):
        part.write_parquet(tmp_path / "parts" / f"{k}.parquet")
    parts = run_audit("model", str(tmp_path / "parts"), decision=path, out=tmp_path / "run2").report.levels
    for one, other in zip(whole, parts, strict=True):
        assert (one.value, one.low, one.high, one.n) == pytest.approx((other.value, other.low, other.high, other.n))
    copies = pl.concat([frame.filter(pl.col("w") >= k) for k in range(1, 6)])
    (tmp_path / "decision.frozen.json").unlink()
    plain = _run(copies, record_file(**VALUE), tmp_path, "copies")
    for one, other in zip(whole, plain.report.levels, strict=True):
        assert one.value == pytest.approx(other.value)
        assert one.n < other.n
        assert one.high - one.low > other.high - other.low


def test_membership_by_probability_weights_errors(tmp_path: Path, record_file: RecordFile):
    frame = _frame().with_columns(
        p_a=(pl.col("group") == "a").cast(pl.Float64), p_b=(pl.col("group") != "a").cast(pl.Float64)
    )
    done = _run(
        frame.drop("group", "w"), record_file(**VALUE, membership={"group": {"a": "p_a", "b": "p_b"}}), tmp_path
    )
    mine = frame.filter(pl.col("group") == "a")
    found = next(r for r in done.report.levels if r.claim == "audit/model/mean_error" and r.slice["group"] == "a")
    assert found.value == pytest.approx((mine["score"] - mine["outcome"]).mean())
    assert found.policy == done.report.frozen.sha256


def test_a_negative_or_missing_weight_is_refused(tmp_path: Path, record_file: RecordFile):
    path = record_file(**VALUE, columns={"weight": "w"})
    for name, bad in (("negative", -1.0), ("none", None)):
        frame = _frame().with_columns(w=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(bad)).otherwise(pl.col("w")))
        with pytest.raises(InputError, match="missing or negative"):
            _run(frame, path, tmp_path, name)
