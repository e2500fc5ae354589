"""`precepts align rl` on a tiny model: what it keeps, what it measures, and that nothing which interrupts it shows in the end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from precepts.runs import Run, file_digest
from precepts.stats import verify
from precepts.types import Evidence

OPTIONS = ("--prompts", 9, "--samples", 4)


class Reinforced(NamedTuple):
    run: Path
    out: str


@pytest.fixture(scope="module")
def reinforced(cli: Any, finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Reinforced:
    run = tmp_path_factory.mktemp("reinforced") / "run"
    shutil.copytree(finished.run, run)
    done = cli("align", "rl", run, *OPTIONS)
    assert done.code == 0, done.err
    return Reinforced(run, done.out)


def test_rl(reinforced: Reinforced) -> None:
    print(reinforced.out)
    print((reinforced.run / "rl" / "curve.jsonl").read_text())
    rows = Run(reinforced.run / "rl").rows("rollouts")
    for r in rows[:12]:
        print(r["key"], r["reward"], repr(r["text"]), r["parts"], r["error"])
    raise SystemExit
