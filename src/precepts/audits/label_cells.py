"""Ratings counted once by group, rater, item, truth and answer; everything after works on these rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.tables import binary, distinct, require, with_groups
from precepts.errors import InputError
from precepts.stats.crossed import Sampled
from precepts.stats.trade_off import Ratings

_MOST_GROUPS = 300
SAMPLED: Mapping[str, Sampled] = {"raters and items": "both", "raters": "a", "items": "b", "neither": "rows"}
"""What the intervals of a record generalise to, as the estimators call it."""


class View(NamedTuple):
    """One question of the ratings as a yes or no: a label of two values, a cut of a scale, or a class against the rest."""

    name: str
    """Empty for the one question of a label of two values."""
    label: str
    """Key of the answer in a cell."""
    gold: str
    """Key of the truth in a cell."""


def views(decision: Decision) -> list[View]:
    """The questions that this record asks of a label; the first is the decided one."""
    if decision.classes:
        return [View(name, f"label_is_{name}", f"gold_is_{name}") for name in decision.classes]
    return [
        View("", "label", "gold"),
        *(View(f"at least {name}", f"at_{name}", "gold") for name in decision.levels[1:]),
    ]


class LabelCells(NamedTuple):
    """Counted ratings by group, rater, item, truth and answer, and what the table looked like."""

    rows: list[dict[str, Any]]
    groupings: tuple[str, ...]
    num_duplicates: int
    """Ratings beyond the first of the same rater on the same item."""
    num_contradictions: int
    """Pairs of rater and item with both answers."""


def label_cells(table: pl.LazyFrame, decision: Decision, *, where: str) -> LabelCells:
    """Ratings counted by group, rater, item, truth and answer.

    Raises:
        InputError: If a column is missing, its values cannot be read, or groups are too many.
    """
    columns = decision.columns
    unit = columns.cluster or columns.item
    needed = [
        columns.label,
        columns.rater,
        columns.item,
        unit,
        *decision.groups,
        *([] if decision.without_gold else [columns.gold]),
    ]
    require(table, needed, where=where)
    asked = _asked(table, decision, where=where)
    frame, groupings = with_groups(table.with_columns(*asked.values()), decision)
    answer = f"__{views(decision)[0].label}"
    pairs = (
        frame.filter(pl.col(columns.rater).is_not_null() & pl.col(columns.item).is_not_null())
        .group_by(columns.rater, columns.item)
        .agg(n=pl.len(), answers=pl.col(answer).drop_nulls().n_unique())
        .select((pl.col("n") - 1).sum().alias("again"), (pl.col("answers") > 1).sum().alias("both"))
        .collect()
    )
    keys = [*groupings, columns.rater, unit, *(f"__{key}" for key in asked)]
    counted = frame.group_by(list(dict.fromkeys(keys))).agg(count=pl.len()).sort(list(dict.fromkeys(keys))).collect()
    rows: list[dict[str, Any]] = [
        {
            "groups": {name: row[name] for name in groupings},
            "rater": _text(row[columns.rater]),
            "item": _text(row[unit]),
            **{key: row[f"__{key}"] for key in asked},
            "right": _right(row),
            "count": row["count"],
        }
        for row in counted.iter_rows(named=True)
    ]
    if not rows:
        raise InputError.at(where, None, "has no rows; an audit needs some")
    for grouping in () if decision.without_gold else groupings:
        if (number := len({row["groups"][grouping] for row in rows})) > _MOST_GROUPS:
            raise InputError(
                f"The column {grouping!r} has {number} groups; signal detection by group needs ratings of signal and of "
                f"noise in each and takes at most {_MOST_GROUPS}. Name coarser groups in the decision record."
            )
    return LabelCells(rows, groupings, int(pairs.item(0, "again")), int(pairs.item(0, "both")))


def _asked(table: pl.LazyFrame, decision: Decision, *, where: str) -> dict[str, pl.Expr]:
    """By key of a cell, 1, 0 or null: the answer and the truth to every question of the record."""
    columns, schema = decision.columns, table.collect_schema()
    roles = [("label", columns.label), ("gold", None if decision.without_gold else columns.gold)]
    out: dict[str, pl.Expr] = {}
    scale = decision.levels or decision.classes
    for role, name in roles if scale else []:
        text = pl.lit(None, dtype=pl.String) if name is None else pl.col(name).cast(pl.String)
        seen = [] if name is None else [str(one) for one in distinct(table, name) if one is not None]
        unknown = [one for one in seen if one not in scale]
        if unknown and (decision.classes or role == "label"):
            raise InputError(
                f"{where}: {name!r} has {unknown[0]!r}, which is not among {', '.join(scale)}. Correct `levels` or `classes` in the record."
            )
        for place, one in enumerate(scale):
            if decision.classes:
                out[f"{role}_is_{one}"] = (text == one).cast(pl.Int64)
            elif role == "label" and place:
                out[f"at_{one}"] = pl.when(text.is_not_null()).then(text.is_in(scale[place:])).cast(pl.Int64)
    for role, name in [] if decision.classes else roles:
        if name is None:
            out[role] = pl.lit(None, dtype=pl.Int64)
        else:
            out[role] = binary(name, schema, columns.positive, distinct(table, name), where=where)
    return {key: expression.alias(f"__{key}") for key, expression in out.items()}


def _right(row: Mapping[str, Any]) -> int | None:
    label, gold = row.get("__label"), row.get("__gold")
    return None if label is None or gold is None else int(label == gold)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def count_raters(cells: Sequence[Mapping[str, Any]]) -> int:
    """How many raters there are; a rating without one is of a rater of its own."""
    return len({k if cell["rater"] is None else (cell["rater"],) for k, cell in enumerate(cells)})


def ratings(cells: Sequence[Mapping[str, Any]], grouping: str, names: Sequence[str], view: View) -> Ratings:
    """Arrays of the cells that have an answer and a truth."""
    kept = [cell for cell in cells if cell[view.label] is not None and cell[view.gold] is not None]
    arms = {name: code for code, name in enumerate(names)}

    def codes(key: str) -> Any:
        texts = np.array([repr(i if c[key] is None else (c[key],)) for i, c in enumerate(kept)])
        return np.unique(texts, return_inverse=True)[1].astype(np.int64)

    def integers(values: list[int]) -> Any:
        return np.array(values, dtype=np.int64)

    return Ratings(
        arm=integers([arms[cell["groups"][grouping]] for cell in kept]),
        truth=integers([cell[view.gold] for cell in kept]),
        yes=integers([cell[view.label] for cell in kept]),
        times=np.array([float(cell["count"]) for cell in kept]),
        rater=codes("rater"),
        item=codes("item"),
    )
