"""Generation under a long policy: our engine against transformers, the same model, prompts and greedy tokens, in one process.

    python bench/generate.py [NUM_PROMPTS]

A policy prompt of about 1,500 tokens stands before every case. The peer is transformers as its documentation shows prefix reuse: the
prompt's cache is computed once (`past_key_values`), repeated for the batch, and given to `generate`. Plain batched `generate`, with no
reuse, is printed first. Everybody writes the same number of tokens; they take turns, three times each, and the median counts.
"""

from __future__ import annotations

import copy
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

warnings.filterwarnings("ignore")

import torch
from transformers import DynamicCache

from precepts.data import load_cases
from precepts.models import Engine, Sampling
from precepts.models.embedded import embedded_path
from precepts.policy import brief, starter_policy
from precepts.types import Message

TURNS, NEW_TOKENS, POLICY_TOKENS = 3, 48, 1500


def main(size: int) -> None:
    """Prints what was measured, and the ratio last."""
    torch.set_num_threads(2)
    engine = Engine(embedded_path())
    model, tokenizer = engine.model, engine.tokenizer
    tokenizer.padding_side, tokenizer.pad_token = "left", tokenizer.eos_token
    policy = starter_policy()
    text = "\n\n".join(brief(policy, c.id) for c in policy.categories)
    text = tokenizer.decode(tokenizer(text)["input_ids"][:POLICY_TOKENS])
    cases = [c for c in load_cases("starter") if c.split == "test" and c.pair][:size]
    conversations = [(Message(role="system", content=text), *c.messages) for c in cases]
    prompts = [engine.prompt_text(c) for c in conversations]
    ids = [tokenizer(p, add_special_tokens=False)["input_ids"] for p in prompts]
    shared = 0
    while all(row[shared] == ids[0][shared] for row in ids):
        shared += 1
    fixed = {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS, "do_sample": False}

    def ours() -> None:
        # Nobody may stop early, so that all write as much: the end is a special token that is never written.
        ends, engine.eos_ids = engine.eos_ids, [tokenizer.convert_tokens_to_ids("<repo_name>")]
        try:
            engine.generate(conversations, sampling=Sampling(max_tokens=NEW_TOKENS))
        finally:
            engine.eos_ids = ends

    @torch.inference_mode()
    def reuse() -> None:
        cache: Any = DynamicCache(config=model.config)
        model(input_ids=torch.tensor([ids[0][:shared]]), past_key_values=cache)
        held = copy.deepcopy(cache)
        held.batch_repeat_interleave(len(prompts))
        # With a cache, what stands in it must be the same columns of every row: padding goes behind the shared part.
        width = max(map(len, ids))
        rows = [[*row[:shared], *[tokenizer.pad_token_id] * (width - len(row)), *row[shared:]] for row in ids]
        mask = [[1] * shared + [0] * (width - len(row)) + [1] * (len(row) - shared) for row in ids]
        batch = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(mask)}
        model.generate(**batch, past_key_values=held, **fixed)

    @torch.inference_mode()
    def plain() -> None:
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        model.generate(**batch, **fixed)

    def taken(run: Callable[[], None], attention: str) -> float:
        model.set_attn_implementation(attention)
        engine._prefix = None  # each turn pays for the shared part
        begun = time.perf_counter()
        run()
        return time.perf_counter() - begun

    seconds: dict[str, list[float]] = {"plain": [], "reuse": [], "ours": []}
    for _ in range(TURNS):
        seconds["plain"].append(taken(plain, "sdpa"))
        seconds["reuse"].append(taken(reuse, "sdpa"))
        seconds["ours"].append(taken(ours, "precepts_shared_prefix"))
    for name, found in seconds.items():
        rate = [round(len(prompts) * NEW_TOKENS / s, 1) for s in found]
        print(
            json.dumps(
                {"engine": name, "prompts": len(prompts), "shared_tokens": shared, "new_tokens_per_second": rate}
            )
        )
    for peer in ("plain", "reuse"):
        times = [theirs / mine for theirs, mine in zip(seconds[peer], seconds["ours"], strict=True)]
        print(f"{'ratio to plain generate' if peer == 'plain' else 'ratio'}: {statistics.median(times):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
