"""Tables whose text is not published: what stands for them in the bundle."""

from __future__ import annotations

from pathlib import Path

from precepts.cards.bundle.merkle import leaf_hash, row_salt, tree_root
from precepts.runs import file_digest
from precepts.types import Frozen

SUFFIX = ".withheld.json"


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
    rows = lines_of(path)
    leaves = [leaf_hash(row, row_salt(secret, table, at)) for at, row in enumerate(rows)]
    return Withheld(table=table, sha256=file_digest(path), rows=len(rows), root=tree_root(leaves).hex())


def lines_of(path: Path) -> list[bytes]:
    """The rows of a table as bytes, without line feeds; a last empty line is no row."""
    lines = path.read_bytes().split(b"\n")
    return lines[:-1] if lines and not lines[-1] else lines
