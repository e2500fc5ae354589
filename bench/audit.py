"""Audits against their peers: python bench/audit.py [frame | memory | parquet ROWS | mcgrad], all if none is named.

frame: measures by group with a bootstrap, against fairlearn's MetricFrame on the same rows (needs fairlearn). The peer runs
few replicates and its time for all is what one more costs, times their number, and says so. memory: 10^7 rows × 12 measures
× 2,000 replicates. parquet: cells of a file larger than memory allows, streamed, with the peak memory of the process.
mcgrad: calibration error over overlapping segments (needs mcgrad).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FIVE = ("accuracy", "selection_rate", "false_positive_rate", "false_negative_rate", "precision")


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What comes back, wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def made(n: int, seed: int = 0) -> dict[str, Any]:
    """Three features of 5, 3 and 2 levels, an outcome and a decision that err more in some groups."""
    rng = np.random.default_rng(seed)
    a, b, c = (rng.integers(0, k, n, dtype=np.uint8) for k in (5, 3, 2))
    truth = (rng.random(n, dtype=np.float32) < 0.2 + 0.05 * a).astype(np.uint8)
    flip = rng.random(n, dtype=np.float32) < 0.2 + 0.03 * b
    return {"a": a, "b": b, "c": c, "truth": truth, "act": np.where(flip, 1 - truth, truth).astype(np.uint8)}


def frame(n: int = 100_000, replicates: int = 200, peer_replicates: int = 4) -> float:
    """Ratio of CPU seconds, the peer's over ours; checks that point estimates are equal."""
    import pandas as pd
    from fairlearn.metrics import MetricFrame, false_negative_rate, false_positive_rate, selection_rate
    from sklearn.metrics import accuracy_score, precision_score

    from precepts.audits import GroupMetrics

    rows = made(n)
    features = pd.DataFrame({name: rows[name].astype(str) for name in "abc"})
    metrics = dict(
        zip(
            FIVE,
            (accuracy_score, selection_rate, false_positive_rate, false_negative_rate, precision_score),
            strict=True,
        )
    )
    both = {"y_true": rows["truth"], "y_pred": rows["act"], "sensitive_features": features, "metrics": metrics}
    limits = {"ci_quantiles": [0.025, 0.975], "random_state": 0}
    mine: list[tuple[Any, float, float]] = []
    for _ in range(5):
        mine.append(timed(lambda: (one := GroupMetrics(**both, n_boot=replicates, **limits), one.by_group_ci)[0]))
    ours, wall, cpu = min(mine, key=lambda one: one[2])
    peer, once_wall, once_cpu = timed(lambda: MetricFrame(**both))
    peer_ci, few_wall, few_cpu = timed(lambda: MetricFrame(**both, n_boot=peer_replicates, **limits))
    away = float(np.nanmax(np.abs(ours.by_group.to_numpy() - peer.by_group.to_numpy())))
    assert away < 1e-12, f"point estimates differ by {away}"
    del peer_ci
    all_cpu = once_cpu + (few_cpu - once_cpu) / peer_replicates * replicates
    all_wall = once_wall + (few_wall - once_wall) / peer_replicates * replicates
    print(
        f"{n:,} rows, 5 measures, {len(ours.by_group)} groups, {replicates} replicates; largest difference {away:.1g}"
    )
    print(f"ours   {wall:8.3f} s wall {cpu:8.3f} s CPU (least of 5), paths {set(ours.paths.values())}")
    print(
        f"peer   {once_wall:8.2f} s wall {once_cpu:8.2f} s CPU for no replicate; {few_wall:.1f} and {few_cpu:.1f} for {peer_replicates}"
    )
    print(f"peer   {all_wall:8.0f} s wall {all_cpu:8.0f} s CPU for {replicates}, scaled from {peer_replicates}")
    return all_cpu / cpu


def memory(n: int = 10_000_000, replicates: int = 2000) -> float:
    """Wall seconds for twelve measures by group with a bootstrap and BCa intervals, from a frame in memory."""
    import polars as pl

    from precepts.audits import confusion_counts
    from precepts.stats.confusion import MEASURES, confusion_replicates, quantiles_of

    table, names = pl.DataFrame(made(n)), tuple(MEASURES)

    def work() -> Any:
        found = confusion_counts(table, groups=["a", "b", "c"], outcome="truth", decision="act")
        drawn = confusion_replicates(found.counts, names, replicates=replicates)
        return quantiles_of(drawn.groups, (0.025, 0.975), counts=found.counts, names=names, method="bca")

    found = [timed(work)[1:] for _ in range(3)]
    wall, cpu = min(found)
    print(
        f"{n:,} rows × {len(names)} measures × {replicates:,} replicates, BCa: {wall:.2f} s wall, {cpu:.2f} s CPU (least of 3)"
    )
    return wall


