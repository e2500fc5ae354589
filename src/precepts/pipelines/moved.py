"""What a change of the policy moved: the same test cases under the model of before and of now, both held against the new policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precepts.evals.scores import asked_of
from precepts.judges.measure import filled
from precepts.pipelines.config import AlignConfig, cases_of, policy_of, sample
from precepts.pipelines.evaluate import BASE, SFT, ArmSpec, evaluate
from precepts.pipelines.since import before_of, touched
from precepts.policy import diff_policies, rests_on
from precepts.runs import Row, Run, file_digest
from precepts.types import Evidence, Input
from precepts.workers import Spread, here

BEFORE, MOVED = "before", "moved"
_TOUCHED = "cases of clauses that changed"
_OTHERS = "all other cases"
_MOST_CLAUSES = 40


def moved_stage(run: Run, config: AlignConfig, *, over: Spread = here) -> list[Evidence]:
    """Measures the model of before on the run's test cases, and what moved; nothing for a run without `since`.

    `eval/moved/moved.jsonl` holds a row a case: what each model did, what the old and the new policy ask, whether the answer
    keeps the new one. A row is null where either answer could not be judged.
    """
    before = before_of(run, config.since)
    if before is None:
        return []
    home = run.stage("eval").stage(MOVED)
    if home.finished:
        return [Evidence.model_validate(row) for row in home.rows("evidence")]
    policy = policy_of(run)
    cases = sample(cases_of(run, "test"), config.eval_limit, seed=0, pairs=True)
    if before.run is not None:
        arm = ArmSpec(BEFORE, f"run:{before.run.path}", earlier=(before.run.path / "eval" / "test" / SFT,))
        evaluate(
            run.stage("eval"), [arm], cases, set_name=BEFORE, policy=policy, seed=0, max_tokens=config.max_eval_tokens, root=run.path,
            baseline=None, over=over,
        )  # fmt: skip
        old = run.stage("eval").stage(BEFORE).stage(BEFORE)
    else:
        old = run.stage("eval").stage("test").stage(BASE)
    new = run.stage("eval").stage("test").stage(SFT)
    home.begin({"old": _digest(old), "new": _digest(new), "policy_before": before.policy.digest})
    was, now = ({row["case_id"]: row for row in stage.rows("scores")} for stage in (old, new))
    changes = diff_policies(before.policy, policy)
    changed = touched(cases, before, policy, mode=config.mode)
    clauses = {clause.id for clause in before.policy.clauses}
    rows: list[Row] = []
    for case in cases:
        change = rests_on(case, changes)
        known = bool(case.clauses) and clauses.issuperset(case.clauses)
        rows.append(
            {
                "case_id": case.id, "category": case.category, "clause": case.clauses[0] if case.clauses else None,
                "change": change.what if change else None, "touched": int(change is not None or case.id in changed),
                "asked_before": asked_of(case, before.policy) if known else None, "asked_now": asked_of(case, policy),
                "did_before": was[case.id]["did"], "did_now": now[case.id]["did"],
                "moved": _moved(was[case.id], now[case.id]),
                "kept_before": was[case.id]["kept"], "kept_now": now[case.id]["kept"],
            }
        )  # fmt: skip
    home.write("moved", rows)
    evidence = _evidence(
        run, home, rows, model=f"run:{run.path}", policy=f"{policy.id}@{policy.digest}", judge=_judge(new)
    )
    home.write("evidence", evidence)
    home.finish(cases=len(rows))
    return evidence


def _moved(was: Mapping[str, Any], now: Mapping[str, Any]) -> int | None:
    return None if was["did"] is None or now["did"] is None else int(was["did"] != now["did"])


def _evidence(run: Run, home: Run, rows: list[Row], *, model: str, policy: str, judge: str) -> list[Evidence]:
    table = home.table("moved")
    path, digest = str(table.relative_to(run.path)), file_digest(table)
    out: list[Evidence] = []
    for name, wanted in ((_TOUCHED, 1), (_OTHERS, 0)):
        if not any(row["touched"] == wanted for row in rows):
            continue
        inputs = (Input(path=path, sha256=digest, where={"touched": wanted}),)
        for claim, estimator, params, better, baseline in (
            ("verdict_moved", "wilson@1", {"score": "moved"}, "neither", None),
            ("kept", "wilson@1", {"score": "kept_now"}, "higher", None),
            ("kept", "paired_difference@1", {"score": "kept_now", "score_b": "kept_before"}, "higher", BEFORE),
        ):
            draft: dict[str, Any] = {
                "claim": f"align/{claim}", "slice": {"arm": SFT, "set": name}, "value": None, "n": 0, "estimator": estimator,
                "params": params, "inputs": inputs, "model": model, "policy": policy, "judge": judge, "better": better, "baseline": baseline,
            }  # fmt: skip
            out.append(filled(Evidence.model_validate(draft), root=run.path))
    return out


def moved_facts(run: Run) -> dict[str, object]:
    """What the card is told of it: per clause, how many test cases there are and from what to what they moved."""
    home = run.stage("eval").stage(MOVED)
    rows = home.rows("moved")
    if not rows:
        return {}
    by_clause: dict[str, list[Row]] = {}
    for row in rows:
        by_clause.setdefault(row["clause"] or "no clause", []).append(row)
    said: list[str] = []
    for clause, found in sorted(by_clause.items(), key=lambda item: (not item[1][0]["touched"], item[0])):
        moves: dict[str, int] = {}
        for row in found:
            if row["moved"]:
                key = f"{row['did_before']} to {row['did_now']}"
                moves[key] = moves.get(key, 0) + 1
        if moves or found[0]["change"]:
            change = f" ({found[0]['change']})" if found[0]["change"] else ""
            told = ", ".join(f"{n} from {key}" for key, n in sorted(moves.items())) or "none moved"
            said.append(f"{clause}{change}: of {len(found)} test cases {told}")
    return {"verdicts that moved": "; ".join(said[:_MOST_CLAUSES]) or "none"}


def _digest(stage: Run) -> str:
    path: Path = stage.table("scores")
    return file_digest(path)


def _judge(stage: Run) -> str:
    import json

    return str(json.loads((stage.path / "run.json").read_text("utf-8"))["judge"])
