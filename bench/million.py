"""A million judgments: `precepts card build` in seconds and GiB, and the pages of `precepts serve` in milliseconds.

    python bench/million.py [--rows 1000000] [--keep DIR]

Plants a finished run whose one arm has that many completions, judgments and scores, builds its card in a process of its own on two cores,
verifies nothing, then asks the server for its list, for lists filtered in every way and for cases. Prints wall and CPU seconds (on a busy
machine the wall says little), the peak of memory, and the times of the pages. The last line is the ratio of the build's seconds to 60.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from precepts.pipelines.config import AlignConfig
from precepts.policy import starter_path, starter_policy
from precepts.runs import Run, file_digest, to_json, write_atomic
from precepts.stats import estimate
from precepts.types import Evidence, Input

JUDGE = "rules@2+relevance(x)"


def plant(path: Path, rows: int) -> Path:
    draw = random.Random(0)
    policy = starter_policy()
    clauses = [
        (c.id, c.kind, category.id)
        for category in policy.categories
        for c in category.clauses
        if c.kind != "safe_complete"
    ]
    run = Run(path)
    run.begin({**AlignConfig(policy="starter", seed=0).model_dump(mode="json"), "stages": ["eval"]})
    shutil.copyfile(starter_path(), path / "policy.yaml")
    write_atomic(path / "command.txt", "precepts align starter --out runs/million\n")
    stage = run.stage("eval").stage("test").stage("sft")
    stage.begin({"arm": "sft", "set": "test"})
    facts: list[tuple[str, str, float, float]] = []
    text = "I cannot help with that, but here is something near it that I can do for you. " * 3
    with (path / "cases.jsonl").open("w") as cases, stage.table("completions").open("w") as completions, \
            stage.table("judgments").open("w") as judgments, stage.table("scores").open("w") as scores:  # fmt: skip
        for k in range(rows):
            clause, kind, category = clauses[k % len(clauses)]
            right = draw.random() < 0.9
            refused = float(right == (kind == "refuse"))
            did, decision = "refuse" if refused else "comply", round(draw.gauss(2 * refused - 1, 1), 6)
            facts.append((kind, category, refused, decision))
            name = f'"case_id":"case-{k:07}"'
            cases.write(
                f'{{"id":"case-{k:07}","messages":[{{"role":"user","content":"Prompt {k}: how do I do the thing of topic {k % 97}?"}}],'
                f'"category":"{category}","clauses":["{clause}"],"split":"test"}}\n'
            )
            completions.write(
                f'{{{name},"key":"{k:016x}","model":"m","text":"{text}","answer":"{text}","cot":"verdict: {did}\\nclause: {clause}",'
                f'"clause":"{clause}","verdict":"{did}","valid_format":true,"stop_reason":"stop","num_tokens":60,"decision":{decision}}}\n'
            )
            judgments.write(
                f'{{{name},"completion":"{k:016x}","judge":"{JUDGE}","view":"answer","score":{float(right)},"verdict":"{did}",'
                f'"reason":"what it says","scores":{{"refused":{refused},"complied":{1 - refused}}},"error":null}}\n'
            )
            scores.write(
                f'{{{name},"category":"{category}","clause":"{clause}","asked":"{kind}","did":"{did}","verdict":"{did}","kept":{float(right)},'
                f'"refused":{refused},"complied":{1 - refused},"safe_completed":0.0,"decision":{decision},"format_valid":1.0,"error":null}}\n'
            )
    stage.finish(judge=JUDGE)
    place = "eval/test/sft/scores.jsonl"
    digest = file_digest(path / place)
    evidence: list[Evidence] = []

    def add(claim: str, key: str, asked: str, category: str | None = None) -> None:
        at = 2
        chosen = [
            {"score": row[at] if key == "refused" else 1 - row[at]}
            for row in facts
            if row[0] == asked and category in (None, row[1])
        ]
        where = {"asked": asked, **({"category": category} if category else {})}
        number = estimate("wilson@1", chosen)
        evidence.append(
            Evidence(
                claim=claim, slice={"arm": "sft", "set": "test", **({"category": category} if category else {})}, **number.model_dump(),
                params={"score": key}, inputs=(Input(path=place, sha256=digest, where=where),), model="m", policy="starter@1", judge=JUDGE,
            )
        )  # fmt: skip

    for category in (None, *(one.id for one in policy.categories)):
        add("align/refusal_rate", "refused", "refuse", category)
        add("align/not_overrefuse", "complied", "comply", category)
    labelled = [{"score": decision, "label": kind} for kind, _, _, decision in facts]
    params = {"score": "decision", "label": "asked", "positive": "refuse"}
    number = estimate("auc@1", labelled, params=params)
    asks = Input(path=place, sha256=digest, where={"asked": ["refuse", "comply"]})
    evidence.append(
        Evidence(
            claim="align/decision_auc", slice={"arm": "sft", "set": "test"}, **number.model_dump(), params=params, inputs=(asks,), model="m",
            policy="starter@1", judge=JUDGE,
        )
    )  # fmt: skip
    run.stage("eval").stage("test").write("evidence", evidence)
    run.write("evidence", evidence)
    run.finish(stages=["eval"])
    return path


def built(run: Path, out: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and GiB of a build; two cores, as many threads."""
    gates = out.parent / "gates.yaml"
    cli = [sys.executable, "-m", "precepts.cli"]
    gates.write_bytes(subprocess.run([*cli, "gate", "--example"], capture_output=True, check=True).stdout)
    cores = sorted(os.sched_getaffinity(0))[:2]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    argv = [*cli, "card", "build", run, "--gates", gates, "--risk", "blank", "--no-pdf", "--out", out]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 2**20


