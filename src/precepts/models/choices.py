"""Multiple choice read forward: the likelihood of every choice after its question, the question run once.

The choices of a question stand behind it in one row, each at the positions that follow the question, and none sees another. So a row costs its own
tokens once, where scoring each choice apart runs the question as often as there are choices. What all questions begin with, as the system's
message, is run once for all rows. Only the states that predict a choice's tokens meet the vocabulary.

Shapes: B rows, T tokens, D hidden size, V vocabulary, N places where a token is predicted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from precepts.models.batching import common_prefix, tight
from precepts.models.generation import Conversation
from precepts.models.loaded import Loaded
from precepts.models.prefix import Prefix, shared

_MIN_PREFIX = 8
"""Tokens that questions must share before it pays to run them apart."""
_PLACES = 256
"""Places that meet the vocabulary at once."""


class _Packed(NamedTuple):
    """A question and its choices in one row: ids, positions, and which part a token is of (0 the question, 1.. the choices)."""

    ids: list[int]
    positions: list[int]
    parts: list[int]
    reads: list[list[int]]
    """For each choice the places whose states predict its tokens."""
    tails: list[list[int]]

    def without(self, begun: int) -> _Packed:
        """The row without its first tokens, whose positions stay."""
        reads = [[place - begun for place in places] for places in self.reads]
        return _Packed(self.ids[begun:], self.positions[begun:], self.parts[begun:], reads, self.tails)


@torch.inference_mode()
def choice_log_probs(
    model: Loaded, conversations: Sequence[Conversation], choices: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Mean log-probability (nats a token) of each choice after its conversation, as `log_probs` of each apart; an empty choice gives -inf.

    Equal to scoring apart up to rounding: in bfloat16 a sum in another order can differ in the third digit.
    """
    packed = [_pack(model, c, options) for c, options in zip(conversations, choices, strict=True)]
    prefix = _begin(model, packed)
    begun = len(prefix.ids) if prefix else 0
    out: list[list[float]] = [[] for _ in packed]
    for batch in tight([len(p.ids) - begun for p in packed], model.device):
        rows = [packed[i].without(begun) for i in batch]
        for i, scores in zip(batch, _read(model, _states(model, rows, prefix), rows), strict=True):
            out[i] = scores
    return out


def _begin(model: Loaded, packed: Sequence[_Packed]) -> Prefix | None:
    """What all questions begin with, run once; None where that is too little, or the model cannot attend to it."""
    heads = [p.ids[: p.parts.count(0)] for p in packed]
    ids = common_prefix(heads, own=1) if model.shares_prefix and len(heads) > 1 else ()
    if len(ids) < _MIN_PREFIX:
        return None
    cache = DynamicCache(config=model.model.config)
    model.model.model(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True)
    return Prefix(ids, [(layer.keys[0], layer.values[0]) for layer in cache.layers])  # type: ignore[union-attr]


def _pack(model: Loaded, conversation: Conversation, options: Sequence[str]) -> _Packed:
    head = model.ids_of(model.prompt_text(conversation))
    ids, positions, parts = list(head), list(range(len(head))), [0] * len(head)
    reads: list[list[int]] = []
    tails = [model.ids_of(option) for option in options]
    for number, tail in enumerate(tails, start=1):
        reads.append([len(head) - 1, *range(len(ids), len(ids) + len(tail) - 1)] if tail else [])
        ids += tail
        positions += range(len(head), len(head) + len(tail))
        parts += [number] * len(tail)
    return _Packed(ids, positions, parts, reads, tails)


def _states(model: Loaded, rows: Sequence[_Packed], prefix: Prefix | None) -> Tensor:
    """Hidden states, shape (B, T, D): a token sees the question, and of its own choice what stands before it."""
    width = max(len(row.ids) for row in rows)
    ids_BT = torch.zeros((len(rows), width), dtype=torch.long)
    position_BT = torch.zeros((len(rows), width), dtype=torch.long)
    part_BT = torch.full((len(rows), width), -1, dtype=torch.long)
    for b, row in enumerate(rows):
        ids_BT[b, : len(row.ids)] = torch.tensor(row.ids)
        position_BT[b, : len(row.ids)] = torch.tensor(row.positions)
        part_BT[b, : len(row.ids)] = torch.tensor(row.parts)
    before_TT = torch.ones((width, width), dtype=torch.bool).tril()
    same_BTT = part_BT[:, :, None] == part_BT[:, None, :]
    sees_BTT = before_TT & (same_BTT | ((part_BT[:, None, :] == 0) & (part_BT[:, :, None] >= 0)))
    dtype = model.model.dtype
    mask_B1TT = torch.where(sees_BTT, 0.0, torch.finfo(dtype).min).to(dtype)[:, None]
    with shared(model.model, prefix):
        out = model.model.model(
            input_ids=ids_BT.to(model.device),
            attention_mask=mask_B1TT.to(model.device),
            position_ids=position_BT.to(model.device),
            use_cache=False,
        )
    return out.last_hidden_state


def _read(model: Loaded, hidden_BTD: Tensor, rows: Sequence[_Packed]) -> list[list[float]]:
    """Every choice's mean log-probability, by row."""
    wanted = [
        (b, place, token)
        for b, row in enumerate(rows)
        for reads, tail in zip(row.reads, row.tails, strict=True)
        for place, token in zip(reads, tail, strict=True)
    ]
    places = {where: n for n, where in enumerate(dict.fromkeys((b, place) for b, place, _ in wanted))}
    picked: dict[tuple[int, int, int], float] = {}
    at = torch.tensor(list(places), dtype=torch.long).view(-1, 2)
    for start in range(0, len(places), _PLACES):
        part = at[start : start + _PLACES].to(model.device)
        logits_NV = model.model.lm_head(hidden_BTD[part[:, 0], part[:, 1]]).float()
        total_N = logits_NV.logsumexp(-1)
        here = [one for one in dict.fromkeys(wanted) if start <= places[one[0], one[1]] < start + _PLACES]
        n = torch.tensor([places[b, place] - start for b, place, _ in here], device=model.device)
        tokens = torch.tensor([token for _, _, token in here], device=model.device)
        picked |= dict(zip(here, (logits_NV[n, tokens] - total_N[n]).tolist(), strict=True))
    return [
        [
            math.fsum(picked[b, place, token] for place, token in zip(reads, tail, strict=True)) / len(tail)
            if tail
            else -math.inf
            for reads, tail in zip(row.reads, row.tails, strict=True)
        ]
        for b, row in enumerate(rows)
    ]
