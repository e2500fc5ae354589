"""The audit of ranked lists: what share of attention each group gets, beside its share of items and of merit.

Attention falls with the position in a list, by the discount of the record. Groups are compared with what they are due, not
with each other: a group that holds a tenth of all merit is due a tenth of all exposure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.model import ModelAudit, ModelGroup
from precepts.audits.tables import binary, distinct, is_missing, require, with_groups
from precepts.audits.verdicts import Finding, adjusted, times_more, within
from precepts.errors import InputError
from precepts.stats import estimate, wilson_interval
from precepts.stats.distributions import NORMAL, critical_z
from precepts.types import Evidence, Input

LEVELS: Mapping[str, str] = {
    "exposure_share": "share", "item_share": "representation", "merit_share": "merit",
    "exposure_per_item_share": "per_representation", "exposure_per_merit_share": "per_merit",
}  # fmt: skip
DUE: Mapping[str, str] = {"exposure_representation": "less_representation", "exposure_merit": "less_merit"}
"""By margin of the record, the share of exposure less what a group is due."""


def exposure_cells(
    table: pl.LazyFrame, decision: Decision, *, where: str
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Items, their exposure and their merit, summed by group and list, and the groupings.

    Without a column of positions a list is ordered by score, highest first; items of equal score share the exposure of their
    places, as if chance had ordered them. An item without a list, a score or a position has no exposure and is unscored.

    Raises:
        InputError: If a column is missing, or a position, score or outcome cannot be one.
    """
    columns = decision.columns
    assert columns.list is not None, "checked when the record was read"
    placed_by = columns.position or columns.score
    require(table, [columns.list, placed_by, columns.outcome, *decision.groups], where=where)
    schema = table.collect_schema()
    if not schema[placed_by].is_numeric():
        raise InputError.at(where, None, f"{placed_by!r} is text; positions and scores are numbers")
    if not columns.positive and (schema[columns.outcome].is_numeric() or schema[columns.outcome] == pl.Boolean):
        merit = pl.col(columns.outcome).cast(pl.Float64).fill_nan(None)
    else:
        seen = distinct(table, columns.outcome)
        merit = binary(columns.outcome, schema, columns.positive, seen, where=where).cast(pl.Float64)
    key = pl.col(placed_by).cast(pl.Float64).fill_nan(None)
    ranked, groupings = with_groups(table, decision)
    frame = ranked.select(
        *groupings, pl.col(columns.list).cast(pl.String).alias("__list"), key.alias("__key"), merit.alias("__merit")
    )
    low, least = frame.select(pl.col("__key").min().alias("key"), pl.col("__merit").min()).collect().row(0)
    if least is not None and least < 0:
        raise InputError.at(where, None, f"merit in {columns.outcome!r} is as low as {least:g}; it is 0 or more")
    if columns.position is not None and low is not None and low < 1:
        raise InputError.at(where, None, f"positions in {columns.position!r} begin at {low:g}; the first place is 1")
    known = pl.col("__key").is_not_null() & pl.col("__list").is_not_null()
    place = (
        pl.col("__key")
        if columns.position
        else pl.col("__key").rank("ordinal", descending=True).over("__list", "__known")
    )
    discount = _discount(pl.col("__place"), decision)
    if columns.position is None:
        discount = discount.mean().over("__list", "__known", "__key")
    whole = (
        frame.with_columns(known.alias("__known"))
        .with_columns(place.cast(pl.Float64).alias("__place"))
        .with_columns(
            pl.when("__known").then(discount).alias("__exposure"), pl.col("__merit").is_not_null().alias("__rated")
        )
        .group_by([*groupings, "__list", "__known", "__rated"])
        .agg(count=pl.len(), exposure=pl.col("__exposure").sum(), merit=pl.col("__merit").sum())
        .sort([*groupings, "__list", "__known", "__rated"])
        .collect()
    )
    if whole.is_empty():
        raise InputError.at(where, None, "has no rows; an audit needs some")
    return [
        {
            "groups": {name: row[name] for name in groupings}, "list": row["__list"], "count": row["count"],
            "exposure": row["exposure"] if row["__known"] else None, "merit": row["merit"] if row["__rated"] else None,
        }
        for row in whole.iter_rows(named=True)
    ], groupings  # fmt: skip