_STREAMED = """
import resource, sys, time
import polars as pl
from precepts.audits import Decision, audit_model, model_cells
from precepts.types import Input
record = Decision.model_validate({"question": "?", "principle": "equality", "decided": {"by": "b", "on": "2026-11-02"},
    "groups": ["a", "b"], "intersections": True, "costs": {"false_positive": 1, "false_negative": 1}, "sampling": "all",
    "escalate_to": "b", "margins": {"calibration": 0.01}})
start = time.perf_counter()
cells = model_cells(pl.scan_parquet(sys.argv[1]), record, where="file")
counted = time.perf_counter() - start
found = audit_model(cells, record, Input(path="cells.jsonl", sha256="0"), model="m")
print(f"{cells.frame['count'].sum():,} rows to {len(cells.frame):,} cells in {counted:.1f} s, audited in {time.perf_counter() - start:.1f} s; "
      f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, {len(found.levels) + len(found.contrasts)} numbers")
"""


def parquet(n: int = 100_000_000, chunk: int = 5_000_000) -> None:
    """Time and peak memory of an audit of scores in one Parquet file of n rows."""
    import polars as pl

    with tempfile.TemporaryDirectory() as folder:
        parts = Path(folder)
        for start in range(0, n, chunk):
            size = min(chunk, n - start)
            rng = np.random.default_rng(start)
            score = rng.beta(2, 5, size).astype(np.float32)
            columns = {"a": rng.integers(0, 5, size, dtype=np.uint8), "b": rng.integers(0, 3, size, dtype=np.uint8), "score": score,
                       "outcome": (rng.random(size, dtype=np.float32) < score).astype(np.uint8)}  # fmt: skip
            pl.DataFrame(columns).write_parquet(parts / f"{start:012}.parquet", compression="lz4")
        held = sum(one.stat().st_size for one in parts.iterdir()) / 2**30
        print(f"{n:,} rows in {len(list(parts.iterdir()))} Parquet files, {held:.2f} GiB")
        subprocess.run([sys.executable, "-c", _STREAMED, str(parts / "*.parquet")], check=True, env={**os.environ})


def mcgrad(n: int = 1_000_000) -> float:
    """Ratio of CPU seconds of the multicalibration error, the peer's over ours, over the same segments."""
    import pandas as pd
    from mcgrad.metrics import MulticalibrationError

    from precepts.audits.multicalibration import multicalibration_error

    rng = np.random.default_rng(0)
    segments = {name: rng.integers(0, k, n) for name, k in (("a", 5), ("b", 3), ("c", 2))}
    score = rng.beta(2, 5, n)
    outcome = (rng.random(n) < score + 0.02 * (segments["a"] == 0)).astype(np.int64)
    table = pd.DataFrame({**{k: v.astype(str) for k, v in segments.items()}, "score": score, "outcome": outcome})

    def peer() -> float:
        found = MulticalibrationError(
            df=table,
            label_column="outcome",
            score_column="score",
            categorical_segment_columns=list("abc"),
            max_depth=3,
            max_values_per_segment_feature=10,
        )
        return float(found.mce_sigma)

    theirs, peer_wall, peer_cpu = timed(peer)
    mine, wall, cpu = min(
        (timed(lambda: multicalibration_error(table, groups=list("abc"))) for _ in range(3)), key=lambda one: one[2]
    )
    print(
        f"{n:,} rows, {mine.num_segments} segments: ours {wall:.2f} s wall {cpu:.2f} s CPU, largest {mine.sigmas:.3f} sigma"
    )
    print(f"peer {peer_wall:.2f} s wall {peer_cpu:.2f} s CPU, largest {theirs:.3f} sigma")
    return peer_cpu / cpu


if __name__ == "__main__":
    wanted = sys.argv[1:2] or ["memory", "parquet", "mcgrad", "frame"]
    ratio = 0.0
    if "memory" in wanted:
        memory()
    if "parquet" in wanted:
        parquet(int(float(sys.argv[2])) if len(sys.argv) > 2 else 100_000_000)
    if "mcgrad" in wanted:
        ratio = mcgrad()
    if "frame" in wanted:
        ratio = frame()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    if ratio:
        print(f"ratio: {ratio:.0f}" if ratio > 20 else f"ratio: {ratio:.1f}")
