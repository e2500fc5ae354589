"""Counterfactual pairs: the same text with another group in it. A score that moves with the word alone shows within pairs.

Not a function of counted cells: pairs are compared row by row, and the rows are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.tables import is_missing, require, with_groups
from precepts.audits.verdicts import Finding, times_more, within
from precepts.stats import estimate
from precepts.stats.distributions import critical_z
from precepts.types import Evidence, Input


def pair_rows(table: pl.LazyFrame, decision: Decision, *, where: str) -> list[dict[str, Any]]:
    """One row a text: its pair, groups and score; a text without a pair has no score, as it is compared with nothing.

    Raises:
        InputError: If a column is missing.
    """
    pair = decision.columns.pair
    assert pair is not None, "a record without pairs has none to read"
    require(table, [pair, decision.columns.score, *decision.groups], where=where)
    frame, groupings = with_groups(table, decision)
    score = pl.when(pl.col(pair).is_not_null()).then(pl.col(decision.columns.score).cast(pl.Float64).fill_nan(None))
    found = frame.select(pl.col(pair).cast(pl.String).alias("__pair"), score.alias("__score"), *groupings).collect()
    return [
        {"pair": row["__pair"], "groups": {name: row[name] for name in groupings}, "score": row["__score"]}
        for row in found.iter_rows(named=True)
    ]


def audit_pairs(
    rows: Sequence[dict[str, Any]], decision: Decision, source: Input, *, model: str
) -> tuple[list[Evidence], list[Finding]]:
    """Each group's mean score less that of the other groups in the same pair, and verdicts under the margin `counterfactual`."""
    evidence: list[Evidence] = []
    findings: list[Finding] = []
    for grouping in rows[0]["groups"] if rows else ():
        names = sorted({row["groups"][grouping] for row in rows if not is_missing(row["groups"][grouping])})
        level = (1 - decision.alpha) ** (1 / max(1, len(names)))
        for name in names:
            fields = [{"score": r["score"], "label": r["groups"][grouping], "cluster": r["pair"]} for r in rows]
            metric = estimate("within_cluster_contrast@1", fields, params={"positive": name}, level=level)
            chosen = metric.model_dump(
                include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"}
            )
            params = {"score": "score", "label": f"groups.{grouping}", "cluster": "pair", "positive": name}
            row = Evidence(
                claim="audit/model/counterfactual_gap", slice={"grouping": grouping, "group": name}, better="neither", params=params,
                inputs=(source,), model=model, policy=decision.digest, baseline="other groups in the same pair", **chosen,
            )  # fmt: skip
            evidence.append(row)
            margin = decision.margins.get("counterfactual")
            if margin is not None:
                verdict = within(row.low, row.high, margin)
                reason = "" if row.low is not None else "pairs that do not vary, or one pair, cannot say"
                reason = reason if row.value is not None else "no pair has this group and another"
                more = None
                if verdict == "not enough data" and None not in (row.value, row.low, row.high):
                    half = ((row.high or 0) - (row.low or 0)) / 2
                    more = times_more(row.value or 0, half, margin, critical=critical_z(level), power=decision.power)
                found = Finding(
                    kind="gap", measure="counterfactual", grouping=grouping, group=name, evidence=row, margin=margin, verdict=verdict,
                    times_more=more, reason=reason,
                )  # fmt: skip
                findings.append(found)
    return evidence, findings
