"""A model that reads a task's texts, without any label, before it is trained on weak ones.

Shapes: B rows of a batch, T tokens, D hidden size, V vocabulary, N positions that are predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from precepts.errors import InputError
from precepts.models.batching import right_padded, tight
from precepts.w2s.decoders import device, half, load_causal, token_ids
from precepts.w2s.references import most_positions
from precepts.w2s.tuned import Tick, Tuning


def tune_on_texts(
    path: Path, texts: Sequence[str], out: Path, *, settings: Tuning, seed: int = 0, tick: Tick | None = None
) -> list[float]:  # fmt: skip
    """Fine-tunes every weight to predict the texts, without any label, saves the model to `out` and gives the loss of every step in nats.

    Generative fine-tuning, Burns et al. 2023, section 5.2.2: what the task is about becomes easier to read before weak labels are seen.
    """
    model, tokenizer = load_causal(path)
    model = model.to(device())
    most = min(settings.most_tokens, most_positions(path) or settings.most_tokens)
    ids = [token_ids(tokenizer, text, most) for text in texts]
    ids = [row for row in ids if len(row) > 1]
    if not ids:
        raise InputError("There is no text to fine-tune on.")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate or 2e-5, weight_decay=settings.weight_decay
    )
    size = min(settings.batch_size, len(ids))
    steps = len(ids) // size
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps * settings.epochs)
    draw = np.random.default_rng([seed, 59])
    found: list[float] = []
    model.train()
    for _ in range(settings.epochs):
        order = draw.permutation(len(ids))
        for step in range(steps):
            batch = [ids[i] for i in order[step * size : (step + 1) * size]]
            predicted = sum(len(row) - 1 for row in batch)
            optimizer.zero_grad()
            total = 0.0
            for part in tight([len(row) for row in batch], model.device):
                loss = _nats(model, [batch[i] for i in part]) / predicted
                loss.backward()
                total += float(loss.detach())
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            found.append(total)
            if tick is not None:
                tick(len(batch))
    half_written = out.with_name(f".{out.name}-half")
    model.to(torch.bfloat16).save_pretrained(half_written)
    tokenizer.save_pretrained(half_written)
    half_written.rename(out)
    return found


def _nats(model: Any, batch: list[list[int]]) -> Tensor:
    """Cross-entropy of every token after the first, summed over the rows."""
    ids_BT, mask_BT = right_padded(batch, model.device)
    with half(model.device):
        states_BTD = model.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state
        logits_NV = model.get_output_embeddings()(states_BTD[:, :-1][mask_BT[:, 1:] > 0])
    wanted_N = ids_BT[:, 1:][mask_BT[:, 1:] > 0]
    return torch.nn.functional.cross_entropy(logits_NV.float(), wanted_N, reduction="sum")
