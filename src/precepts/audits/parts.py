"""A model with stages, or with several classes, as several tables that are audited alike: where along the way a gap arises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from precepts.audits.decision import Decision
from precepts.audits.tables import MISSING, require, with_membership


class Part(NamedTuple):
    """A table to audit, its record, and what it is part of; no slice where the table is whole."""

    slice: Mapping[str, str]
    table: pl.LazyFrame
    decision: Decision
    pieces: tuple[pl.LazyFrame, ...] = ()
    """The same rows in several tables, where they came so: counted apart, their cells add up."""

    @property
    def name(self) -> str:
        """What the part's cells are called."""
        return "-".join(["cells", *self.slice.values()])


def parts(table: pl.LazyFrame, decision: Decision, *, where: str, pieces: Sequence[pl.LazyFrame] = ()) -> list[Part]:
    """The table by stage and by class, as the record has them; stages in the order in which they first occur.

    A stage's rows are those that reached it; its `decision` says which went on. Rows without one are the stage `(missing)`. A
    class's scores stand in `score_CLASS`, and its outcome is that class against the rest.
    """
    pieces = tuple(with_membership(piece, decision, where=where)[0] for piece in pieces)
    table, decision = with_membership(table, decision, where=where)
    columns = decision.columns
    out = [Part({}, table, decision, pieces)]
    if columns.stage is not None:
        require(table, [columns.stage], where=where)
        stage = pl.col(columns.stage).cast(pl.String).fill_null(MISSING)
        names = table.select(stage.unique(maintain_order=True)).collect().to_series()
        own = decision.model_copy(update={"columns": columns.model_copy(update={"stage": None})})
        out = []
        for one in names.to_list():
            of_stage = stage == one
            out.append(Part({"stage": one}, table.filter(of_stage), own, tuple(p.filter(of_stage) for p in pieces)))
    if decision.classes:
        every: list[Part] = []
        for part in out:
            for name in decision.classes:
                score = f"{columns.score}_{name}"
                changed = part.decision.columns.model_copy(update={"score": score, "positive": (name,)})
                record = part.decision.model_copy(update={"columns": changed})
                every.append(part._replace(slice={**part.slice, "class": name}, decision=record))
        out = every
    return out
