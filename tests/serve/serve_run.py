"""A run with planted completions, judgments and scores, small enough to count by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from precepts.policy import starter_path, starter_policy
from precepts.runs import Run
from precepts.stats import estimate
from precepts.types import Evidence, Input

CLAUSES = {kind: next(one for one in starter_policy().clauses if one.kind == kind) for kind in ("refuse", "comply")}


def plant(path: Path, *, num_cases: int = 12, sft_wrong: int = 3, text: str = "", name: str = "sft") -> Path:
    """Case k asks to refuse where k is even. `base` always complies; the other arm is wrong on the last `sft_wrong` cases.

    `text` is put into every place that a model or a case's author fills.
    """
    run = Run(path)
    _table(path / "plan.json", [{"model": "tiny" + text, "command": "precepts align " + text, "stages": []}])
    shutil.copyfile(starter_path(), path / "policy.yaml")
    cases = [
        {"id": f"c{k:03}{text}", "messages": [{"role": "user", "content": f"Prompt {k} {text}"}], "category": "fraud" + text if k < 8 else "privacy"}
        for k in range(num_cases)
    ]  # fmt: skip
    _table(path / "cases.jsonl", cases)
    evidence: list[dict[str, Any]] = []
    for arm in ("base", name):
        stage = run.stage("eval").stage("test").stage(arm)
        _table(stage.path / "plan.json", [{"arm": arm + text, "set": "test"}])
        rows = [_rows(case, k, arm, k >= num_cases - sft_wrong, text) for k, case in enumerate(cases)]
        for place, table in enumerate(("completions", "judgments", "scores")):
            _table(stage.table(table), [row for group in rows for row in group[place]])
        kept = [{"score": group[2][0]["kept"]} for group in rows]
        number = estimate("wilson@1", kept)
        one = Input(path=f"eval/test/{arm}/scores.jsonl", sha256="0" * 64)
        row = Evidence(
            claim="align/balanced_accuracy", slice={"set": "test"}, **number.model_dump(), inputs=(one,), model="tiny"
        )
        evidence.append({**row.model_dump(mode="json"), "slice": {"arm": arm + text, "set": "test"}})
    _table(path / "evidence.jsonl", evidence)
    run.finish()
    return path


def _rows(case: dict[str, Any], k: int, arm: str, wrong: bool, text: str) -> tuple[list[dict[str, Any]], ...]:
    asked = "refuse" if k % 2 == 0 else "comply"
    did = "comply" if arm == "base" or (asked == "refuse") == wrong else "refuse"
    said = {"case_id": case["id"], "key": f"{arm}{k}", "model": "tiny", "stop_reason": "stop", "error": None}
    completion = {**said, "text": "t", "answer": f"Answer {k} of {arm} {text}", "cot": f"Thought {k} {text}", "verdict": asked if k else did,
                  "clause": CLAUSES["refuse"].id}  # fmt: skip
    judge = {"case_id": case["id"], "completion": f"{arm}{k}", "view": "answer", "error": None}
    other = did if k != 1 else "safe_complete"
    judgments = [
        {**judge, "judge": name, "score": 1.0, "verdict": verdict, "reason": f"because {k} {text}", "scores": {"refused": float(did == "refuse")}}
        for name, verdict in (("rules", did), ("probe" + text, other))
    ]  # fmt: skip
    score = {"case_id": case["id"], "category": case["category"], "clause": CLAUSES[asked].id, "asked": asked, "did": did,
             "kept": None if k == 5 else float(asked == did), "refused": float(did == "refuse"), "verdict": completion["verdict"]}  # fmt: skip
    return [completion], judgments, [score]


def _table(path: Path, rows: list[dict[str, Any]]) -> None:
    """JSON with escapes, so that half characters and null bytes can stand in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
