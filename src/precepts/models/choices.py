"""Multiple choice read forward: the likelihood of every choice after its question, the question run once.

The choices of a question stand behind it in one row, each at the positions that follow the question, and none sees another. So a row costs its own
tokens once, where scoring each choice apart runs the question as often as there are choices. Only the states that predict a choice's tokens meet the
vocabulary.

Shapes: B rows, T tokens, D hidden size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from precepts.models.batching import by_length
from precepts.models.generation import Conversation
from precepts.models.loaded import Loaded


class _Packed(NamedTuple):
    """A question and its choices in one row: ids, positions, and which part a token is of (0 the question, 1.. the choices)."""

    ids: list[int]
    positions: list[int]
    parts: list[int]
    reads: list[list[int]]
    """For each choice the places whose states predict its tokens."""
    tails: list[list[int]]


@torch.inference_mode()
def choice_log_probs(
    model: Loaded, conversations: Sequence[Conversation], choices: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Mean log-probability (nats a token) of each choice after its conversation, as `log_probs` of each apart; an empty choice gives -inf.

    Equal to scoring apart up to rounding: in bfloat16 a sum in another order can differ in the third digit.
    """
    packed = [_pack(model, c, options) for c, options in zip(conversations, choices, strict=True)]
    out: list[list[float]] = [[] for _ in packed]
    for batch in by_length([len(p.ids) for p in packed]):
        rows = [packed[i] for i in batch]
        hidden_BTD = _states(model, rows)
        for b, i in enumerate(batch):
            out[i] = _read(model, hidden_BTD[b], packed[i])
    return out


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


def _states(model: Loaded, rows: Sequence[_Packed]) -> Tensor:
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
    out = model.model.model(
        input_ids=ids_BT.to(model.device),
        attention_mask=mask_B1TT.to(model.device),
        position_ids=position_BT.to(model.device),
        use_cache=False,
    )
    return out.last_hidden_state


def _read(model: Loaded, hidden_TD: Tensor, row: _Packed) -> list[float]:
    places = sorted({place for reads in row.reads for place in reads})
    if not places:
        return [-math.inf] * len(row.tails)
    log_PV = model.model.lm_head(hidden_TD[places]).float().log_softmax(-1)
    at = {place: n for n, place in enumerate(places)}
    out: list[float] = []
    for reads, tail in zip(row.reads, row.tails, strict=True):
        picked = [float(log_PV[at[place], token]) for place, token in zip(reads, tail, strict=True)]
        out.append(math.fsum(picked) / len(picked) if picked else -math.inf)
    return out
