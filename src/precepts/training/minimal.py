"""The whole of the fine-tuning in one readable file: no trainer, no cache, no cut model. Read this first.

    python -m precepts.training.minimal BASE_MODEL EXAMPLES.jsonl OUT

It learns what `sft.py` learns (a test holds them together); it is slower because it runs every layer on every token.

Shapes: B rows of a step, T tokens, V vocabulary, N positions that weigh anything.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from precepts.training.examples import Example, Tokens, plan_steps, tokenize


def read_examples(path: Path, tokenizer: Any) -> list[Tokens]:
    """Token ids and weights of every example: the bare prompt (weight 0), then reasoning and answer, each part with its weight."""

    def render(messages: Sequence[Any]) -> str:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    def ids_of(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    rows = [Example.model_validate_json(line) for line in path.read_text("utf-8").splitlines()]
    return [tokenize(row, render=render, ids_of=ids_of, end=tokenizer.eos_token_id) for row in rows]


def step_loss(model: Any, batch: Sequence[Tokens]) -> Tensor:
    """Weighted mean cross-entropy in nats of one step, shape ().

    In a completion of fifty tokens one decides, so tokens carry weights: the verdict 1, the rest a few hundredths.
    """
    width = max(len(t.ids) for t in batch)
    ids_BT = torch.tensor([t.ids + [0] * (width - len(t.ids)) for t in batch])
    weights_BT = torch.tensor([t.weights + [0.0] * (width - len(t.ids)) for t in batch])
    # Right padding comes after all that is learned, and attention looks back only: no mask is needed.
    states_BTD = model.model(input_ids=ids_BT, use_cache=False).last_hidden_state
    # The state at t predicts the token at t + 1. Only positions that weigh anything go through the large output layer.
    chosen_BT = weights_BT[:, 1:] > 0
    logits_NV = model.lm_head(states_BTD[:, :-1][chosen_BT]).float()
    losses_N = torch.nn.functional.cross_entropy(logits_NV, ids_BT[:, 1:][chosen_BT], reduction="none")
    weights_N = weights_BT[:, 1:][chosen_BT]
    return (losses_N * weights_N).sum() / weights_N.sum()


def schedule(step: int, *, steps: int, warmup: int) -> float:
    """The share of the learning rate at a step: up in a line, down in a line to 0."""
    return step / warmup if step < warmup else max(0.0, (steps - step) / max(1, steps - warmup))


def train(
    model: Any,
    examples: Sequence[Tokens],
    *,
    trained_layers: int | None = None,
    learning_rate: float = 3e-4,
    batch_size: int = 32,
    epochs: int = 1,
    warmup_share: float = 0.1,
    weight_decay: float = 0.01,
    max_grad_norm: float = 1.0,
    seed: int = 0,
) -> Iterator[float]:
    """Fine-tunes in place, giving the loss of every step.

    Embeddings stay frozen: input and output are tied in small models, and the decision does not need them.
    """
    layers = model.model.layers
    model.requires_grad_(False)
    for layer in layers[len(layers) - trained_layers if trained_layers else 0 :]:
        layer.requires_grad_(True)
    model.model.norm.requires_grad_(True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    # Norm weights are not decayed, as in TRL's and most trainers.
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=learning_rate,
        betas=(0.9, 0.98),
    )
    lengths, pairs = [len(t.ids) for t in examples], [t.pair for t in examples]
    steps = plan_steps(lengths, batch_size=batch_size, epochs=epochs, seed=seed, pairs=pairs)
    warmup = round(warmup_share * len(steps))
    model.train()
    for number, indices in enumerate(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * schedule(number, steps=len(steps), warmup=warmup)
        with torch.autocast("cpu", torch.bfloat16):
            loss = step_loss(model, [examples[i] for i in indices])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item()
    model.eval()


def main(base: str, examples: str, out: str) -> None:
    """Trains and saves."""
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    for number, loss in enumerate(train(model, read_examples(Path(examples), tokenizer), trained_layers=12)):
        print(json.dumps({"step": number, "loss": round(loss, 4)}), file=sys.stderr)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("usage: python -m precepts.training.minimal BASE_MODEL EXAMPLES.jsonl OUT")
    main(*sys.argv[1:])
