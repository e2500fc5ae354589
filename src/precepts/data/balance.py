"""What a set of cases is made of: how many of each clause, kind and split, whole pairs, and topics that stand in two splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from precepts.types import Case, Disposition

FEWEST = 20
"""Cases of a clause below which nothing can be said of it: at 20 a rate's interval is about 0.4 wide."""


class Balance(NamedTuple):
    """Counts. `asked` is by category, then by what is asked; `splits` by clause, then by split."""

    cases: int
    asked: dict[str, dict[str, int]]
    splits: dict[str, dict[str, int]]
    few: tuple[str, ...]
    untested: tuple[str, ...]
    lone: tuple[str, ...]
    same_asked: tuple[str, ...]
    shared_topics: tuple[str, ...]
    tell_tales: tuple[tuple[str, str, int, int], ...]


def balance(
    cases: Sequence[Case], asked: Callable[[Case], Disposition | None], *, clauses: Sequence[str] = ()
) -> Balance:
    """What the cases are made of.

    Args:
        cases: Of any split.
        asked: What the policy asks of a case.
        clauses: Of the policy, so that those without a case are named too.

    Returns:
        Beside counts: clauses with fewer than 20 cases, and with none in `test`; pairs with one case or whose cases ask for the
        same; topics that stand in both `train` and `test`; first words that tell what is asked (first word, kind, with it, of all
        with the word), by which a model could decide without reading on.
    """
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    splits: dict[str, Counter[str]] = {clause: Counter() for clause in clauses}
    pairs: defaultdict[str, list[Case]] = defaultdict(list)
    topics: defaultdict[str, set[str]] = defaultdict(set)
    openings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        kind = asked(case) or "none"
        kinds[case.category or "none"][kind] += 1
        for clause in case.clauses[:1]:
            splits.setdefault(clause, Counter())[case.split or "unsplit"] += 1
        if case.pair:
            pairs[case.pair].append(case)
        if case.topic and case.split in ("train", "test"):
            topics[case.topic].add(case.split)
        openings[" ".join(case.prompt.casefold().split()[:1])][kind] += 1
    return Balance(
        len(cases),
        {name: dict(sorted(found.items())) for name, found in sorted(kinds.items())},
        {name: dict(sorted(found.items())) for name, found in sorted(splits.items())},
        tuple(sorted(name for name, found in splits.items() if found.total() < FEWEST)),
        tuple(sorted(name for name, found in splits.items() if not found["test"] and not found["unsplit"])),
        tuple(sorted(name for name, found in pairs.items() if len(found) < 2)),
        tuple(sorted(name for name, found in pairs.items() if len(found) > 1 and len({asked(c) for c in found}) == 1)),
        tuple(sorted(name for name, found in topics.items() if len(found) > 1)),
        _tell_tales(openings),
    )


def _tell_tales(openings: dict[str, Counter[str]]) -> tuple[tuple[str, str, int, int], ...]:
    """First words nine in ten of whose cases (of at least 20) ask for one kind."""
    out: list[tuple[str, str, int, int]] = []
    for word, found in openings.items():
        kind, most = found.most_common(1)[0]
        if found.total() >= FEWEST and most >= 0.9 * found.total():
            out.append((word, kind, most, found.total()))
    return tuple(sorted(out, key=lambda row: (-row[3], row[0])))
