"""The examples of a card: a few test cases with what each arm wrote, found in tables of any length."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

from precepts.errors import InputError
from precepts.pipelines.distill import ARM as DISTILLED
from precepts.pipelines.distill import distilled
from precepts.pipelines.evaluate import BASE, IN_PROMPT, SFT
from precepts.pipelines.rl import ARM, finished_starts
from precepts.runs import Row, Run

_NUM_EXAMPLES = 20
_OUTPUT = ("answer", "cot", "verdict", "clause", "stop_reason")


def card_examples(run: Run) -> list[Row]:
    """Twenty test cases, spread over the table, with what each arm wrote. Of every table only these rows are held."""
    names = (
        BASE,
        IN_PROMPT,
        SFT,
        *(ARM[start] for start in finished_starts(run)),
        *([DISTILLED] if distilled(run) else ()),
    )
    stages = {name: Run(run.path / "eval" / "test" / name.replace(" ", "-")) for name in names}
    ids = sorted({str(row["case_id"]) for row in _rows(stages[SFT].table("completions"))})
    chosen = ids[:: max(1, len(ids) // _NUM_EXAMPLES)][:_NUM_EXAMPLES]
    cases = _found(run.table("cases"), "id", chosen)
    arms: dict[str, dict[str, Row]] = {}
    for name, stage in stages.items():
        scores = _found(stage.table("scores"), "case_id", chosen)
        arms[name] = {
            i: row | scores.get(i, {}) for i, row in _found(stage.table("completions"), "case_id", chosen).items()
        }
    return [
        {
            "case_id": i,
            "category": cases[i].get("category"),
            "prompt": cases[i]["messages"][-1]["content"],
            "expected": arms[SFT][i].get("asked"),
            "outputs": {
                name: {key: rows[i].get(key) for key in _OUTPUT} | {"refused": bool(rows[i].get("refused"))}
                for name, rows in arms.items()
                if i in rows
            },
        }
        for i in chosen
    ]


def _found(path: Path, key: str, wanted: Collection[str]) -> dict[str, Row]:
    """The rows whose key is among those wanted; a line that holds none of them as text is not parsed."""
    plain = all(re.fullmatch(r"[ !#-\[\]-~]+", one) for one in wanted)  # written the same with and without escapes
    pattern = re.compile("|".join(map(re.escape, wanted)).encode()) if plain and wanted else None
    return {str(row[key]): row for row in _rows(path, pattern) if row.get(key) in wanted}


def _rows(path: Path, pattern: re.Pattern[bytes] | None = None) -> Iterator[Row]:
    """The rows of a table one by one, none if it was not begun; a torn last line is left out, as by `read_jsonl`."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip() or (pattern is not None and pattern.search(line) is None):
                continue
            try:
                yield cast("dict[str, Any]", json.loads(line))
            except ValueError as error:
                if not line.endswith(b"\n"):
                    return
                raise InputError.at(
                    path, number, f"not a JSON object ({error}); restore the file or start a new run"
                ) from None
