"""`precepts align distill`: an arm of its own beside the others, on the same cases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from precepts.runs import Run
from precepts.stats import verify
from precepts.types import Evidence


def test_the_distilled_model_is_an_arm_beside_the_others(cli: Any, finished: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished.run, run)
    short = cli("align", "distill", run, "--prompts", 16)
    assert short.code == 2
    assert "the model has room for" in short.err
    few = cli("align", "distill", run, "--prompts", 4)
    assert few.code == 2
    assert "Give more --prompts" in few.err
    assert not (run / "distilled" / "plan.json").exists(), "a mistake is told before anything is fixed"
    # The same model with a longer context.
    model = tmp_path / "longer"
    shutil.copytree(finished.model, model)
    told = json.loads((model / "config.json").read_text("utf-8")) | {"max_position_embeddings": 2048}
    (model / "config.json").write_text(json.dumps(told))
    plan = json.loads((run / "plan.json").read_text("utf-8"))
    (run / "plan.json").write_text(json.dumps(plan | {"model": str(model)}))
    done = cli("align", "distill", run, "--prompts", 16)
    assert done.code == 0, done.err
    assert f"precepts chat {run / 'distilled'}" in done.out.replace("\n", "")
    assert [row["step"] for row in Run(run / "distilled").rows("curve")] == [1, 2]
    told = json.loads((run / "distilled" / "run.json").read_text("utf-8"))
    assert told["num_prompts"] == 16
    assert cli("align", "eval", run).code == 0
    evidence = [Evidence.model_validate(row) for row in Run(run / "eval" / "test").rows("evidence")]
    assert {e.slice["arm"] for e in evidence} == {"base", "policy in prompt", "sft", "distilled"}
    assert {e.baseline for e in evidence if e.slice["arm"] == "distilled"} >= {"base", "sft"}
    assert {e.claim: verify(e, root=run) for e in evidence if verify(e, root=run)} == {}
    other = cli("align", "distill", run, "--prompts", 8)
    assert other.code == 2
    assert "options" in other.err.splitlines()[-1]