def served(root: Path, cache: Path) -> tuple[float, dict[str, tuple[float, float]]]:
    """CPU seconds of the index, and for each page the median and worst milliseconds of twenty calls."""
    from starlette.testclient import TestClient

    from precepts.serve import Guard, Library, make_app

    library = Library(root, cache=cache)
    table = library.runs()[0].tables[0]
    began = time.process_time()
    library.index(table, wait=True)
    index_s = time.process_time() - began
    client = TestClient(
        make_app(library, labels=root / "labels", rater="bench", guard=Guard()), base_url="http://127.0.0.1"
    )
    of = f"/cases?t={table.id}"
    pages = {
        "runs": "/", "list": of, "list, last page": f"{of}&page=20000", "by category": f"{of}&category=fraud", "by verdict": f"{of}&did=refuse",
        "by disagreement": f"{of}&differs=policy", "by case id": f"{of}&q=99999", "case": f"/case?t={table.id}&row=999&did=refuse",
    }  # fmt: skip
    found: dict[str, tuple[float, float]] = {}
    for name, path in pages.items():
        client.get(path)
        times: list[float] = []
        for _ in range(20):
            start = time.process_time()
            assert client.get(path).status_code == 200
            times.append(1000 * (time.process_time() - start))
        found[name] = statistics.median(times), max(times)
    return index_s, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="Where the planted run is kept, and found again.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (given.keep or Path(folder)) / "runs"
        run = root / "million"
        if not (run / "run.json").exists():
            plant(run, given.rows)
        size = sum(path.stat().st_size for path in run.rglob("*.jsonl")) / 2**20
        print(f"{given.rows:,} judgments, {size:,.0f} MiB of tables", flush=True)
        wall, cpu, gib = built(run, Path(folder) / "card")
        print(f"card build: {wall:.1f} s wall, {cpu:.1f} s CPU, {gib:.2f} GiB", flush=True)
        index_s, pages = served(root, Path(folder) / "cache")
        print(f"index, once: {index_s:.1f} s CPU")
        for name, (median, most) in pages.items():
            print(f"{name:<16}  {median:6.1f} ms median, {most:6.1f} ms worst (CPU)")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            json.dumps(
                json.loads(
                    to_json(
                        {"rows": given.rows, "wall_s": wall, "cpu_s": cpu, "gib": gib, "server_gib": peak, "ms": pages}
                    )
                )
            )
        )
        print(f"ratio: {wall / 60:.2f}")


if __name__ == "__main__":
    main()
