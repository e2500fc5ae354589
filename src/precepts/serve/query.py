"""Filters over a table's index: which rows, how many of each kind, which comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple
from urllib.parse import urlencode

import polars as pl

from precepts.serve.index import Index

PAGE_ROWS = 50
DIFFERS = {
    "policy": "did what the policy does not ask",
    "itself": "did other than its own verdict",
    "judges": "its judges differ",
    "people": "a person and a judge differ",
}
FACETS = ("category", "clause", "asked", "did", "verdict")
SEEN = {"yes": "labelled", "no": "not labelled"}
NONE = "none"
"""Stands for a value that is absent, as no model writes it into a filter."""


@dataclass(frozen=True)
class Filter:
    """What a list of cases is narrowed to; an empty text narrows nothing."""

    category: str = ""
    clause: str = ""
    asked: str = ""
    did: str = ""
    verdict: str = ""
    kept: str = ""
    differs: str = ""
    labelled: str = ""
    q: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filter:
        """The filter that a query string gives; what is not one of its keys is left out."""
        return cls(**{one.name: given.get(one.name, "")[:200] for one in fields(cls)})

    def given(self) -> dict[str, str]:
        """What was narrowed."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name))}

    def link(self, **more: object) -> str:
        """The query string of this filter with some keys put in, changed, or, where empty, taken out."""
        return urlencode({key: str(value) for key, value in {**self.given(), **more}.items() if value != ""})


class People(NamedTuple):
    """Ids of the cases that somebody labelled, and of those where the label differs from what the judges said."""

    labelled: Sequence[str] = ()
    differing: Sequence[str] = ()


class Rows(NamedTuple):
    """One page of the rows that pass, how many pass, and how many there are of each value."""

    page: pl.DataFrame
    total: int
    counts: dict[str, list[tuple[str, int]]]


def passing(index: Index, wanted: Filter, people: People) -> pl.DataFrame:
    """The rows that pass, with their place in the table as `row`."""
    conditions: list[pl.Expr] = []
    for name in FACETS:
        if value := getattr(wanted, name):
            conditions.append(pl.col(name).is_null() if value == NONE else pl.col(name).cast(pl.String) == value)
    if wanted.kept:
        states = {"yes": pl.col("kept") >= 0.5, "no": pl.col("kept") < 0.5, "unscored": pl.col("kept").is_null()}
        conditions.append(states.get(wanted.kept, pl.lit(value=False)))
    if wanted.differs:
        conditions.append(_differs(wanted.differs, people))
    if wanted.labelled:
        inside = pl.col("case_id").is_in(list(people.labelled))
        conditions.append(inside if wanted.labelled == "yes" else ~inside)
    if wanted.q:
        conditions.append(pl.col("case_id").str.contains(wanted.q, literal=True))
    frame = index.cases.with_row_index("row")
    return frame.filter(*conditions) if conditions else frame


def _differs(kind: str, people: People) -> pl.Expr:
    did, asked, verdict = (pl.col(name).cast(pl.String) for name in ("did", "asked", "verdict"))
    known = {
        "policy": did != asked,
        "itself": did != verdict,
        "judges": pl.col("judges_differ"),
        "people": pl.col("case_id").is_in(list(people.differing)),
    }
    return known.get(kind, pl.lit(value=False))


def rows_of(index: Index, wanted: Filter, people: People, *, page: int) -> Rows:
    """A page of rows, from 1, and for each facet its values by count among the rows that pass."""
    found = passing(index, wanted, people)
    counts: dict[str, list[tuple[str, int]]] = {}
    for name in FACETS:
        table = found[name].value_counts(sort=True).head(60)
        counts[name] = [(NONE if value is None else str(value), int(count)) for value, count in table.iter_rows()]
    start = (max(1, page) - 1) * PAGE_ROWS
    return Rows(found.slice(start, PAGE_ROWS), found.height, counts)


def beside(index: Index, wanted: Filter, people: People, row: int) -> tuple[int | None, int | None, int, int]:
    """The rows before and after one among those that pass, its place among them from 1 (0 if it is none of them), and their number."""
    rows = passing(index, wanted, people)["row"]
    place = int(rows.search_sorted(row, side="left"))
    inside = place < len(rows) and int(rows[place]) == row
    before = int(rows[place - 1]) if place > 0 else None
    after_at = place + 1 if inside else place
    after = int(rows[after_at]) if after_at < len(rows) else None
    return before, after, place + 1 if inside else 0, len(rows)
