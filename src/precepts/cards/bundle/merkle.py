"""Merkle trees over the rows of a table: one digest for all rows, and a short proof that a row is among them.

Hashes are of RFC 6962, section 2.1: leaves and nodes are told apart by a first byte, so that no node passes for a row.
A row is salted, since a short prompt could otherwise be found by guessing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

from precepts.types import Frozen


class Opening(Frozen):
    """A withheld row, its salt, and the digests that lead from it to the root of its table."""

    table: str
    index: int
    rows: int
    row: str
    encoding: Literal["utf-8", "hex"] = "utf-8"
    salt: str
    path: tuple[str, ...]

    @property
    def data(self) -> bytes:
        """The row's bytes.

        Raises:
            ValueError: If they are not written as `encoding` says.
        """
        return bytes.fromhex(self.row) if self.encoding == "hex" else self.row.encode()


def leaf_hash(row: bytes, salt: bytes) -> bytes:
    """The digest of one row, 32 bytes."""
    return hashlib.sha256(b"\x00" + salt + row).digest()


def row_salt(secret: bytes, table: str, index: int) -> bytes:
    """The salt of a row, 32 bytes: only who holds the secret can make it again."""
    return hmac.digest(secret, f"{table}\n{index}".encode(), "sha256")


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf digests, 32 bytes; of none, the digest of nothing."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """One level up; a node without a sibling goes up as it is, which is RFC 6962's tree."""
    pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def open_row(rows: Sequence[bytes], index: int, *, table: str, secret: bytes) -> Opening:
    """The proof that a row stands at an index of a table.

    Args:
        rows: All lines of the table, without their line feeds.
        index: Which one, from 0.
        table: The table's path in the bundle.
        secret: What the salts were made from.
    """
    assert 0 <= index < len(rows), "the row is in the table"
    level = [leaf_hash(row, row_salt(secret, table, at)) for at, row in enumerate(rows)]
    path: list[str] = []
    place = index
    while len(level) > 1:
        sibling = place ^ 1
        if sibling < len(level):
            path.append(level[sibling].hex())
        level, place = _parents(level), place // 2
    salt = row_salt(secret, table, index).hex()
    proof = {"table": table, "index": index, "rows": len(rows), "salt": salt, "path": path}
    try:
        return Opening.model_validate({**proof, "row": rows[index].decode()})
    except UnicodeDecodeError:
        return Opening.model_validate({**proof, "row": rows[index].hex(), "encoding": "hex"})


def check_opening(opening: Opening, *, root: str) -> bool:
    """Whether the opened row stands at its index in the table of this root."""
    if not 0 <= opening.index < opening.rows:
        return False
    try:
        found = leaf_hash(opening.data, bytes.fromhex(opening.salt))
        path = [bytes.fromhex(one) for one in opening.path]
    except ValueError:
        return False
    place, width = opening.index, opening.rows
    while width > 1:
        if place ^ 1 < width:
            if not path:
                return False
            other = path.pop(0)
            found = _node(found, other) if place % 2 == 0 else _node(other, found)
        place, width = place // 2, (width + 1) // 2
    return not path and hmac.compare_digest(found.hex(), root)
