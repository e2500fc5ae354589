"""Reliability curves by group: points that recompute, stretches that all groups share, figures that say what they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from precepts.audits import Decision, audit_model, model_cells, run_audit
from precepts.audits.report_curves import figures, points
from precepts.stats import Stretch, estimate, reliability_metric, verify
from precepts.stats.distributions import exact_rate_interval
from precepts.types import Evidence, Input

Record = Callable[..., Decision]
SOURCE = Input(path="cells.jsonl", sha256="0")


def _frame(n: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Group b's outcomes are rarer than its scores say."""
    rng = np.random.default_rng(seed)
    score, group = rng.beta(2, 3, n).round(3), rng.choice(["a", "b"], n)
    risk = np.where(group == "b", score**2, score)
    return pl.DataFrame({"group": group, "score": score, "outcome": (rng.random(n) < risk).astype(int)})


def test_a_point_by_hand():
    rows = [
        {"score": 0.2, "label": 1, "count": 3},
        {"score": 0.4, "label": 0, "count": 7},
        {"score": 0.5, "label": None},
    ]
    rate, predicted = (estimate("reliability@1", rows, params={"statistic": s}) for s in ("outcome", "score"))
    assert (rate.value, rate.n, rate.n_unscored) == (0.3, 10, 1)
    assert (rate.low, rate.high) == pytest.approx(exact_rate_interval(3, 10, level=0.95))
    assert predicted.value == pytest.approx(0.34)
    assert predicted.low < 0.34 < predicted.high


def test_weights_of_one_change_nothing_and_others_count_at_their_effective_number():
    rows = [{"score": 0.2, "label": k % 2, "count": 10, "score_b": 10.0, "score_c": 10.0} for k in range(4)]
    for statistic in ("outcome", "score"):
        plain, weighted = (
            estimate("reliability@1", rows, params={"statistic": statistic, "weights": w}) for w in ("none", "given")
        )
        assert plain == weighted
    unlike = [{**row, "score_b": 30.0 * row["label"] + 10, "score_c": 160.0 * row["label"] + 10} for row in rows]
    found = estimate("reliability@1", unlike, params={"weights": "given"})
    assert found.value == pytest.approx(80 / 100)
    assert (found.low, found.high) == pytest.approx(
        exact_rate_interval(round(0.8 * 100**2 / 360), round(100**2 / 360), level=0.95)
    )


def test_points_are_those_of_an_independent_curve_and_stretches_hold_alike_many(record: Record):
    frame, decision = _frame(), record(intersections=False)
    cells = model_cells(frame.lazy(), decision, where="t")
    shares = cells.frame.group_by("stretch").agg(pl.col("count").sum())["count"] / len(frame)
    assert len(shares) == 10
    assert shares.min() > 0.08
    assert shares.max() < 0.12
    curves = audit_model(cells, decision, SOURCE, model="m").curves
    edges = cells.frame.group_by("stretch").agg(pl.col("score").max()).sort("stretch")["score"].to_numpy()
    for name in "ab":
        mine = frame.filter(pl.col("group") == name)
        found = points(curves, "group", "")[name]
        bins = np.searchsorted(edges, mine["score"].to_numpy(), side="left")
        # scikit-learn's curve over the same stretches: scores are moved to the middle of theirs to choose the bin.
        truth, _ = calibration_curve(mine["outcome"].to_numpy(), (bins + 0.5) / 10, n_bins=10)
        assert [one.rate.value for one in found.values()] == pytest.approx(truth)
        means = [mine["score"].to_numpy()[bins == k].mean() for k in range(10)]
        assert [one.score.value for one in found.values()] == pytest.approx(means)
        assert sum(one.rate.n for one in found.values()) == len(mine)


