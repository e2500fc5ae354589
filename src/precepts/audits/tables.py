"""Tables as people have them, into columns as audits read them: nothing is dropped in silence.

A file is CSV, Parquet or JSON lines, a directory holds Parquet files; a frame is anything narwhals knows (pandas, polars,
pyarrow, a duckdb relation).
Values of group columns are read as text; a missing one is the group `(missing)`, which is shown and not contrasted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import narwhals as nw
import polars as pl

from precepts.audits.decision import Decision
from precepts.data.entry import suggestion
from precepts.errors import InputError, MissingError
from precepts.runs import read_jsonl

MISSING = "(missing)"
JOINED = " × "
MEMBERSHIP = "__membership"
"""The column of weights of rows that stand once for each group they may belong to."""
_READERS = ".csv .tsv .parquet .jsonl .ndjson"


def read_table(source: Path) -> pl.LazyFrame:
    """A file as a lazy frame, scanned and not loaded.

    Raises:
        MissingError: If there is no such file.
        InputError: If its suffix is not one of csv, tsv, parquet, jsonl.
    """
    if pieces := partitions(source):
        return pl.concat(pieces)
    if source.is_dir():
        return _judged(source)
    if not source.exists():
        raise MissingError(f"{source}: there is no such file. Give a table ({_READERS}), or the name of a public set.")
    try:
        match source.suffix:
            case ".csv" | ".tsv":
                separator = "\t" if source.suffix == ".tsv" else ","
                frame = pl.scan_csv(
                    source, separator=separator, infer_schema_length=10_000, null_values=["", "NA", "NaN"]
                )
            case ".parquet":
                frame = pl.scan_parquet(source)
            case ".jsonl" | ".ndjson":
                frame = pl.scan_ndjson(source, infer_schema_length=10_000)
            case _:
                raise InputError.at(source, None, f"an audit reads {_READERS}; convert the file to one of them")
        if not frame.collect_schema().names():
            raise InputError.at(source, None, "has no columns")
    except pl.exceptions.PolarsError as error:
        raise InputError.at(source, None, f"cannot be read as a table ({_first_line(error)})") from None
    return frame


def partition_files(source: Path) -> list[Path]:
    """The Parquet files of a directory, at any depth, by name; none where it is no such directory."""
    return sorted(source.rglob("*.parquet")) if source.is_dir() else []


def partitions(source: Path) -> list[pl.LazyFrame]:
    """A table in several Parquet files as one lazy frame a file, all with the same columns; none for any other source.

    Folders named `column=value` give that column.

    Raises:
        InputError: If a file cannot be read, or its columns or their types are not those of the first.
    """
    frames: list[pl.LazyFrame] = []
    first: pl.Schema | None = None
    for file in partition_files(source):
        try:
            hive = any("=" in part for part in file.relative_to(source).parent.parts)
            frame = pl.scan_parquet(file, hive_partitioning=hive)
            schema = frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError.at(file, None, f"cannot be read as a table ({_first_line(error)})") from None
        first = first or schema
        if schema != first:
            differ = sorted(name for name in schema.keys() | first.keys() if schema.get(name) != first.get(name))
            raise InputError.at(
                file,
                None,
                f"differs from the other files in {', '.join(differ[:10])}; all files of a table have the same columns and types",
            )
        frames.append(frame)
    return frames


def _judged(run: Path) -> pl.LazyFrame:
    """The ratings of a judge's calibration, the judge's and the people's: `item`, `rater`, `label`, `gold` and the groups of its rows.

    Raises:
        InputError: If the directory is not one.
    """
    if not (run / "rows.jsonl").is_file() or not (run / "ratings.jsonl").is_file():
        raise InputError.at(
            run,
            None,
            "is not the calibration of a judge (rows.jsonl, ratings.jsonl); give one, a table, or a folder of Parquet files",
        )
    rows, ratings = read_jsonl(run / "rows.jsonl"), read_jsonl(run / "ratings.jsonl")
    known = {
        row["id"]: {
            **(row.get("groups") or {}),
            "category": row.get("category"),
            "clause": row.get("clause"),
            "gold": row["label"],
        }
        for row in rows
    }
    return pl.LazyFrame(
        [
            {
                "item": one["id"],
                "rater": one["rater"],
                "label": one["said"],
                "by": one.get("by"),
                **known.get(one["id"], {}),
            }
            for one in ratings
        ],
        infer_schema_length=None,
    )


def as_lazy(frame: object) -> pl.LazyFrame:
    """Any frame that narwhals knows as a lazy polars frame; pandas NaN and None are both missing.

    Raises:
        InputError: If it is not a frame.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    try:
        native: Any = nw.from_native(cast("Any", frame))
    except TypeError:
        raise InputError(f"An audit reads data frames that narwhals knows; got {type(frame).__name__}.") from None
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    return eager.to_polars().lazy()


def require(frame: pl.LazyFrame, columns: Iterable[str], *, where: str) -> None:
    """Checks that the table has the columns.

    Raises:
        InputError: If one is absent; it lists those that are there and the nearest name.
    """
    names = frame.collect_schema().names()
    for column in columns:
        if column not in names:
            raise InputError(
                f"{where} has no column {column!r}{suggestion(column, names) or '.'} It has: {', '.join(names[:30])}. Correct the "
                "table, or `groups` and `columns` in the decision record."
            )


