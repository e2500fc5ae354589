"""The audit of predictions that are numbers: errors by group, from sums that add up over shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.model import ModelAudit, ModelGroup
from precepts.audits.tables import is_missing, require, with_groups
from precepts.audits.verdicts import BETWEEN, SPREADS, Finding, adjusted, within
from precepts.errors import InputError
from precepts.stats import estimate, wilson_interval
from precepts.stats.distributions import NORMAL, critical_z
from precepts.types import Evidence, Input
from precepts.workers import Spread, here

MEASURES: Mapping[str, str] = {"mean_error": "error", "mean_absolute_error": "absolute"}


def error_cells(
    table: pl.LazyFrame, decision: Decision, *, where: str, pieces: Sequence[pl.LazyFrame] = (), over: Spread = here
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Sums of prediction less outcome, of its size and of its square by group, and the groupings.

    `pieces` are the same rows in several tables, which `over` sums apart; their sums are added up.

    Raises:
        InputError: If a column is missing or is not of numbers.
    """
    columns = decision.columns
    require(table, [columns.score, columns.outcome, *decision.groups], where=where)
    schema = table.collect_schema()
    for name in (columns.score, columns.outcome):
        if not schema[name].is_numeric():
            raise InputError.at(
                where, None, f"{name!r} is text; with `score: value` predictions and outcomes are numbers"
            )
    if columns.weight:
        raise InputError(
            "Errors of predictions are not weighted yet; leave `columns.weight` out of a record with `score: value`."
        )
    summed = partial(_sums, decision=decision)
    counted = pl.concat(over(summed, pieces) if pieces else [summed(table)])
    frame, groupings = with_groups(counted.lazy(), decision)
    sums = [pl.col(name).sum() for name in ("count", "error", "absolute", "squared")]
    whole = frame.group_by([*groupings, "known"]).agg(sums).sort([*groupings, "known"]).collect()
    return [
        {
            "groups": {name: row[name] for name in groupings}, "count": row["count"],
            **{key: row[key] if row["known"] else None for key in ("error", "absolute", "squared")},
        }
        for row in whole.iter_rows(named=True)
    ], groupings  # fmt: skip


def _sums(table: pl.LazyFrame, *, decision: Decision) -> pl.DataFrame:
    """The sums of one table by the values of the group columns, in one streaming pass."""
    score, outcome = (
        pl.col(name).cast(pl.Float64).fill_nan(None) for name in (decision.columns.score, decision.columns.outcome)
    )
    keys = [pl.col(name).alias(name) for name in decision.groups]
    return (
        table.select(*keys, (score - outcome).alias("__error"))
        .with_columns(known=pl.col("__error").is_not_null())
        .group_by([*decision.groups, "known"])
        .agg(
            count=pl.len().cast(pl.Int64), error=pl.col("__error").sum(), absolute=pl.col("__error").abs().sum(),
            squared=(pl.col("__error") ** 2).sum(),
        )
        .collect(engine="streaming")
    )  # fmt: skip


def audit_errors(
    rows: list[dict[str, Any]], groupings: tuple[str, ...], decision: Decision, source: Input, *, model: str
) -> ModelAudit:
    """Mean error (above 0: predicted too high) and mean absolute error by group, and each group against all others."""
    out, findings, spreads = ModelAudit([], [], [], []), list[Finding](), list[Evidence]()
    total = sum(row["count"] for row in rows)
    for grouping in groupings:
        names = sorted({row["groups"][grouping] for row in rows})
        decided = [name for name in names if not is_missing(name)]
        at_once = (1 - decision.alpha) ** (1 / max(1, len(decided) * len(MEASURES)))
        for name in names:
            n = sum(row["count"] for row in rows if row["groups"][grouping] == name)
            unscored = sum(row["count"] for row in rows if row["groups"][grouping] == name and row["error"] is None)
            low, high = wilson_interval(n, total, level=1 - decision.alpha)
            share = decision.population.get(grouping, {}).get(name)
            out.groups.append(
                ModelGroup(grouping, name, n, 0, 0, unscored, n / total, low, high, share, name in decided)
            )
        for measure, key in MEASURES.items():
            for name in names:
                out.levels.append(
                    _evidence(rows, measure, key, grouping, name, None, 1 - decision.alpha, decision, source, model)
                )
            spreads += (
                _spreads(rows, measure, key, grouping, decided, decision, source, model) if len(decided) > 1 else []
            )
            for name in decided if len(decided) > 1 else ():
                row = _evidence(rows, measure, key, grouping, name, decided, at_once, decision, source, model)
                out.contrasts.append(row)
                if (margin := decision.margins.get(measure)) is not None:
                    findings.append(_finding(row, measure, margin))
    return out._replace(findings=adjusted(findings), spreads=spreads)


