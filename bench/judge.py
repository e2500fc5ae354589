"""Verdicts: read forward against generated ones, the same trained model and the same requests, in one process.

    python bench/judge.py RUN [NUM_CASES] [TURNS]

A model trained by `precepts align` writes its verdict first. What it would say of a request can be had by letting it write and parsing
what it wrote, or from one forward pass: the likeliest verdict after its opening, calibrated bias and all. Both are asked of the same
test cases of the run, greedily. The peer that writes is transformers' batched `generate` in bfloat16, left-padded, sorted by length, in
batches of 32, until all rows of a batch have ended or `MAX_TOKENS` are written, with a fixed logits processor that adds the same bias
to the verdict's first token. Our own engine, which drops rows that ended and shares what prompts begin with, is printed before.
Agreement is the share of cases with the same verdict, among those whose generated text holds one; the others are counted too.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from precepts.models import Engine, Sampling
from precepts.models.format import parse
from precepts.runs import Run
from precepts.types import DISPOSITIONS, Case, Message

MAX_TOKENS, BATCH = 112, 32

Verdicts = list[str | None]


class AddBias(LogitsProcessor):
    """Adds the calibrated biases to the first token that is written."""

    def __init__(self, engine: Engine, length: int) -> None:
        self.engine, self.length = engine, length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] == self.length:
            for verdict, nats in self.engine.bias._asdict().items():
                scores[:, self.engine.verdict_ids[verdict]] += nats
        return scores


def forward(engine: Engine, conversations: Sequence[tuple[Message, ...]]) -> Verdicts:
    """The likeliest verdict of each, read in one pass."""
    out: Verdicts = []
    for row in engine.decisions(conversations):
        biased = dict(zip(DISPOSITIONS, row, strict=True))
        for verdict, nats in engine.bias._asdict().items():
            biased[verdict] += nats
        out.append(max(biased, key=lambda verdict: biased[verdict]))
    return out


def by_engine(engine: Engine, conversations: Sequence[tuple[Message, ...]]) -> Verdicts:
    """The verdict that our engine's text holds."""
    out: Verdicts = []
    for start in range(0, len(conversations), BATCH):
        made = engine.generate(conversations[start : start + BATCH], sampling=Sampling(max_tokens=MAX_TOKENS))
        out += [parse(result.text).verdict for result in made]
    return out


@torch.inference_mode()
def by_transformers(engine: Engine, conversations: Sequence[tuple[Message, ...]]) -> Verdicts:
    """The verdict that transformers' text holds."""
    out: Verdicts = []
    opening = engine.opening or ""
    for start in range(0, len(conversations), BATCH):
        prompts = [engine.prompt_text(c) + opening for c in conversations[start : start + BATCH]]
        batch: Any = engine.tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        width = batch["input_ids"].shape[1]
        written = engine.model.generate(
            **batch, max_new_tokens=MAX_TOKENS, do_sample=False, eos_token_id=engine.eos_ids, pad_token_id=engine.eos_ids[0],
            logits_processor=LogitsProcessorList([AddBias(engine, width)]),
        )  # fmt: skip
        bodies = engine.tokenizer.batch_decode(written[:, width:], skip_special_tokens=True)
        out += [parse(opening + body).verdict for body in bodies]
    return out


def agreement(one: Verdicts, other: Verdicts) -> tuple[float, int]:
    """Share of equal verdicts among the pairs that have both, and how many those are."""
    both = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return sum(a == b for a, b in both) / max(1, len(both)), len(both)


def main(run: Path, size: int, turns: int) -> None:
    """Prints what was measured, and the ratio last."""
    torch.set_num_threads(2)
    engine = Engine(run / "sft" / "model")
    engine.tokenizer.padding_side, engine.tokenizer.pad_token = "left", engine.tokenizer.eos_token
    cases = [case for case in map(Case.model_validate, Run(run).rows("cases")) if case.split == "test" and case.clauses]
    cases = sorted(cases[:: max(1, len(cases) // size)][:size], key=lambda c: len(c.messages[-1].content))
    conversations = [case.messages for case in cases]
    ways: dict[str, Callable[[Engine, Sequence[tuple[Message, ...]]], Verdicts]] = {
        "forward": forward, "engine": by_engine, "transformers": by_transformers,
    }  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    said: dict[str, Verdicts] = {}
    for _ in range(turns):
        for name, way in ways.items():
            engine.model.set_attn_implementation("sdpa" if name == "transformers" else "precepts_shared_prefix")
            engine._prefix = None
            begun = time.perf_counter()
            said[name] = way(engine, conversations)
            seconds[name].append(time.perf_counter() - begun)
    for name in ways:
        share, both = agreement(said["forward"], said[name])
        print(
            json.dumps(
                {
                    "way": name,
                    "cases": len(cases),
                    "with_verdict": sum(v is not None for v in said[name]),
                    "agreement_with_forward": round(share, 4),
                    "of": both,
                    "seconds": [round(s, 2) for s in seconds[name]],
                    "verdicts_per_second": [round(len(cases) / s, 1) for s in seconds[name]],
                }
            )
        )
    for name in ("engine", "transformers"):
        ratio = statistics.median(g / f for g, f in zip(seconds[name], seconds["forward"], strict=True))
        print(f"{'ratio' if name == 'transformers' else 'ratio to our own engine'}: {ratio:.2f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 96,
        int(sys.argv[3]) if len(sys.argv) > 3 else 3,
    )
