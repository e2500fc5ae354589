"""What the guard said beside what came: each task and method, then all together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from precepts.runs import Row, Run
from precepts.types import Evidence
from precepts.w2s.experiment import GUARDED
from precepts.w2s.guard import TOLERANCE, rank_correlation


def guard_rows(run: Run, tasks: Sequence[str], evidence: Sequence[Evidence], *, watched: str) -> list[Row]:
    """A row for every task and method, then one over all.

    `score` and `z` are told without ground truth (`w2s.guard`), `gain` is the accuracy gained over naive training, with its interval. The row
    over all has Spearman's rank correlations: `rank_correlation` of the watched method's score with its gain, over tasks;
    `rank_correlation_own` of every method's own score with its gain, over tasks and methods; `rank_correlation_watched` of the watched
    method's score with the gain of every method on that task. `mean_regret` is what the guard's choice lost against the better of the
    watched method and naive training, `mean_regret_oracle` against the best of all methods.

    Args:
        run: The run, with a stage for each task.
        tasks: Their names.
        evidence: All of it.
        watched: The method that the guard may replace by naive training.
    """
    out: list[Row] = []
    regrets: list[float] = []
    oracle: list[float] = []
    for task in tasks:
        of = {
            (e.claim.removeprefix("w2s/"), e.slice["arm"]): e
            for e in evidence
            if e.slice["task"] == task and e.claim in ("w2s/accuracy", "w2s/gain_over_naive")
        }
        accuracy = {arm: e.value or 0.0 for (claim, arm), e in of.items() if claim == "accuracy"}
        said = run.stage(task).rows("verdict")
        for row in said:
            method = row["method"]
            gain = of.get(("gain_over_naive", method))
            one: Row = {
                "task": task, "method": method, "watched": method == watched, "score": row["score"], "z": row["z"],
                "used": row["use_method"], "gain": accuracy[method] - accuracy["naive"],
                "low": gain.low if gain else None, "high": gain.high if gain else None,
            }  # fmt: skip
            if method == watched:
                one["guarded_gain"] = accuracy[GUARDED] - accuracy["naive"]
                one["regret"] = max(accuracy[watched], accuracy["naive"]) - accuracy[GUARDED]
                regrets.append(one["regret"])
            out.append(one)
        oracle.append(max(accuracy[name] for name in ("naive", *(r["method"] for r in said))) - accuracy[GUARDED])
    mine = [row for row in out if row["watched"]]
    others = [row for row in out if row["method"] != "naive"]
    score_of = {row["task"]: row["score"] for row in mine}
    overall: Row = {
        "task": None, "method": watched, "tolerance": TOLERANCE, "num_tasks": len(tasks), "num_pairs": len(others),
        "rank_correlation": rank_correlation([r["score"] for r in mine], [r["gain"] for r in mine]),
        "rank_correlation_own": rank_correlation([r["score"] for r in others], [r["gain"] for r in others]),
        "rank_correlation_watched": rank_correlation([score_of[r["task"]] for r in others], [r["gain"] for r in others]),
        "mean_regret": float(np.mean(regrets)), "mean_regret_oracle": float(np.mean(oracle)),
    }  # fmt: skip
    return [*out, overall]
