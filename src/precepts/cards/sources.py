"""Where evidence is read from: finished runs, the files that their rows name, and a check that computes rows again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from precepts.cards.decide.gating import Check
from precepts.errors import InputError, MissingError
from precepts.runs import PLAN, read_jsonl, to_json
from precepts.stats import tables_for, verify
from precepts.types import Evidence

EVIDENCE = "evidence.jsonl"


@dataclass(frozen=True)
class Source:
    """A run's evidence; the paths that its rows name are relative to `path`."""

    name: str
    path: Path
    evidence: tuple[Evidence, ...]


def read_source(path: Path | str, *, name: str | None = None) -> Source:
    """The evidence of a run: every `evidence.jsonl` in it, each row once, the run's own table first.

    Raises:
        MissingError: If it is not a run directory, or holds no evidence.
        InputError: If a row is not evidence; file and line are named.
    """
    path = Path(path)
    if not path.is_dir():
        raise MissingError(f"{path}: there is no such directory. Give the directory of a run.")
    tables = sorted(path.rglob(EVIDENCE), key=lambda table: (len(table.parts), table.parent.name != "test", str(table)))
    if not tables:
        kind = "a run without evidence yet" if (path / PLAN).exists() else "not a run directory"
        raise MissingError(
            f"{path} is {kind}: it holds no {EVIDENCE}. Measure it first, as with: precepts align eval {path}"
        )
    rows: dict[str, Evidence] = {}
    for table in tables:
        for number, row in enumerate(read_jsonl(table), start=1):
            try:
                found = Evidence.model_validate(row)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(map(str, first["loc"]))
                raise InputError.at(table, number, f"not a row of evidence: `{where}`: {first['msg']}") from None
            text = to_json(found)
            if not _encodable(text):
                raise InputError.at(
                    table, number, "a text in it holds half a character (a lone surrogate); write it again"
                )
            rows.setdefault(text, found)
    return Source(name or path.resolve().name, path, tuple(rows.values()))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_sources(paths: Sequence[Path | str]) -> tuple[Source, ...]:
    """The evidence of several runs, each under a name of its own: its directory's, with a number where two are alike."""
    taken: set[str] = set()
    sources: list[Source] = []
    for path in paths:
        stem = Path(path).resolve().name or "run"
        name = next(one for one in _names(stem) if one not in taken)
        taken.add(name)
        sources.append(read_source(path, name=name))
    return tuple(sources)


def _names(stem: str) -> Iterable[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def pooled(sources: Sequence[Source]) -> list[Evidence]:
    """All rows as they stand in one tree: paths under `runs/NAME/`, and each row naming its run."""
    return [placed(row, source.name) for source in sources for row in source.evidence]


def placed(row: Evidence, name: str) -> Evidence:
    """A row of a run as it stands in a tree that holds the run under `runs/NAME/`."""
    inputs = tuple(one.model_copy(update={"path": f"runs/{name}/{one.path}"}) for one in row.inputs)
    return row.model_copy(update={"inputs": inputs, "run": name})


def checker(sources: Sequence[Source]) -> Check:
    """A check of pooled rows against the files of their runs; each row is computed once."""
    roots = {source.name: source.path for source in sources}
    tables = {source.name: tables_for(source.evidence, root=source.path) for source in sources}
    known: dict[str, tuple[str, ...]] = {}

    def check(row: Evidence) -> Sequence[str]:
        key = to_json(row)
        if key not in known:
            assert row.run is not None, "pooled rows name their run"
            prefix = f"runs/{row.run}/"
            inputs = tuple(one.model_copy(update={"path": one.path.removeprefix(prefix)}) for one in row.inputs)
            own = row.model_copy(update={"inputs": inputs})
            known[key] = tuple(verify(own, root=roots[row.run], tables=tables[row.run]))
        return known[key]

    return check
