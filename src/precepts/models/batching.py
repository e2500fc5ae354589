"""Rows of token ids as tensors: padding, batches of similar length, what rows begin with, and the choice of the next token.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from precepts.models.generation import Sampling

PREFILL_TOKENS = 4096
"""Padded tokens of a batch at most."""
_FULL, _SLACK = 256, 1.1
"""Tokens from which a batch keeps a CPU busy; from there on a row that is longer than the batch's first by more than this factor opens the next,
as padding costs what a token costs. A GPU is kept busy by large batches."""


def choose(logits_BV: Tensor, sampling: Sampling, generators: list[torch.Generator] | None) -> Tensor:
    """The next token of each row, shape (B,); without generators the likeliest."""
    if generators is None:
        return logits_BV.argmax(-1)
    probs_BV = (logits_BV / sampling.temperature).softmax(-1).cpu()
    if sampling.top_p < 1:
        ranked, order = probs_BV.sort(-1, descending=True)
        ranked[ranked.cumsum(-1) - ranked >= sampling.top_p] = 0
        probs_BV = torch.zeros_like(probs_BV).scatter(-1, order, ranked)
    drawn = [torch.multinomial(row, 1, generator=g) for row, g in zip(probs_BV, generators, strict=True)]
    return torch.cat(drawn).to(logits_BV.device)


def common_prefix(ids: list[list[int]], *, own: int) -> tuple[int, ...]:
    """What all rows begin with, leaving each row at least `own` tokens of its own."""
    limit = min(len(row) for row in ids) - own
    length = 0
    while length < limit and all(row[length] == ids[0][length] for row in ids):
        length += 1
    return tuple(ids[0][:length])


def right_padded(ids: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, shape (B, T)."""
    width = max(len(row) for row in ids)
    ids_BT = torch.zeros((len(ids), width), dtype=torch.long)
    mask_BT = torch.zeros((len(ids), width), dtype=torch.long)
    for b, row in enumerate(ids):
        ids_BT[b, : len(row)] = torch.tensor(row)
        mask_BT[b, : len(row)] = 1
    return ids_BT.to(device), mask_BT.to(device)


def left_padded(ids: Sequence[list[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask, shape (B, T), each row's last token in the last column."""
    width = max(len(row) for row in ids)
    ids_BT = torch.full((len(ids), width), pad, dtype=torch.long)
    mask_BT = torch.zeros((len(ids), width), dtype=torch.long)
    for b, row in enumerate(ids):
        ids_BT[b, width - len(row) :] = torch.tensor(row)
        mask_BT[b, width - len(row) :] = 1
    return ids_BT.to(device), mask_BT.to(device)


def by_length(lengths: list[int]) -> list[list[int]]:
    """Row indices in batches of similar length, at most `PREFILL_TOKENS` padded tokens each."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[i] > PREFILL_TOKENS:
            batches.append([])
        batches[-1].append(i)
    return batches


def tight(lengths: list[int], device: torch.device) -> list[list[int]]:
    """As `by_length`, and on a CPU in batches that pad little."""
    if device.type != "cpu":
        return by_length(lengths)
    out: list[list[int]] = []
    for batch in by_length(lengths):
        part: list[int] = []
        for i in batch:
            if part and lengths[i] > _SLACK * lengths[part[0]] and sum(lengths[j] for j in part) >= _FULL:
                out.append(part)
                part = []
            part.append(i)
        out.append(part)
    return out
