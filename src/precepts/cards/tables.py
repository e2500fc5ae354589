"""Evidence arranged: one cell a row of evidence, in tables of claims × arms. Every row stands in exactly one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from precepts.cards.arms import arm_of, arms_of, main_set_of, pair_of, set_of
from precepts.cards.claims import CLAIMS, HEADLINE, Claim, claim_of, claim_order
from precepts.cards.figures import interval_text, is_difference, level_text, sign_text, value_text
from precepts.cards.recompute import evidence_id
from precepts.cards.sections import ORDER, is_core, section_of
from precepts.policy import Policy
from precepts.types import Evidence

_PLACED = {"arm", "set", "category"}
UNSCORED_WARNING = 0.05
"""The share of unscored answers from which the card warns: more could move a rate by as much."""


@dataclass(frozen=True)
class Cell:
    """One row of evidence, as it is printed."""

    value: str
    interval: str = ""
    n: str = ""
    notes: tuple[str, ...] = ()
    sign: str = ""
    warns: bool = False
    id: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table; a cell list is empty where nothing was measured, and `absent` says so."""

    label: str
    about: str
    absent: str
    cells: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Group:
    """Lines under one heading, and what holds for all of them."""

    title: str
    note: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Groups of lines over the same columns. `arms` holds a column's place among the arms, for its colour."""

    columns: tuple[str, ...]
    arms: tuple[int, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Tables:
    """The tables of a card, and the claims of which no set has a number."""

    main_set: str
    arms: tuple[str, ...]
    main: Table
    differences: Table
    categories: Table
    categories_more: Table
    others: Table
    sections: dict[str, Table]
    unmeasured: tuple[str, ...]


def make_tables(evidence: Sequence[Evidence], policy: Policy) -> Tables:
    """All evidence in tables: main set, paired differences, categories, other sets, and one for each further section."""
    sections = _sections([row for row in evidence if not is_core(row)])
    evidence = [row for row in evidence if is_core(row)]
    arms, main_set = arms_of(evidence), main_set_of(evidence)
    titles = {category.id: category.title for category in policy.categories}
    pairs = [row for row in evidence if is_difference(row)]
    plain = [row for row in evidence if not is_difference(row)]
    by_category = [row for row in plain if "category" in row.slice]
    whole = [row for row in plain if "category" not in row.slice]

    def group_of_claim(row: Evidence) -> _Key:
        label = claim_of(row.claim).label
        title = label if set_of(row) == main_set else f"{label}, {set_of(row)}"
        return set_of(row) != main_set, set_of(row), *claim_order(row.claim), title

    def category_head(row: Evidence) -> _Head:
        name = row.slice["category"]
        place = list(titles).index(name) if name in titles else len(titles)
        return _Head((place, name, _rest(row)), _with_rest(titles.get(name, name), row), "", "not measured")

    main_rows = [row for row in whole if set_of(row) == main_set]
    wanted = tuple(_head_of_claim(claim) for claim in CLAIMS if claim.expected)
    main_group = _group("", main_rows, arms, arm_of, _claim_head, wanted=wanted)
    return Tables(
        main_set=main_set,
        arms=arms,
        main=Table(arms, tuple(range(len(arms))), (main_group,)),
        differences=_differences(pairs, arms, main_set, titles),
        categories=_table([row for row in by_category if row.claim in HEADLINE], arms, group_of_claim, category_head),
        categories_more=_table(
            [row for row in by_category if row.claim not in HEADLINE], arms, group_of_claim, category_head
        ),
        others=_table([row for row in whole if set_of(row) != main_set], arms, lambda row: (set_of(row),), _claim_head),
        sections=sections,
        unmeasured=_unmeasured(evidence),
    )


def _sections(rows: Sequence[Evidence]) -> dict[str, Table]:
    """A table for each section that has rows: lines of claims, groups of sets, a column for each arm or pair."""

    def head(row: Evidence) -> _Head:
        claim = claim_of(row.claim)
        rest = ", ".join(f"{key} {value}" for key, value in sorted(row.slice.items()) if key not in ("arm", "set"))
        label = f"{claim.label} ({rest})" if rest else claim.label
        return _Head((*claim_order(row.claim), rest), label, claim.about, claim.absent)

    def column(row: Evidence) -> str:
        return pair_of(row) if is_difference(row) else arm_of(row)

    tables: dict[str, Table] = {}
    for name in ORDER:
        here = [row for row in rows if section_of(row.claim) == name]
        columns = tuple(dict.fromkeys(column(row) for row in sorted(here, key=is_difference)))
        if here:
            groups = tuple(
                _group(str(key[-1]), part, columns, column, head)
                for key, part in _grouped(here, lambda row: (set_of(row),))
            )
            tables[name] = Table(columns, tuple(range(len(columns))), groups)
    return tables


_Key = tuple[Any, ...]
"""What groups and lines are sorted by; of a group's key the last part is its title."""


@dataclass(frozen=True)
class _Head:
    """The left side of a line; lines with equal `order` are one line."""

    order: _Key
    label: str
    about: str
    absent: str


def _unmeasured(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    measured = {row.claim for row in evidence if row.value is not None and not is_difference(row)}
    missing = [claim for claim in CLAIMS if claim.id not in measured]
    return tuple(claim.label + (f" (needs {claim.needs})" if claim.needs else "") for claim in missing)


def _table(
    rows: Sequence[Evidence],
    arms: tuple[str, ...],
    group_of: Callable[[Evidence], _Key],
    head_of: Callable[[Evidence], _Head],
) -> Table:
    """Rows in groups, a column for each arm."""
    groups = tuple(_group(str(key[-1]), here, arms, arm_of, head_of) for key, here in _grouped(rows, group_of))
    return Table(arms, tuple(range(len(arms))), groups)


def _differences(pairs: Sequence[Evidence], arms: Sequence[str], main_set: str, titles: dict[str, str]) -> Table:
    """Claims × pairs of arms, a group for each set and each category in it."""

    def group_of(row: Evidence) -> _Key:
        name, category = set_of(row), row.slice.get("category", "")
        title = f"{name}, {titles.get(category, category)}" if category else name
        return name != main_set, category != "", name, category, title

    by_arm = sorted(pairs, key=lambda row: (arms.index(arm_of(row)), row.baseline or ""))
    columns = {pair_of(row): arms.index(arm_of(row)) for row in by_arm}
    names = tuple(columns)
    groups = tuple(_group(str(key[-1]), here, names, pair_of, _claim_head) for key, here in _grouped(pairs, group_of))
    return Table(names, tuple(columns.values()), groups)


def _grouped(rows: Sequence[Evidence], key_of: Callable[[Evidence], _Key]) -> list[tuple[_Key, list[Evidence]]]:
    groups: dict[_Key, list[Evidence]] = {}
    for row in rows:
        groups.setdefault(key_of(row), []).append(row)
    return sorted(groups.items(), key=lambda item: item[0])


def _head_of_claim(claim: Claim) -> _Head:
    return _Head((*claim_order(claim.id), ""), claim.label, claim.about, claim.absent)


def _claim_head(row: Evidence) -> _Head:
    claim = claim_of(row.claim)
    return _Head((*claim_order(row.claim), _rest(row)), _with_rest(claim.label, row), claim.about, claim.absent)


def _rest(row: Evidence) -> str:
    """What else the row was sliced by."""
    return ", ".join(f"{key} {value}" for key, value in sorted(row.slice.items()) if key not in _PLACED)


def _with_rest(label: str, row: Evidence) -> str:
    rest = _rest(row)
    return f"{label} ({rest})" if rest else label


def _group(
    title: str,
    rows: Sequence[Evidence],
    columns: Sequence[str],
    column_of: Callable[[Evidence], str],
    head_of: Callable[[Evidence], _Head],
    *,
    wanted: Sequence[_Head] = (),
) -> Group:
    """Lines in order, with an empty one for each wanted head that no row has.

    A cell says its judge, exposure or run where the group has several. It is a tuple: one arm may be measured twice.
    """
    judges, exposures = {row.judge for row in rows}, {row.exposure for row in rows}
    runs = {row.run for row in rows}
    cells: dict[_Head, list[tuple[str, Cell]]] = {}
    for row in rows:
        cell = _cell(row, name_judge=len(judges) > 1, name_exposure=len(exposures) > 1, name_run=len(runs) > 1)
        cells.setdefault(head_of(row), []).append((column_of(row), cell))
    claims = {head.order[:2] for head in cells}
    for head in wanted:
        if head.order[:2] not in claims:
            cells[head] = []
    lines = tuple(
        Line(
            head.label,
            head.about,
            head.absent,
            tuple(tuple(cell for at, cell in found if at == name) for name in columns),
        )
        for head, found in sorted(cells.items(), key=lambda item: item[0].order)
    )
    return Group(title, _common(rows), lines)


def _cell(row: Evidence, *, name_judge: bool, name_exposure: bool, name_run: bool) -> Cell:
    notes: list[str] = []
    warns = False
    if row.n_unscored:
        share = row.n_unscored / (row.n + row.n_unscored)
        warns = share > UNSCORED_WARNING
        notes.append(f"{row.n_unscored:,} unscored" + (f" ({100 * share:.0f}\u00a0%)" if warns else ""))
    if row.level != 0.95:
        notes.append(f"{level_text(row)} interval")
    if name_judge and row.judge:
        notes.append(f"judge: {row.judge}")
    if name_exposure:
        notes.append(row.exposure)
    if name_run and row.run:
        notes.append(f"run: {row.run}")
    sign = sign_text(row) if is_difference(row) else ""
    return Cell(value_text(row), interval_text(row), f"n {row.n:,}", tuple(notes), sign, warns, evidence_id(row))


def _common(rows: Sequence[Evidence]) -> str:
    """What holds for all rows of a group: whether their cases were trained on, and who judged."""
    parts: list[str] = []
    exposures = {row.exposure for row in rows}
    if exposures == {"unseen"}:
        parts.append("unseen: none of these cases was trained on")
    elif exposures == {"seen"}:
        parts.append("seen: the training data holds these cases or their like")
    elif exposures:
        parts.append("seen by some arms only: each says so")
    judges = sorted({row.judge for row in rows if row.judge})
    if judges:
        parts.append("judged by " + " and ".join(judges))
    return "; ".join(parts)
