"""Multiple choice read forward: BBQ items a second of this package against lm-evaluation-harness, the same items, model and texts, in one process.

    python bench/mc.py [NUM_ITEMS]

The peer is lm-evaluation-harness (`pip install lm-eval`) with its `hf` model on the same weights in the same precision, its own batching and its own
sorting by length. Both score the same three choices of the same chat-formatted question. They take turns, three times each, and the median counts.
Answers are equal if both choose the same by the mean log-probability of a choice's tokens; where bfloat16 rounds two choices to within 0.02 nats the
choice is called a tie and either will do. Seconds of CPU stand beside the clock's, for a machine that does other work too. The last line is the ratio
by the clock.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

warnings.filterwarnings("ignore")

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from precepts.evals.bbq import bbq_items
from precepts.evals.suite import interleave
from precepts.evals.suites.bias import prompt_of
from precepts.models import Engine
from precepts.models.choices import choice_log_probs
from precepts.models.embedded import embedded_path
from precepts.types import Message

TURNS, BATCH_SIZES, CLOSE = 3, (8, 32), 0.02
logging.disable(logging.WARNING)


def main(size: int) -> None:
    """Prints what was measured, and the ratio last."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    items = interleave(bbq_items(), lambda i: i.category, lambda i: i.condition)[:size]
    engine = Engine(embedded_path())
    conversations = [(Message(role="user", content=prompt_of(item)),) for item in items]
    choices = [item.choices for item in items]
    contexts = [engine.prompt_text(one) for one in conversations]
    peers = {n: HFLM(pretrained=engine.model, tokenizer=engine.tokenizer, batch_size=n) for n in BATCH_SIZES}

    def requests() -> list[Instance]:
        asked = [(context, choice) for context, three in zip(contexts, choices, strict=True) for choice in three]
        return [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(asked)]

    lengths = [[len(engine.ids_of(choice)) for choice in three] for three in choices]

    def ours() -> list[list[float]]:
        return choice_log_probs(engine, conversations, choices)

    def theirs(batch: int) -> list[list[float]]:
        sums = iter(peers[batch].loglikelihood(requests(), disable_tqdm=True))
        return [[next(sums)[0] / max(1, length) for length in three] for three in lengths]

    runs: dict[str, Callable[[], list[list[float]]]] = {"ours": ours}
    runs |= {f"lm-eval, batch {n}": lambda n=n: theirs(n) for n in BATCH_SIZES}
    scores: dict[str, list[list[float]]] = {}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    worked: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(TURNS + 1):
        for name, run in runs.items():
            begun, begun_cpu = time.perf_counter(), time.process_time()
            scores[name] = run()
            if turn:  # the first turn warms up
                taken[name].append(time.perf_counter() - begun)
                worked[name].append(time.process_time() - begun_cpu)
    for name, seconds in taken.items():
        print(
            f"{name}: {size / statistics.median(seconds):.2f} items/s (of {', '.join(f'{s:.1f} s' for s in seconds)}; "
            f"{statistics.median(worked[name]):.1f} s of CPU)"
        )
    best = min((n for n in runs if n != "ours"), key=lambda n: statistics.median(taken[n]))
    compare(scores["ours"], scores[best])
    print(f"ratio in seconds of CPU: {statistics.median(worked[best]) / statistics.median(worked['ours']):.2f}")
    print(f"ratio: {statistics.median(taken[best]) / statistics.median(taken['ours']):.2f}")


def compare(ours: list[list[float]], theirs: list[list[float]]) -> None:
    """Prints how many answers are the same, and how far apart the scores are."""
    same = ties = 0
    apart: list[float] = []
    for a, b in zip(ours, theirs, strict=True):
        apart += [abs(x - y) for x, y in zip(a, b, strict=True)]
        first, second = (max(range(len(s)), key=s.__getitem__) for s in (a, b))
        same += first == second
        ties += first != second and b[second] - b[first] < CLOSE
    print(
        f"same answer: {same} of {len(ours)}; ties within {CLOSE} nats: {ties}; scores apart by {max(apart):.4f} nats at most"
    )


if __name__ == "__main__":
    arguments: Any = sys.argv[1:]
    main(int(arguments[0]) if arguments else 60)