def with_groups(frame: pl.LazyFrame, decision: Decision) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """The frame with each group column as text, and the names of the groupings, their intersection last if asked for."""
    schema = frame.collect_schema()
    columns = {
        name: pl.col(name).fill_nan(None) if schema[name].is_float() else pl.col(name) for name in decision.groups
    }
    texts = [column.cast(pl.String).fill_null(MISSING).alias(name) for name, column in columns.items()]
    frame = frame.with_columns(texts)
    if not (decision.intersections and len(decision.groups) > 1):
        return frame, decision.groups
    joined = JOINED.join(decision.groups)
    return frame.with_columns(pl.concat_str(list(decision.groups), separator=JOINED).alias(joined)), (
        *decision.groups,
        joined,
    )


def with_membership(frame: pl.LazyFrame, decision: Decision, *, where: str) -> tuple[pl.LazyFrame, Decision]:
    """Rows once for each group they may belong to, weighted by the probability that they do; and the record for such rows.

    Raises:
        InputError: If a column of probabilities is missing, or one of its values; or a weight is missing or negative.
    """
    for grouping, columns in decision.membership.items():
        require(frame, columns.values(), where=where)
        _check_shares(frame, list(columns.values()), most=1, what="a probability", where=where)
        if decision.columns.weight is not None:
            require(frame, [decision.columns.weight], where=where)
            _check_shares(frame, [decision.columns.weight], most=math.inf, what="a weight", where=where)
        own = pl.lit(1.0) if decision.columns.weight is None else pl.col(decision.columns.weight).cast(pl.Float64)
        copies = [
            frame.with_columns(pl.lit(group).alias(grouping), (own * pl.col(column)).alias(MEMBERSHIP)).filter(
                pl.col(MEMBERSHIP) > 0
            )
            for group, column in columns.items()
        ]
        changed = decision.columns.model_copy(update={"weight": MEMBERSHIP})
        return pl.concat(copies), decision.model_copy(update={"columns": changed, "membership": {}})
    return frame, decision


def _check_shares(frame: pl.LazyFrame, columns: Sequence[str], *, most: float, what: str, where: str) -> None:
    """Checks that no value is missing or outside [0, most]: rows that it would weight by nothing would go in silence."""
    schema = frame.collect_schema()
    for name in columns:
        if not schema[name].is_numeric():
            raise InputError.at(where, None, f"{name!r} is text; give numbers")
        one = pl.col(name).cast(pl.Float64).fill_nan(None)
        bad = frame.select((one.is_null() | (one < 0) | (one > most)).sum()).collect(engine="streaming").item()
        if bad:
            limits = "negative" if math.isinf(most) else f"outside [0, {most:g}]"
            raise InputError.at(where, None, f"{what} in {name!r} is missing or {limits} in {bad:,} rows")


def is_missing(group: str) -> bool:
    """Whether a group, or a part of an intersection, is missing."""
    return MISSING in group.split(JOINED)


def binary(name: str, schema: pl.Schema, positive: Sequence[str], seen: Sequence[object], *, where: str) -> pl.Expr:
    """The column as 1, 0 or null, an integer.

    Numbers and booleans must be 0 or 1, NaN is missing; texts count as 1 if they are among `positive`, of which one must occur.

    Raises:
        InputError: If the values cannot be read so.
    """
    column = pl.col(name).fill_nan(None) if schema[name].is_float() else pl.col(name)
    values, called = [value for value in seen if value is not None and value == value], name.removeprefix("raw ")
    if positive:
        # A flag 1.0 written as "1" in the record is the same value, and so are true, True and TRUE.
        wanted = {*positive, *(f"{int(p)}.0" for p in positive if p.lstrip("-").isdigit())}
        truths = {p.lower() for p in positive} & {"true", "false"}
        if values and not any(str(value) in wanted or str(value).lower() in truths for value in values):
            raise InputError(
                f"{where}: no {called!r} is among the positive values {', '.join(positive)}; there are "
                f"{', '.join(repr(v) for v in values[:8])}. Correct `columns.positive` in the decision record."
            )
        text = column.cast(pl.String)
        return (text.is_in(sorted(wanted)) | text.str.to_lowercase().is_in(sorted(truths))).cast(pl.Int64)
    if schema[name] == pl.Boolean or (schema[name].is_numeric() and all(value in (0, 1) for value in values)):
        return column.cast(pl.Int64)
    raise InputError(
        f"{where}: {called!r} must be 0 or 1 but has {', '.join(repr(v) for v in values[:6])}. Say which values count as 1 with "
        "`columns: {positive: [...]}` in the decision record."
    )


def distinct(frame: pl.LazyFrame, column: str, *, most: int = 10_000) -> list[object]:
    """Some distinct values of a column, sorted as text."""
    found = frame.select(pl.col(column).unique()).head(most).collect().get_column(column).to_list()
    return sorted(found, key=str)


def unreadable(source: str, error: Exception) -> InputError:
    """What to say of a table of which a later row cannot be read."""
    return InputError.at(
        source, None, f"cannot be read as a table ({_first_line(error)}). A column's first 10,000 rows tell its type; a value that is "
        "missing is left empty"
    )  # fmt: skip


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:160]