def _discount(place: pl.Expr, decision: Decision) -> pl.Expr:
    """Attention at a place, 1 at the first: 1 / log2(1 + place) as in DCG, or 1 / place; 0 beyond the places that are seen."""
    seen = decision.exposure
    found = 1 / (1 + place).log(2) if seen.discount == "logarithmic" else 1 / place
    return found if seen.top is None else pl.when(place <= seen.top).then(found).otherwise(0.0)


def audit_exposure(
    rows: Sequence[Mapping[str, Any]], groupings: tuple[str, ...], decision: Decision, source: Input, *, model: str
) -> ModelAudit:
    """Shares of exposure, of items and of merit by group, and verdicts on their differences where a margin was decided."""
    out, findings = ModelAudit([], [], [], []), list[Finding]()
    total = sum(row["count"] for row in rows)
    for grouping in groupings:
        fields = [
            {"score": row["exposure"], "score_b": row["merit"], "count": row["count"], "arm": row["groups"][grouping],
             "cluster": row["list"]}
            for row in rows
        ]  # fmt: skip
        names = sorted({row["groups"][grouping] for row in rows})
        decided = [name for name in names if not is_missing(name)]
        at_once = (1 - decision.alpha) ** (1 / max(1, len(decided) * len(DUE)))
        for name in names:
            mine = [row for row in rows if row["groups"][grouping] == name]
            n = sum(row["count"] for row in mine)
            unscored = sum(row["count"] for row in mine if row["exposure"] is None or row["merit"] is None)
            low, high = wilson_interval(n, total, level=1 - decision.alpha)
            share = decision.population.get(grouping, {}).get(name)
            found = ModelGroup(grouping, name, n, 0, 0, unscored, n / total, low, high, share, name in decided)
            out.groups.append(found)

        def evidence(claim: str, statistic: str, name: str, level: float) -> Evidence:
            metric = estimate("exposure@1", fields, params={"of": name, "statistic": statistic}, level=level)  # noqa: B023
            chosen = metric.model_dump(
                include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"}
            )
            params = {"score": "exposure", "count": "count", "cluster": "list", "arm": f"groups.{grouping}", "of": name,  # noqa: B023
                      "statistic": statistic} | ({"score_b": "merit"} if "merit" in statistic else {})  # fmt: skip
            return Evidence(
                claim=f"audit/model/{claim}", slice={"grouping": grouping, "group": name}, better="neither", params=params,  # noqa: B023
                inputs=(source,), model=model, policy=decision.digest,
                baseline="the share that is due" if claim in DUE else None, **chosen,
            )  # fmt: skip

        out.levels.extend(evidence(c, s, name, 1 - decision.alpha) for name in names for c, s in LEVELS.items())
        for claim, statistic in DUE.items():
            for name in decided:
                row = evidence(claim, statistic, name, at_once)
                out.contrasts.append(row)
                if (margin := decision.margins.get(claim)) is not None:
                    findings.append(_finding(row, claim, margin, decision))
    return out._replace(findings=adjusted(findings))


def _finding(row: Evidence, measure: str, margin: float, decision: Decision) -> Finding:
    p = more = None
    verdict = within(row.low, row.high, margin)
    if row.value is not None and row.low is not None and row.high is not None:
        half, critical = (row.high - row.low) / 2, critical_z(row.level)
        p = 2 * NORMAL.cdf(-abs(row.value) * critical / half)
        if verdict == "not enough data":
            more = times_more(row.value, half, margin, critical=critical, power=decision.power)
    reason = "" if row.low is not None else "one list, or lists that do not vary, cannot say"
    return Finding(
        kind="trade-off", measure=measure, grouping=row.slice["grouping"], group=row.slice["group"], evidence=row, margin=margin,
        verdict=verdict, p=p, times_more=more, reason=reason,
    )  # fmt: skip
