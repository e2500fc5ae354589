"""Several runs of one configuration, seed by seed: `python -m precepts.pipelines.summary RUN RUN RUN` prints a Markdown table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import mean

from precepts.pipelines.align import all_evidence
from precepts.pipelines.config import config_of
from precepts.runs import Run
from precepts.types import Evidence


def summary(runs: Sequence[Run]) -> str:
    """One line a set, arm and claim: the mean over runs, then each run's value with its 95 % interval."""
    columns = [{_key(e): e for e in all_evidence(run) if "category" not in e.slice} for run in runs]
    keys = list(dict.fromkeys(key for column in columns for key in column))
    seeds = [f"seed {config_of(run).seed}" for run in runs]
    lines = [
        "| set | arm | claim | n | mean | " + " | ".join(seeds) + " |",
        "|---|---|---|---|---|" + "---|" * len(seeds),
    ]
    for key in keys:
        found = [column.get(key) for column in columns]
        values = [e.value for e in found if e is not None and e.value is not None]
        if not values:
            continue
        average = f"{mean(values):.3f}" + ("" if len(values) == len(runs) else f" (of {len(values)})")
        cells = " | ".join(_cell(e) for e in found)
        lines.append(f"| {key[0]} | {key[1]} | {key[2]} | {next(e.n for e in found if e)} | {average} | {cells} |")
    return "\n".join(lines)


def _key(row: Evidence) -> tuple[str, str, str]:
    arm = f"{row.slice['arm']} − {row.baseline}" if row.baseline else row.slice["arm"]
    return row.slice["set"], arm, row.claim.removeprefix("align/")


def _cell(row: Evidence | None) -> str:
    if row is None or row.value is None:
        return "–"
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low is not None and row.high is not None else ""
    return f"{row.value:.2f}{interval}"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m precepts.pipelines.summary RUN [RUN ...]")
    print(summary([Run(path) for path in sys.argv[1:]]))