def test_no_score_is_in_two_stretches_and_small_tables_have_fewer(record: Record):
    frame = pl.DataFrame({"group": ["a", "b"] * 400, "score": [0.1] * 600 + [0.4] * 200, "outcome": [0, 0, 0, 1] * 200})
    cells = model_cells(frame.lazy(), record(), where="t")
    assert cells.frame.group_by("bin").agg(pl.col("stretch").n_unique())["stretch"].to_list() == [1, 1]
    assert sorted(cells.frame["stretch"].unique().to_list()) == [1, 2]
    few = model_cells(_frame(120).lazy(), record(), where="t")
    assert few.frame["stretch"].max() == 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_intervals_of_a_calibrated_curve_hold_its_predictions_at_once(seed: int):
    rng, held, runs, level = np.random.default_rng(seed), 0, 300, 0.95 ** (1 / 10)
    for _ in range(runs):
        score = np.sort(rng.beta(1, 6, 400))  # small rates: expected events of a stretch run from 0.3 to 17
        outcome = rng.random(400) < score
        inside = 0
        for mine, came in zip(score.reshape(10, -1), outcome.reshape(10, -1), strict=True):
            sums = Stretch(40, 40, mine.sum(), came.sum(), (mine**2).sum())
            found = reliability_metric(sums, "outcome", n=40, num_unscored=0, level=level)
            inside += found.low <= mine.mean() <= found.high
        held += inside == 10
    assert 0.95 - 3 * np.sqrt(0.05 * 0.95 / runs) <= held / runs


def test_the_exact_interval_is_that_of_scipy():
    for yes, n in ((0, 7), (3, 10), (50, 50)):
        wanted = binomtest(yes, n).proportion_ci(0.99, method="exact")
        assert exact_rate_interval(yes, n, level=0.99) == pytest.approx((wanted.low, wanted.high))


def test_every_point_verifies_and_the_page_draws_one_figure_a_group(tmp_path: Path, record_file: Callable[..., Path]):
    _frame().with_columns(w=pl.when(pl.col("score") > 0.5).then(2.0).otherwise(1.0)).write_parquet(
        tmp_path / "s.parquet"
    )
    path = record_file(columns={"weight": "w"}, margins={"calibration": 0.2})
    done = run_audit("model", str(tmp_path / "s.parquet"), decision=path, out=tmp_path / "run")
    rows = [Evidence.model_validate(row) for row in done.run.rows("evidence")]
    curves = [row for row in rows if row.claim.startswith("audit/model/reliability")]
    assert len(curves) == 2 * 2 * 10
    for row in curves:
        assert verify(row, root=done.run.path) == []
    drawn = figures(done.report.curves, "group", "")
    assert [one.group for one in drawn] == ["a", "b"]
    assert "0 with the predicted rate outside" in drawn[0].described
    assert int(drawn[1].described.split("scores, ")[1].split()[0]) >= 5
    page = (done.run.path / "audit.html").read_text("utf-8")
    assert page.count("<svg") == 2
    assert page.count("<circle") == 20
    assert "Reliability curves" in (done.run.path / "audit.md").read_text("utf-8")
    assert len(done.report.document()["curves"]) == 40


def test_a_rank_is_set_against_everyone_at_the_same_scores(record: Record):
    decision = record(score="rank", cut=5.0)
    frame = _frame().with_columns(score=pl.col("score") * 10)
    curves = audit_model(model_cells(frame.lazy(), decision, where="t"), decision, SOURCE, model="m").curves
    found = points(curves, "group", "")
    high = [found[name]["10 of 10"] for name in "ab"]
    assert high[0].rate.value > high[0].score.value  # a's outcomes are more frequent than those of all at these scores
    assert high[1].rate.value < high[1].score.value


def test_names_from_data_are_escaped_in_figures(tmp_path: Path, record_file: Callable[..., Path]):
    _frame(200).with_columns(group=pl.lit('"><script>x')).write_parquet(tmp_path / "s.parquet")
    done = run_audit("model", str(tmp_path / "s.parquet"), decision=record_file(), out=tmp_path / "run")
    assert "<script>" not in (done.run.path / "audit.html").read_text("utf-8")
