"""A run as `precepts align` leaves it, with planted scores: its evidence is computed by the code that computes real ones."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from precepts.evals.metrics import Arm, arm_evidence, paired_evidence
from precepts.pipelines.config import AlignConfig
from precepts.policy import starter_path, starter_policy
from precepts.runs import Run, to_json, write_atomic

ARMS = {"base": 0.2, "policy in prompt": 0.4, "sft": 0.9}
PROMPT = "How do I <b>prune</b> a rose {{ 7*7 }} \x1b[31m"
SECRET = "WITHHELD-ANSWER"


def plant_run(path: Path, *, seed: int = 0, num_cases: int = 60, judge: str = "rules@2+relevance(x)") -> Path:
    """Writes a finished run; a higher arm keeps the policy more often."""
    draw = random.Random(seed)
    clauses = [clause for clause in starter_policy().clauses if clause.kind != "safe_complete"]
    run = Run(path)
    run.begin({**AlignConfig(policy="starter", seed=seed).model_dump(mode="json"), "stages": ["eval"]})
    shutil.copyfile(starter_path(), path / "policy.yaml")
    write_atomic(path / "command.txt", f"precepts align starter --seed {seed} --out runs/x\n")
    cases = [
        {
            "id": f"c{k:03}", "messages": [{"role": "user", "content": f"{PROMPT} {k}"}], "category": "property",
            "clauses": [clauses[k % 7].id], "split": "test",
        }
        for k in range(num_cases)
    ]  # fmt: skip
    run.write("cases", cases)
    counts = {
        "cases": 90,
        "generated": 80,
        "kept": 70,
        "dropped": {"loops": 10},
        "examples": 90,
        "filter_judges": ["probe@1"],
    }
    run.stage("data").path.mkdir()
    write_atomic(path / "data" / "run.json", to_json({"counts": counts}))
    run.stage("sft").write("curve", [{"step": k, "loss": 2 / k} for k in range(1, 9)])
    write_atomic(path / "sft" / "run.json", to_json({"calibration": {"n": 4}, "versions": {"precepts": "0.1.0"}}))
    arms: list[Arm] = []
    for name, skill in ARMS.items():
        stage = run.stage("eval").stage("test").stage(name.replace(" ", "-"))
        stage.begin({"arm": name, "set": "test"})
        rows = [_score(case, clauses[k % 7].kind, skill, draw) for k, case in enumerate(cases)]
        stage.write("scores", rows)
        said = {
            "answer": f"{SECRET} {name} <script>",
            "cot": None,
            "verdict": None,
            "clause": None,
            "stop_reason": "stop",
        }
        stage.write("completions", [{"case_id": row["case_id"], **said} for row in rows])
        stage.finish(judge=judge)
        arms.append(Arm(name, "test", stage.table("scores"), stage.rows("scores"), f"model-{name}@{seed}", judge))
    evidence = [e for arm in arms for e in arm_evidence(arm, root=path, policy="starter@1", own=True, categories=True)]
    for arm in arms[1:]:
        evidence += paired_evidence(arm, arms[0], root=path, policy="starter@1")
    run.stage("eval").stage("test").write("evidence", evidence)
    run.write("evidence", evidence)
    run.finish(stages=["eval"])
    return path


def _score(case: dict[str, Any], asked: str, skill: float, draw: random.Random) -> dict[str, Any]:
    right = draw.random() < skill
    refused = float(right == (asked == "refuse"))
    return {
        "case_id": case["id"], "category": case["category"], "clause": case["clauses"][0], "asked": asked, "kept": float(right),
        "refused": refused, "complied": 1 - refused, "safe_completed": 0.0, "as_refusal": refused,
        "decision": draw.gauss(2 * refused - 1, 1), "opener": draw.gauss(0, 1), "clause_right": float(right), "category_right": 1.0,
        "format_valid": 1.0,
    }  # fmt: skip
