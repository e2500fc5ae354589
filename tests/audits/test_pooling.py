"""Small intersections in an audit: shown partially pooled, with verdicts only where the record decided on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from precepts.audits import Decision, ModelAudit, audit_model, model_cells, run_audit
from precepts.stats import verify
from precepts.types import Input

Record = Callable[..., Decision]


def _audit(decision: Decision) -> ModelAudit:
    rng = np.random.default_rng(5)
    rows = []
    for a, one in zip("abc", (600, 200, 30), strict=True):
        for b, two in zip("xyz", (1.0, 0.5, 0.1), strict=True):
            n = int(one * two)
            rows += [{"a": a, "b": b, "score": 0.5, "outcome": int(k % 2), "act": int(yes)}
                     for k, yes in enumerate(rng.random(n) < 0.3 + 0.1 * (a == "a"))]  # fmt: skip
    cells = model_cells(pl.LazyFrame(rows), decision, where="t")
    return audit_model(cells, decision, Input(path="cells.jsonl", sha256="0"), model="m")


def test_pooled_rates_stand_beside_raw_ones_and_are_narrower_where_rows_are_few(record: Record) -> None:
    found = _audit(record(groups=["a", "b"], intersections=True, columns={"decision": "act"}))
    levels = {(r.claim.rsplit("/", 1)[1], r.slice["group"]): r for r in found.levels if "×" in r.slice["grouping"]}
    raw, pooled = levels["selection_rate", "c × z"], levels["selection_rate_pooled", "c × z"]
    assert raw.n == pooled.n == 3
    assert pooled.high - pooled.low < 0.65 * (raw.high - raw.low)
    assert pooled.estimator == "pooled_rate@1"
    large = levels["selection_rate", "a × x"], levels["selection_rate_pooled", "a × x"]
    assert abs(large[0].value - large[1].value) < 0.02
    assert not any("pooled" in one.measure for one in found.findings)
    assert not any(r.claim.endswith("_pooled") for r in found.levels if "×" not in r.slice["grouping"])


def test_verdicts_rest_on_pooled_rates_where_the_record_says_so(record: Record) -> None:
    asked = {
        "groups": ["a", "b"],
        "intersections": True,
        "columns": {"decision": "act"},
        "margins": {"selection_rate": 0.25},
    }
    raw, pooled = _audit(record(**asked)).findings, _audit(record(**asked, pool_intersections=True)).findings
    assert len(raw) == len(pooled) == 6 + 9
    assert {one.measure for one in pooled} == {"selection_rate", "selection_rate_pooled"}
    smallest = [next(one.evidence for one in found if one.group == "c × z") for found in (raw, pooled)]
    assert [one.estimator for one in smallest] == ["group_rate@1", "pooled_rate@1"]
    assert smallest[1].high - smallest[1].low < 0.8 * (smallest[0].high - smallest[0].low)


def test_rates_of_raters_on_intersections_are_pooled_and_verify(
    tmp_path: Path, record_file: Callable[..., Path]
) -> None:
    rng = np.random.default_rng(6)
    rows = [
        {"item": f"{a}{b}{i}", "rater": str(r), "gold": i % 2, "a": a, "b": b, "label": int(rng.random() < (0.8 if i % 2 else 0.2))}
        for a, one in zip("pqr", (60, 30, 6), strict=True) for b, two in zip("xyz", (1.0, 0.5, 0.34), strict=True)
        for i in range(int(one * two)) for r in range(3)
    ]  # fmt: skip
    pl.DataFrame(rows).write_csv(tmp_path / "r.csv")
    path = record_file(groups=["a", "b"], intersections=True, generalise_to="items", margins={"criterion": 0.3})
    done = run_audit("labels", str(tmp_path / "r.csv"), decision=path, out=tmp_path / "run")
    by = {(row.claim.rsplit("/", 1)[1], row.slice["group"]): row for row in done.report.levels}
    raw, pooled = by["hit_rate", "r × z"], by["hit_rate_pooled", "r × z"]
    assert raw.n == pooled.n == 3
    assert pooled.high - pooled.low < 0.7 * (raw.high - raw.low)
    assert abs(pooled.value - 0.8) < 0.12
    assert by["false_alarm_rate_pooled", "p × x"].value == pytest.approx(
        1 - by["correct_rejection_rate", "p × x"].value, abs=0.05
    )
    assert ("hit_rate_pooled", "p") not in by
    for row in [row for row in done.report.levels if row.claim.endswith("_pooled")]:
        assert verify(row, root=done.run.path) == []
    assert "Small intersections, partially pooled, by a × b" in (done.run.path / "audit.html").read_text("utf-8")
    assert not any("pooled" in one.measure for one in done.report.findings)
