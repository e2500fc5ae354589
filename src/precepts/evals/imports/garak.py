"""Reports of garak (NVIDIA, Apache-2.0): every output that a detector scored, a row; the counts of the report must be those of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precepts.errors import InputError
from precepts.evals.imports.imported import Imported, Stated
from precepts.runs import read_jsonl

THRESHOLD = 0.5
"""A detector's score from which garak counts a hit, where the report's setup does not say."""
EVALUATED = 2
"""garak's status of an attempt whose outputs were scored."""
_EXPECTED = "give garak's report, the JSON lines in the file that ends on .report.jsonl"


def read_garak(path: Path) -> Imported:
    """The attempts of a `*.report.jsonl`, one row an output and detector; `hit` is 1 where the detector saw the attack succeed.

    Raises:
        InputError: If it is no such report, holds no scored attempt, or its own counts are not those of its attempts.
    """
    if not path.is_file():
        raise InputError.at(path, None, "cannot be read. Give garak's report, the file that ends on .report.jsonl.")
    try:
        entries: list[Any] = [*read_jsonl(path)]
    except InputError as error:
        raise InputError(f"{str(error).rpartition('; ')[0]}; {_EXPECTED}") from None
    if not entries or not all(isinstance(entry, dict) and "entry_type" in entry for entry in entries):
        raise InputError.at(path, None, f"not a report of garak, whose lines all have an `entry_type`; {_EXPECTED}")
    setup: dict[str, Any] = {}
    version, threshold = "", THRESHOLD
    rows: list[dict[str, Any]] = []
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in entries:
        match entry.get("entry_type"):
            case "start_run setup":
                setup = entry
                threshold = float(entry.get("run.eval_threshold", THRESHOLD))
            case "init":
                version = str(entry.get("garak_version", ""))
            case "attempt" if entry.get("status") == EVALUATED:
                rows += _rows(entry, threshold)
            case "eval":
                total = int(entry.get("total_evaluated", entry.get("total", 0)))
                counts[str(entry["probe"]), _plain(str(entry["detector"]))] = (int(entry["passed"]), total)
            case _:
                pass
    if not rows:
        raise InputError.at(path, None, "no attempt in it was scored by a detector; is it a garak report that ran to its end?")  # fmt: skip
    _check(path, rows, counts)
    stated: list[Stated] = []
    for probe, detector in sorted({(r["probe"], r["detector"]) for r in rows}):
        passed, total = counts.get((probe, detector), (0, 0))
        part = {"probe": probe, "detector": detector}
        reported = 1 - passed / total if total else None
        stated.append(Stated("attack_success_rate", "hit", "clustered_wilson@1", part, part, {"cluster": "attempt"},
                             judge=f"garak detector {detector}", reported=reported))  # fmt: skip
    kind, name = (str(setup.get(f"plugins.{key}") or "") for key in ("model_type", "model_name"))
    target, named = (str(setup.get(f"plugins.{key}") or "") for key in ("target_type", "target_name"))
    model = "/".join(part for part in (kind or target, name or named) if part) or None
    seen = {(r["probe"], r["detector"]) for r in rows}
    missing = [f"{p} by {d}: the report counts it and holds no attempt of it" for p, d in counts if (p, d) not in seen]
    return Imported(f"garak {version}".strip(), model, rows, stated, tuple(missing))


def _rows(entry: Mapping[str, Any], threshold: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for detector, scores in dict(entry.get("detector_results") or {}).items():
        for number, score in enumerate(scores):
            hit = None if score is None else float(score >= threshold)
            found.append({
                "probe": str(entry.get("probe_classname")), "detector": _plain(str(detector)), "attempt": str(entry.get("uuid")),
                "output": number, "detector_score": score, "hit": hit,
            })  # fmt: skip
    return found


def _plain(detector: str) -> str:
    return detector.removeprefix("detector.")


def _check(path: Path, rows: list[dict[str, Any]], counts: Mapping[tuple[str, str], tuple[int, int]]) -> None:
    hits: Counter[tuple[str, str]] = Counter()
    processed = Counter((row["probe"], row["detector"]) for row in rows)
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["hit"] is not None:
            key = (row["probe"], row["detector"])
            totals[key] += 1
            hits[key] += int(row["hit"])
    for key, (passed, total) in counts.items():
        # Older reports count outputs that no detector could score into the total, newer ones do not.
        if key in totals and (totals[key] - hits[key] != passed or total not in (totals[key], processed[key])):
            raise InputError.at(path, None, f"{key[0]} by {key[1]}: the report counts {passed} of {total} passed and its attempts give "
                                f"{totals[key] - hits[key]} of {totals[key]}. Was it cut, or joined from two runs?")  # fmt: skip
