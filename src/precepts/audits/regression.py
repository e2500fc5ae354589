"""The audit of predictions that are numbers: errors by group, from sums that add up over shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.model import ModelAudit, ModelGroup
from precepts.audits.tables import MEMBERSHIP, is_missing, require, with_groups
from precepts.audits.verdicts import BETWEEN, SPREADS, Finding, adjusted, times_more, within
from precepts.errors import InputError
from precepts.stats import estimate, wilson_interval
from precepts.stats.clustered import effective_wilson
from precepts.stats.distributions import NORMAL, critical_z
from precepts.stats.moments import SUM_KEYS
from precepts.types import Evidence, Input
from precepts.workers import Spread, here

MEASURES: Mapping[str, str] = {"mean_error": "error", "mean_absolute_error": "absolute"}
_PLAIN = ("error", "absolute", "squared")
_WEIGHTED = ("weight", "weight_sq", "error_by_sq", "absolute_by_sq", "squared_by_sq")
"""Sums by row of cells; where rows have weights, the plain ones are weighted."""


def _keys(key: str, decision: Decision) -> tuple[str, dict[str, str]]:
    """The estimator of a mean, and where its rows' sums stand in the cells."""
    if decision.columns.weight is None:
        return "moment_mean@1", {"score": key, "score_b": "squared"}
    places = dict(zip(SUM_KEYS, (key, "weight", "weight_sq", f"{key}_by_sq", "squared_by_sq"), strict=True))
    return "weighted_mean@1", places


