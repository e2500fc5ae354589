"""A monitor looks after every batch: what it calls certain is so with the error of all looks kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from precepts.audits import Decision
from precepts.audits.monitor import look
from precepts.cli import app
from precepts.errors import InputError
from precepts.stats.e_process import (
    difference_sequence,
    log_betting,
    log_e_difference,
    log_likelihood,
    log_likelihood_at,
)
from precepts.types import Input

SOURCE = Input(path="batches.jsonl", sha256="0")
Record = Callable[..., Decision]


def _batch(rng, number, *, n=150, rates=(0.3, 0.3, 0.3), shift=0.0):
    """Cells of one batch: three groups, decisions at `rates`, scores right but for `shift` in group a."""
    out = []
    for group, rate in zip("abc", rates, strict=True):
        score = rng.uniform(0.1, 0.8, n)
        outcome = rng.random(n) < score + (shift if group == "a" else 0)
        for s, y, d in zip(score, outcome, rng.random(n) < rate, strict=True):
            out.append({"batch": number, "groups": {"group": group}, "score": float(s), "outcome": int(y), "decision": int(d),
                        "correct": int(y == d), "count": 1})  # fmt: skip
    return out


def test_an_e_value_by_hand_is_mixture_over_best_null():
    # One side 3 of 3, the other 0 of 3, margin 0: the best common rate is 1/2.
    from scipy.special import beta

    mixed = (beta(3.5, 0.5) / beta(0.5, 0.5)) ** 2
    assert log_e_difference((3, 3), (0, 3), 0.0) == pytest.approx(np.log(mixed / 0.5**6), abs=1e-6)
    low, high = difference_sequence((300, 1000), (200, 1000), alpha=0.05)
    assert low < 0.1 < high
    assert low > 0
    assert (
        log_e_difference((300, 1000), (200, 1000), low - 0.002)
        > np.log(20)
        > log_e_difference((300, 1000), (200, 1000), low + 0.002)
    )


def test_no_stake_is_laid_before_a_batch_was_seen():
    assert log_betting([np.array([0.9])], [np.array([50.0])], 0.0) == pytest.approx(0.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equal_groups_are_seldom_called_certain_at_any_of_many_looks(seed: int):
    rng, alarms, runs = np.random.default_rng(seed), 0, 150
    for _ in range(runs):
        one, other = np.cumsum(rng.random(2000) < 0.3), np.cumsum(rng.random(2000) < 0.3)
        path = [log_e_difference((float(one[k]), k + 1.0), (float(other[k]), k + 1.0), 0.0) for k in range(9, 2000, 40)]
        alarms += max(path) >= np.log(20)
    assert alarms / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bets_on_a_calibrated_score_seldom_win(seed: int):
    rng, alarms, runs = np.random.default_rng(seed), 0, 200
    for _ in range(runs):
        batches = []
        for _ in range(20):
            s = rng.uniform(0.05, 0.6, 60)
            batches.append((rng.random(60) < s) - s)
        alarms += any(log_betting(batches[:k], [np.ones(60)] * k, 0.0) >= np.log(20) for k in range(1, 21))
    assert alarms / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_error_over_all_groups_measures_and_looks_is_kept(seed: int, record: Record):
    rng, decision = np.random.default_rng(seed), record(margins={"selection_rate": 0.001, "calibration": 0.001})
    alarms, runs = 0, 60
    for _ in range(runs):
        cells = [cell for number in range(1, 9) for cell in _batch(rng, number)]
        found = look(cells, decision, ["selection_rate", "calibration"], SOURCE)
        alarms += any(one.certain_since is not None for one in found.watched)
    assert alarms / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_planted_gaps_become_certain_and_say_when(record: Record):
    rng, decision = np.random.default_rng(0), record(margins={"selection_rate": 0.05, "calibration": 0.05})
    calm = [cell for number in (1, 2) for cell in _batch(rng, number)]
    assert all(
        one.certain_since is None for one in look(calm, decision, ["selection_rate", "calibration"], SOURCE).watched
    )
    cells = calm + [
        cell for number in range(3, 9) for cell in _batch(rng, number, n=600, rates=(0.6, 0.3, 0.3), shift=0.2)
    ]
    found = {
        (one.measure, one.group): one
        for one in look(cells, decision, ["selection_rate", "calibration"], SOURCE).watched
    }
    for measure in ("selection_rate", "calibration"):
        assert (found[measure, "a"].certain_since or 0) >= 3
    assert found["calibration", "b"].certain_since is None
    gap = found["selection_rate", "a"].evidence
    assert gap is not None
    assert gap.low > 0.05


def test_new_groups_take_their_share_of_alpha_from_what_is_left():
    from precepts.audits.monitor import _shares

    assert sum(_shares([1, 1, 1, 4, 4, 7], 0.05)) <= 0.05
    assert _shares([1, 1], 0.05) == pytest.approx([0.0225, 0.0225])


def test_the_command_adds_batches_counts_each_once_and_verifies(tmp_path: Path, record_file: Callable[..., Path]):
    path, rng = record_file(margins={"selection_rate": 0.05}), np.random.default_rng(1)
    files = []
    for number, rate in enumerate((0.3, 0.7, 0.7)):
        group = np.repeat(["a", "b"], 400)
        score = np.where(rng.random(800) < np.where(group == "a", rate, 0.3), 0.9, 0.1)
        frame = pl.DataFrame({"group": group, "score": score, "outcome": (rng.random(800) < score).astype(int)})
        files.append(tmp_path / f"{number}.parquet")
        frame.write_parquet(files[-1])
    out = tmp_path / "run"
    common = ["--decision", str(path), "--out", str(out)]
    quiet = CliRunner().invoke(app, ["audit", "monitor", str(files[0]), *common])
    assert quiet.exit_code == 0, quiet.output
    loud = CliRunner().invoke(app, ["audit", "monitor", str(files[1]), str(files[2]), *common, "--json"])
    assert loud.exit_code == 1, loud.output
    document = json.loads(loud.stdout)
    assert document["looks"] == 3
    assert {one["certain_since"] for one in document["watched"]} == {2}
    again = CliRunner().invoke(app, ["audit", "monitor", str(files[1]), *common])
    assert isinstance(again.exception, InputError)
    assert "added before" in str(again.exception)
    verified = CliRunner().invoke(app, ["audit", "verify", str(out)])
    assert verified.exit_code == 0, verified.output


@pytest.mark.parametrize(
    "changes",
    [{"columns": {"weight": "w"}}, {"columns": {"stage": "s"}}, {"membership": {"group": {"a": "p", "b": "q"}}}, {"classes": ["x", "y"]}],
)  # fmt: skip
def test_what_the_monitor_would_pass_over_is_refused_before_the_record_is_frozen(changes, tmp_path, record_file):
    path = record_file(margins={"selection_rate": 0.05}, **changes)
    found = CliRunner().invoke(app, ["audit", "monitor", str(tmp_path / "t.csv"), "--decision", str(path)])
    assert isinstance(found.exception, InputError)
    assert "the monitor has no form for" in str(found.exception)
    assert not (tmp_path / "decision.frozen.json").exists()


@pytest.mark.parametrize(
    "pair",
    [
        ((7.0, 24.0), (12.0, 24.0)),
        ((0.0, 5.0), (5.0, 5.0)),
        ((300.0, 1000.0), (200.0, 1000.0)),
        ((1.0, 1.0), (0.0, 900.0)),
    ],
)
@pytest.mark.parametrize("difference", [-1.0, -0.4, -0.01, 0.0, 0.2, 0.77, 1.0])
def test_the_best_pair_of_rates_with_a_difference_is_found(pair, difference):
    from scipy.optimize import minimize_scalar

    one, other = pair
    rates = np.linspace(max(0.0, -difference), min(1.0, 1 - difference), 4001)
    best = max(log_likelihood(min(1.0, max(0.0, r + difference)), *one) + log_likelihood(r, *other) for r in rates)
    found = log_likelihood_at(difference, one, other)
    assert found >= best - 1e-12
    if np.isfinite(best) and abs(difference) < 1:
        low, high = float(rates[0]), float(rates[-1])
        searched = minimize_scalar(
            lambda r: -(log_likelihood(min(1.0, max(0.0, r + difference)), *one) + log_likelihood(r, *other)), bounds=(low, high),
            method="bounded", options={"xatol": 1e-12},
        )  # fmt: skip
        assert found == pytest.approx(max(best, -searched.fun), abs=1e-6)
