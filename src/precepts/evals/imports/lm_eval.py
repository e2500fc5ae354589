"""Results of lm-evaluation-harness (EleutherAI, MIT) with the samples that `--log_samples` writes: one row a document and filter."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precepts.errors import InputError
from precepts.evals.imports.imported import Imported, Stated
from precepts.runs import read_jsonl


def read_lm_eval(path: Path) -> Imported:
    """The folder of a run, or its `results_*.json` with the `samples_*.jsonl` beside it. Means are made again from samples.

    Raises:
        InputError: If there is no results file, no sample at all, or the mean of the samples is not the reported one.
    """
    results = path if path.is_file() else _latest(path)
    try:
        document: dict[str, Any] = json.loads(results.read_text("utf-8"))
        reported: Mapping[str, Mapping[str, Any]] = document["results"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError.at(
            results, None, "not a results file of lm-evaluation-harness (it has no `results`)"
        ) from None
    stamp = results.stem.removeprefix("results_")
    rows: list[dict[str, Any]] = []
    stated: list[Stated] = []
    missing: list[str] = []
    for task, numbers in sorted(reported.items()):
        samples = [p for p in results.parent.glob(f"samples_{task}_*.jsonl") if stamp in p.stem]
        if not samples:
            missing.append(f"{task}: no samples, so its numbers cannot be made again; run lm_eval with --log_samples")
            continue
        read = read_jsonl(samples[0])
        better: Mapping[str, bool] = dict(document.get("higher_is_better", {}).get(task, {}))
        for key, value in sorted(numbers.items()):
            metric, comma, filter_name = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
                continue
            one, made = _claim(task, metric, filter_name, read, float(value), higher=better.get(metric, True))
            if one is None:
                missing.append(f"{task} {metric}: it is not a mean over documents, or was not kept for each; left out")
                continue
            _agree(samples[0], one, made)
            rows += made
            stated.append(one)
    if not stated:
        raise InputError.at(results, None, "no task has samples beside it. Run lm_eval again with --log_samples --output_path DIR.")  # fmt: skip
    version = document.get("lm_eval_version")
    model = str(document.get("model_name") or document.get("config", {}).get("model") or "") or None
    return Imported(f"lm-eval {version}" if version else "lm-eval", model, rows, stated, tuple(missing))


def _latest(folder: Path) -> Path:
    found = sorted(folder.rglob("results_*.json"), key=lambda p: p.stem)
    if not found:
        raise InputError.at(folder, None, "no results_*.json is here. Give the folder that lm_eval wrote with --output_path.")  # fmt: skip
    return found[-1]


def _claim(
    task: str, metric: str, filter_name: str, read: list[dict[str, Any]], value: float, *, higher: bool
) -> tuple[Stated | None, list[dict[str, Any]]]:
    chosen = [row for row in read if str(row.get("filter", "none")) == filter_name]
    if not chosen or not all(isinstance(row.get(metric), int | float) for row in chosen):
        return None, []
    scores = [float(row[metric]) for row in chosen]
    rows = [
        {"task": task, "metric": metric, "filter": filter_name, "doc": row.get("doc_id"), "score": score}
        for row, score in zip(chosen, scores, strict=True)
    ]
    where = {"task": task, "metric": metric, "filter": filter_name}
    estimator = "wilson@1" if set(scores) <= {0.0, 1.0} else "bca@1"
    return Stated(
        metric, "score", estimator, where, {"task": task, **({"filter": filter_name} if filter_name != "none" else {})},
        better="higher" if higher else "lower", judge=f"lm-eval {task}", reported=value,
    ), rows  # fmt: skip


def _agree(path: Path, one: Stated, rows: list[dict[str, Any]]) -> None:
    mean = math.fsum(row["score"] for row in rows) / len(rows)
    # Groups and weighted metrics are no plain means; what is close to none is refused rather than restated.
    if one.reported is None or not math.isclose(mean, one.reported, rel_tol=1e-6, abs_tol=1e-9):
        name = re.sub(r"\s+", " ", f"{one.where['task']} {one.name}")
        raise InputError.at(path, None, f"{name}: the samples give {mean:.6g} and the results say {one.reported}. Are they of one run?")  # fmt: skip
