"""Small intersections in an audit: shown partially pooled, with verdicts only where the record decided on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from precepts.audits import Decision, ModelAudit, audit_model, model_cells
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