def _spreads(
    rows: list[dict[str, Any]], measure: str, key: str, grouping: str, decided: list[str], decision: Decision, source: Input, model: str
) -> list[Evidence]:  # fmt: skip
    """How far the groups lie apart: standard deviation between them, and the unbiased variance."""
    out: list[Evidence] = []
    fields = [
        {"score": row[key], "score_b": row["squared"], "count": row["count"], "arm": row["groups"][grouping]}
        for row in rows if row["groups"][grouping] in decided
    ]  # fmt: skip
    for statistic, end in SPREADS.items():
        options = {"measure": "mean", "statistic": statistic}
        metric = estimate("dispersion@1", fields, params=options, level=1 - decision.alpha)
        chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        params = {"score": key, "score_b": "squared", "count": "count", "arm": f"groups.{grouping}", **options}
        where = {f"groups.{grouping}": decided}
        out.append(
            Evidence(
                claim=f"audit/model/{measure}{end}", slice={"grouping": grouping, "group": BETWEEN}, better="lower", params=params,
                inputs=(source.model_copy(update={"where": where}),), model=model, policy=decision.digest, **chosen,
            )
        )  # fmt: skip
    return out


def _evidence(
    rows: list[dict[str, Any]], measure: str, key: str, grouping: str, name: str, against: list[str] | None, level: float,
    decision: Decision, source: Input, model: str,
) -> Evidence:  # fmt: skip
    params: dict[str, Any] = {
        "score": key,
        "score_b": "squared",
        "count": "count",
        "arm": f"groups.{grouping}",
        "of": name,
    }
    options: dict[str, Any] = {"of": name}
    if against is not None:
        params["against"] = options["against"] = "others"
    among = against if against is not None else [name]
    fields = [
        {"score": row[key], "score_b": row["squared"], "count": row["count"], "arm": row["groups"][grouping]}
        for row in rows if row["groups"][grouping] in among
    ]  # fmt: skip
    metric = estimate("moment_mean@1", fields, params=options, level=level)
    chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
    return Evidence(
        claim=f"audit/model/{measure}{'' if against is None else '_gap'}", slice={"grouping": grouping, "group": name}, better="neither",
        params=params, inputs=(source.model_copy(update={"where": {f"groups.{grouping}": among}}),), model=model,
        policy=decision.digest, baseline=None if against is None else "all other groups together", **chosen,
    )  # fmt: skip


def _finding(row: Evidence, measure: str, margin: float) -> Finding:
    p = None
    if row.value is not None and row.low is not None and row.high is not None:
        p = 2 * NORMAL.cdf(-abs(row.value) / ((row.high - row.low) / 2 / critical_z(row.level)))
    reason = "" if row.value is not None else "cannot be computed: a side has no such row"
    return Finding(
        kind="gap", measure=measure, grouping=row.slice["grouping"], group=row.slice["group"], evidence=row, margin=margin,
        verdict=within(row.low, row.high, margin), p=p, reason=reason,
    )  # fmt: skip
