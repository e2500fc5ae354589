"""What a check found: which file, and what is wrong with it."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A file of the bundle, or a place in it, and what is wrong there."""

    path: str
    what: str
