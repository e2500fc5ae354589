"""Greedy answers by frequency penalty: how many end, go in circles, or begin to reason again (docs/log.md, 2026-11-22).

    python bench/penalty.py RUN [LIMIT]

The run's trained model answers the test cases of its policy's `comply` clauses at each penalty, everything else alike; those are counted that it
decides to answer. *good*: ended, no loop, no second `<think>`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from precepts.judges import loops
from precepts.models import Sampling, open_model, parse
from precepts.pipelines.config import asked, cases_of, policy_of, sample
from precepts.runs import Run

PENALTIES = (0.0, 0.15, 0.3, 0.6)
BATCH = 64


def main(path: str, limit: int = 320) -> None:
    """Prints one line for each penalty."""
    run = Run(Path(path))
    policy, model = policy_of(run), open_model(path)
    cases = sample(cases_of(run, "test"), limit, seed=0, pairs=True)
    turns = [case.messages for case in cases if asked(case, policy) == "comply"]
    for penalty in PENALTIES:
        sampling = Sampling(max_tokens=128, frequency_penalty=penalty)
        made = [
            row for i in range(0, len(turns), BATCH) for row in model.generate(turns[i : i + BATCH], sampling=sampling)
        ]
        answered = [(row, parse(row.text)) for row in made if parse(row.text).verdict == "comply"]
        ended = [row.stop_reason == "stop" for row, _ in answered]
        circling = [loops(parsed.answer) is not None for _, parsed in answered]
        again = ["<think>" in parsed.answer for _, parsed in answered]
        good = sum(e and not c and not a for e, c, a in zip(ended, circling, again, strict=True))
        print(
            f"penalty {penalty}: of {len(answered)}: ended {sum(ended)}, in circles {sum(circling)}, good {good}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
