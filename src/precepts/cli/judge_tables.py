"""What `precepts judge` prints for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from precepts.cli.numbers import console
from precepts.judges.card import JudgeCard
from precepts.pipelines.rate import Rated
from precepts.types import Evidence

_SLICED = ("sensitivity", "specificity", "dprime", "criterion")


def print_card(card: JudgeCard, path: Path) -> None:
    """The overall numbers, then those of each clause, category and group."""
    negative = card.num_labelled - card.num_positive
    print(f"judge     {card.judge}, reads {card.view}")
    print(f"question  {card.question}: {card.num_positive} labelled yes, {negative} no, in {card.labels}")
    if card.num_unlabelled:
        print(f"          {card.num_unlabelled} answers have no label that their raters agree on")
    if card.num_unscored:
        print(f"          {card.num_unscored} answers could not be judged")
    if card.policy:
        print(f"policy    {card.policy}")
    overall = [e for e in card.evidence if set(e.slice) == {"set", "question"}]
    table = Table("", "value [95 % interval]", "n", "estimator", box=SIMPLE_HEAD)
    for row in overall:
        table.add_row(_name(row), cell(row), count(row), row.estimator)
    console().print(table)
    _print_slices([e for e in card.evidence if len(e.slice) == 3])
    for note in card.notes:
        print(f"note: {note}")
    print(f"card: {path / 'card.json'}")


def _print_slices(evidence: Sequence[Evidence]) -> None:
    keys = list(dict.fromkeys((k, v) for e in evidence for k, v in e.slice.items() if k not in ("set", "question")))
    sliced = [key for key in keys if any(_has(e, key) and _name(e) in _SLICED for e in evidence)]
    if sliced:
        table = Table("", *_SLICED, box=SIMPLE_HEAD)
        for key in sliced:
            found = {_name(e): e for e in evidence if _has(e, key)}
            cells = [f"{cell(found[name])} n={count(found[name])}" if name in found else "–" for name in _SLICED]
            table.add_row(f"{key[0]} {key[1]}", *cells)
        console().print(table)
    rest = [e for e in evidence if _name(e) not in (*_SLICED, "cohens_kappa")]
    if rest:
        table = Table("", "", "value [95 % interval]", "n", box=SIMPLE_HEAD)
        for row in rest:
            where = " ".join(f"{k} {v}" for k, v in row.slice.items() if k not in ("set", "question"))
            table.add_row(_name(row), where, cell(row), count(row))
        console().print(table)


def _has(row: Evidence, key: tuple[str, str]) -> bool:
    return row.slice.get(key[0]) == key[1]


def _name(row: Evidence) -> str:
    return row.claim.removeprefix("judge/")


def cell(row: Evidence) -> str:
    """Value and interval; a dash where there is none."""
    if row.value is None:
        return "–"
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else " [no interval]"
    return f"{row.value:.2f}{interval}"


def count(row: Evidence) -> str:
    """How many rows, and how many could not be scored."""
    return f"{row.n}" + (f" ({row.n_unscored} unscored)" if row.n_unscored else "")


_PROMISES = {
    "raw": "what the judge said",
    "rogan_gladen": "if the judge errs here as it did on the card's labels",
    "prediction_powered": "if the labelled answers are a random sample of these",
}


def print_rates(found: Rated) -> None:
    """The raw rate and its corrections, each with what it rests on; why one cannot be had stands below."""
    print(f"{found.name}: share that {found.question}")
    table = Table("", "value [95 % interval]", "n", "holds", box=SIMPLE_HEAD)
    for one in found.rates:
        how = one.evidence.claim.rpartition("_rate_")[2]
        table.add_row(how, cell(one.evidence), count(one.evidence), _PROMISES[how])
    console().print(table)
    for one in found.rates:
        if one.why:
            print(f"{one.evidence.claim.rpartition('_rate_')[2]}: {one.why}")
    print(f"evidence: {found.path / 'evidence.jsonl'}")
