"""How each number can be made again: its estimator, and the files and rows that it was computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from precepts.cards.claims import claim_order
from precepts.runs import to_json
from precepts.types import Evidence, content_key


def evidence_id(row: Evidence) -> str:
    """Twelve hex digits that name a row of evidence: what a card's number links to."""
    return content_key(row.model_dump(mode="json"))[:12]


@dataclass(frozen=True)
class Source:
    """A file that evidence was computed from, under the short name that the table of numbers uses."""

    name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Recipe:
    """One number and what makes it."""

    id: str
    claim: str
    where: str
    value: str
    interval: str
    n: str
    estimator: str
    options: str
    inputs: tuple[str, ...]
    measured: str


@dataclass(frozen=True)
class Recipes:
    """All numbers, and the files behind them once each."""

    sources: tuple[Source, ...]
    rows: tuple[Recipe, ...]


def make_recipes(evidence: Sequence[Evidence]) -> Recipes:
    """A recipe for every row of evidence, in the order of the claims."""
    names: dict[tuple[str, str], str] = {}
    rows: list[Recipe] = []
    for row in sorted(evidence, key=lambda row: claim_order(row.claim)):
        inputs: list[str] = []
        for one in row.inputs:
            name = names.setdefault((one.path, one.sha256), f"f{len(names) + 1}")
            inputs.append(f"{name} where {to_json(one.where)}" if one.where else name)
        where = ", ".join(f"{key} {value}" for key, value in sorted(row.slice.items()))
        if row.baseline is not None:
            where += f", minus {row.baseline}"
        options = to_json(row.params) if row.params else ""
        named = (("policy", row.policy), ("judge", row.judge), ("run", row.run))
        measured = [row.model, row.exposure, *(f"{noun} {name}" for noun, name in named if name)]
        rows.append(
            Recipe(
                id=evidence_id(row),
                claim=row.claim,
                where=where,
                value=_exact(row.value),
                interval="" if row.low is None else f"[{_exact(row.low)}, {_exact(row.high)}]",
                n=f"{row.n}" + (f" + {row.n_unscored} unscored" if row.n_unscored else ""),
                estimator=f"{row.estimator}, level {row.level:g}, seed {row.seed}",
                options=options,
                inputs=tuple(inputs),
                measured=", ".join(measured),
            )
        )
    return Recipes(tuple(Source(name, path, sha256) for (path, sha256), name in names.items()), tuple(rows))


def _exact(value: float | None) -> str:
    """Six digits: enough to see a difference; card.json holds all of them."""
    return "none" if value is None else f"{value:.6g}"
