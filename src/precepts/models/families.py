"""Rows that go on alike after what all rows of a batch begin with: a conversation and its several answers, cases of one clause.

A judge's prompts are a tree: the policy, then the clause, then the conversation, then the answer. What all share is run once
(`models.prefix`); a family's own beginning is run once for the family.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

_LEAST = 8
"""Tokens that a family shares at least; fewer are not worth a pass of their own."""
_LARGEST = 64
"""Rows of a family at most: it bounds the search, and a beginning run once for so many costs next to nothing."""


class Family(NamedTuple):
    """Some rows, and up to which token they are alike; a row alone is like itself up to where the search began."""

    end: int
    rows: tuple[int, ...]


def families(ids: Sequence[list[int]], *, begun: int, held: int = 1 << 14) -> list[Family]:
    """The partition of rows under which the fewest tokens are run, among families of rows that stand together when sorted.

    Args:
        ids: Token ids of each row; none is empty after `begun`.
        begun: Tokens that all rows share and that are run already.
        held: Tokens whose keys and values a family may hold at once, rows times the longest: what bounds memory.

    Each row keeps at least one token of its own, so that there is a last one to read.
    """
    order = sorted(range(len(ids)), key=lambda i: ids[i][begun:])
    alike = [_alike(ids[a], ids[b], begun) for a, b in pairwise(order)]
    saved = [0] + [-1] * len(order)
    first = [0] * (len(order) + 1)
    cut = [begun] * (len(order) + 1)
    for last in range(1, len(order) + 1):
        longest = len(ids[order[last - 1]])
        end = longest - 1
        saved[last], first[last], cut[last] = saved[last - 1], last - 1, begun
        for start in range(last - 2, max(-1, last - 1 - _LARGEST), -1):
            end = min(end, alike[start], len(ids[order[start]]) - 1)
            longest = max(longest, len(ids[order[start]]))
            if end - begun < _LEAST or (last - start) * (longest - begun) > held:
                break
            found = saved[start] + (last - start - 1) * (end - begun)
            if found > saved[last]:
                saved[last], first[last], cut[last] = found, start, end
    out: list[Family] = []
    last = len(order)
    while last:
        out.append(Family(cut[last], tuple(order[first[last] : last])))
        last = first[last]
    return out[::-1]


def in_batches(
    found: Sequence[Family], ids: Sequence[list[int]], *, begun: int, most: int, held: int = 1 << 14
) -> list[list[Family]]:
    """Families with ends of similar length together: at most `most` padded tokens of ends a batch, and `held` tokens held at once.

    A family that is larger than that stands alone.
    """

    def longest(family: Family) -> int:
        return max(len(ids[row]) for row in family.rows)

    batches: list[list[Family]] = []
    rows, whole = 0, 0
    for family in sorted(found, key=lambda family: longest(family) - family.end):
        num, reach = len(family.rows), longest(family)
        whole = max(whole, reach - begun)
        if not batches or (rows + num) * (reach - family.end) > most or (rows + num) * whole > held:
            batches.append([])
            rows, whole = 0, reach - begun
        batches[-1].append(family)
        rows += num
    return batches


def _alike(one: list[int], other: list[int], begun: int) -> int:
    limit = min(len(one), len(other))
    place = begun
    while place < limit and one[place] == other[place]:
        place += 1
    return place
