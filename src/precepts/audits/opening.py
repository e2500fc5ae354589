"""Opening the table of an audit: a file, a folder, a public set or a frame, with a digest of what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from precepts.audits.sources import SOURCES
from precepts.audits.tables import as_lazy, partition_files, partitions, read_table
from precepts.runs import file_digest
from precepts.types import content_key
from precepts.workers import Spread


class Opened(NamedTuple):
    """A table that was scanned and not loaded."""

    name: str
    table: pl.LazyFrame
    pieces: list[pl.LazyFrame]
    """The same rows in several tables, where they come so."""
    digest: str | None


def open_source(source: object, over: Spread) -> Opened:
    """What a source is called, its table, the same in pieces where it comes so, and a digest of what it holds.

    Raises:
        MissingError: If there is no such file.
        InputError: If it is no table.
    """
    if not isinstance(source, str | Path):
        table = as_lazy(source)
        size, rows = (
            table.select(pl.len(), pl.struct(pl.all()).hash().sum().alias("__h")).collect(engine="streaming").row(0)
        )
        return Opened("a frame", table, [], content_key([table.collect_schema().names(), size, rows]))
    name = str(source)
    if name in SOURCES:
        return Opened(name, SOURCES[name].read().lazy(), [], None)
    digest = _digest(Path(name), over)
    return Opened(name, read_table(Path(name)), partitions(Path(name)), digest)


def _digest(path: Path, over: Spread) -> str | None:
    if files := partition_files(path):
        names = [str(file.relative_to(path)) for file in files]
        return content_key(list(zip(names, over(file_digest, files), strict=True)))
    path = path / "ratings.jsonl" if path.is_dir() else path
    return file_digest(path) if path.is_file() else None
