"""Tables whose text is not published: what stands for them in the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from precepts.cards.bundle.merkle import leaf_hash, row_salt, tree_root
from precepts.runs import file_digest
from precepts.types import Frozen


class Withheld(Frozen):
    """A withheld table: how many rows it has, the digest of the file, and the root over its salted rows."""

    v: int = 1
    table: str
    sha256: str
    rows: int
    root: str


def withhold(path: Path, *, table: str, secret: bytes) -> Withheld:
    """What stands for a table in the bundle.

    Args:
        path: Where the table is.
        table: Its path in the bundle, had it been published.
        secret: What the salts of its rows are made from; whoever has it can open rows.
    """
    leaves = [leaf_hash(row, row_salt(secret, table, at)) for at, row in enumerate(lines_of(path))]
    return Withheld(table=table, sha256=file_digest(path), rows=len(leaves), root=tree_root(leaves).hex())


def lines_of(path: Path) -> Iterator[bytes]:
    """The rows of a table as bytes, without line feeds."""
    with path.open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n")