def error_cells(
    table: pl.LazyFrame, decision: Decision, *, where: str, pieces: Sequence[pl.LazyFrame] = (), over: Spread = here
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Sums of prediction less outcome, of its size and of its square by group, weighted where rows are, and the groupings.

    `pieces` are the same rows in several tables, which `over` sums apart; their sums are added up.

    Raises:
        InputError: If a column is missing or is not of numbers, or a weight is missing or negative.
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
        require(table, [columns.weight], where=where)
        weight = pl.col(columns.weight).cast(pl.Float64).fill_nan(None)
        lowest, lacking = table.select(low=weight.min(), none=weight.null_count()).collect(engine="streaming").row(0)
        if lacking or (lowest is not None and lowest < 0):
            raise InputError.at(where, None, f"a weight in {columns.weight!r} is missing or negative")
    summed = partial(_sums, decision=decision)
    counted = pl.concat(over(summed, pieces) if pieces else [summed(table)])
    frame, groupings = with_groups(counted.lazy(), decision)
    names = [*_PLAIN, *(_WEIGHTED if columns.weight else ())]
    sums = [pl.col(name).sum() for name in ("count", *names)]
    whole = frame.group_by([*groupings, "known"]).agg(sums).sort([*groupings, "known"]).collect()
    return [
        {
            "groups": {name: row[name] for name in groupings}, "count": row["count"],
            **{key: row[key] if row["known"] else None for key in names},
        }
        for row in whole.iter_rows(named=True)
    ], groupings  # fmt: skip


def _sums(table: pl.LazyFrame, *, decision: Decision) -> pl.DataFrame:
    """The sums of one table by the values of the group columns, in one streaming pass."""
    score, outcome = (
        pl.col(name).cast(pl.Float64).fill_nan(None) for name in (decision.columns.score, decision.columns.outcome)
    )
    given = decision.columns.weight
    w = pl.col("__weight")
    error = pl.col("__error")
    keys = [pl.col(name).alias(name) for name in decision.groups]
    sums = {"error": w * error, "absolute": w * error.abs(), "squared": w * error**2}
    if given:
        sums |= {
            "weight": w, "weight_sq": w**2, "error_by_sq": w**2 * error, "absolute_by_sq": w**2 * error.abs(),
            "squared_by_sq": w**2 * error**2,
        }  # fmt: skip
    weight = pl.col(given).cast(pl.Float64) if given else pl.lit(1.0)
    return (
        table.select(*keys, (score - outcome).alias("__error"), weight.alias("__weight"))
        .with_columns(known=error.is_not_null())
        .group_by([*decision.groups, "known"])
        .agg(pl.len().cast(pl.Int64).alias("count"), *(one.sum().alias(name) for name, one in sums.items()))
        .collect(engine="streaming")
    )


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
            found = n / total, *wilson_interval(n, total, level=1 - decision.alpha)
            if decision.columns.weight == MEMBERSHIP:
                found = _share(rows, grouping, name, level=1 - decision.alpha)
            share = decision.population.get(grouping, {}).get(name)
            out.groups.append(ModelGroup(grouping, name, n, 0, 0, unscored, *found, share, name in decided))
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
                    findings.append(_finding(row, measure, margin, decision))
    return out._replace(findings=adjusted(findings), spreads=spreads)


def _share(rows: list[dict[str, Any]], grouping: str, name: str, *, level: float) -> tuple[float, float, float]:
    """A group's share of the rows that have an error, by the probability that they belong to it; and its limits."""
    sizes: dict[str, float] = {}
    counts: dict[str, int] = {}
    for row in rows:
        group = row["groups"][grouping]
        sizes[group] = sizes.get(group, 0.0) + (row["weight"] or 0.0)
        counts[group] = counts.get(group, 0) + row["count"]
    share = sizes[name] / sum(sizes.values()) if sum(sizes.values()) > 0 else 0.0
    return share, *effective_wilson(share, max(counts.values()), level=level)


def _spreads(
    rows: list[dict[str, Any]], measure: str, key: str, grouping: str, decided: list[str], decision: Decision, source: Input, model: str
) -> list[Evidence]:  # fmt: skip
    """How far the groups lie apart: standard deviation between them, and the unbiased variance."""
    out: list[Evidence] = []
    name, keys = _keys(key, decision)
    fields = [
        {**{one: row[place] for one, place in keys.items()}, "count": row["count"], "arm": row["groups"][grouping]}
        for row in rows if row["groups"][grouping] in decided
    ]  # fmt: skip
    weights = {"weights": "given"} if name == "weighted_mean@1" else {}
    for statistic, end in SPREADS.items():
        options = {"measure": "mean", "statistic": statistic, **weights}
        metric = estimate("dispersion@1", fields, params=options, level=1 - decision.alpha)
        chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
        params = {**keys, "count": "count", "arm": f"groups.{grouping}", **options}
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
    made_by, keys = _keys(key, decision)
    params: dict[str, Any] = {**keys, "count": "count", "arm": f"groups.{grouping}", "of": name}
    options: dict[str, Any] = {"of": name}
    if against is not None:
        params["against"] = options["against"] = "others"
    among = against if against is not None else [name]
    fields = [
        {**{one: row[place] for one, place in keys.items()}, "count": row["count"], "arm": row["groups"][grouping]}
        for row in rows if row["groups"][grouping] in among
    ]  # fmt: skip
    metric = estimate(made_by, fields, params=options, level=level)
    chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
    return Evidence(
        claim=f"audit/model/{measure}{'' if against is None else '_gap'}", slice={"grouping": grouping, "group": name}, better="neither",
        params=params, inputs=(source.model_copy(update={"where": {f"groups.{grouping}": among}}),), model=model,
        policy=decision.digest, baseline=None if against is None else "all other groups together", **chosen,
    )  # fmt: skip


def _finding(row: Evidence, measure: str, margin: float, decision: Decision) -> Finding:
    p = more = None
    verdict = within(row.low, row.high, margin)
    if row.value is not None and row.low is not None and row.high is not None:
        half, critical = (row.high - row.low) / 2, critical_z(row.level)
        p = 2 * NORMAL.cdf(-abs(row.value) * critical / half)
        if verdict == "not enough data":
            more = times_more(row.value, half, margin, critical=critical, power=decision.power)
    reason = "" if row.low is not None else "one row, or errors that do not vary, cannot say"
    reason = reason if row.value is not None else "cannot be computed: a side has no such row"
    return Finding(
        kind="gap", measure=measure, grouping=row.slice["grouping"], group=row.slice["group"], evidence=row, margin=margin,
        verdict=verdict, p=p, times_more=more, reason=reason,
    )  # fmt: skip
