"""Addresses of files in public repositories, at a pinned revision."""

from __future__ import annotations


def raw(repository: str, revision: str, path: str) -> str:
    """Where a file of a public repository is read as it is."""
    return f"https://raw.githubusercontent.com/{repository}/{revision}/{path}"
