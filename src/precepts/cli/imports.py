"""`precepts import TOOL SOURCE`: what others measured, as evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from precepts.errors import InputError


def import_results(
    tool: Annotated[str, typer.Argument(help="findings (CSV or JSONL of red teamers), garak or lm-eval.")],
    source: Annotated[Path, typer.Argument(help="The file, or for lm-eval also the folder that it wrote.")],
    model: Annotated[str | None, typer.Option(help="What was measured. Default: what the file says.")] = None,
    out: Annotated[Path, typer.Option(help="Where to keep rows and evidence.")] = Path("runs/imported"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Takes in what others measured, each number made again from its rows, with who made it and on what."""
    from precepts.cli.numbers import cell
    from precepts.evals.imports import READERS, write_imported
    from precepts.runs import to_json

    if tool not in READERS:
        raise InputError(f"There is no reader for {tool!r:.40}. Readers are: {', '.join(READERS)}.")
    found = READERS[tool](source)
    named = model or found.model
    if named is None:
        raise InputError(f"{source} does not say which model was measured. Give it: --model REF.")
    rows = write_imported(found, source=source, model=named, out=out)
    if as_json:
        print(to_json({"v": 1, "tool": found.tool, "model": named, "evidence": rows, "missing": list(found.missing)}, indent=1))  # fmt: skip
        print(f"evidence: {out / 'evidence.jsonl'}", file=sys.stderr)
        return
    print(f"{found.tool}, {named}: {len(found.rows)} observations (95 % intervals)")
    for row in rows:
        part = ", ".join(f"{key} {value}" for key, value in row.slice.items() if key != "tool")
        shown = "not measured" if row.value is None else cell(row)
        print(f"  {row.claim}{f' ({part})' if part else ''}: {shown}")
    for line in found.missing:
        print(f"  not measured: {line}")
    print(f"evidence: {out / 'evidence.jsonl'}")
