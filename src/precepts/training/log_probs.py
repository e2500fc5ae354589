"""From a model's logits to the distribution that was sampled from.

Shapes: N positions, all those of one completion after the other; V vocabulary, M pairs of a position and a token.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from precepts.models.answering import NEVER

_ENTROPY_ROWS = 256


def as_sampled(
    logits_NV: Tensor, completions: Sequence[Sequence[int]], *, temperature: float, frequency_penalty: float,
    forbidden: Sequence[Sequence[tuple[int, int]]] = (),
) -> Tensor:  # fmt: skip
    """The logits that sampling chose from, shape (N, V); the given ones may be changed in place.

    Args:
        logits_NV: Float32, of the positions that predict each token of each completion, in order.
        completions: Token ids as they were sampled.
        temperature: Positive.
        frequency_penalty: Nats taken from a token for each time that its completion held it before (`models.generation.Sampling`).
        forbidden: For each completion the pairs of a position in it and a token that could not stand there (`models.answering`).
    """
    if frequency_penalty:
        position_M, token_M = written_before(completions)
        penalty_M = logits_NV.new_full((len(token_M),), -frequency_penalty)
        place = (position_M.to(logits_NV.device), token_M.to(logits_NV.device))
        logits_NV = logits_NV.index_put_(place, penalty_M, accumulate=True)
    pairs: list[tuple[int, int]] = []
    first = 0
    for ids, never in zip(completions, forbidden or [()] * len(completions), strict=True):
        pairs += [(first + position, token) for position, token in never]
        first += len(ids)
    if pairs:
        position_M, token_M = torch.tensor(pairs, device=logits_NV.device).T
        logits_NV = logits_NV.index_put_((position_M, token_M), logits_NV.new_tensor(NEVER), accumulate=True)
    return logits_NV / temperature if temperature != 1 else logits_NV


def written_before(completions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Every pair of a position and a token that its completion held before it: positions and token ids, shape (M,) each."""
    positions: list[Tensor] = []
    tokens: list[Tensor] = []
    first = 0
    for ids in completions:
        place_M, earlier_M = torch.tril_indices(len(ids), len(ids), offset=-1)
        positions.append(place_M + first)
        tokens.append(torch.tensor(ids)[earlier_M])
        first += len(ids)
    return torch.cat(positions), torch.cat(tokens)


def entropy(logits_NV: Tensor) -> Tensor:
    """Entropy of each position's distribution in nats, shape (N,); in parts, for a vocabulary is large."""
    parts: list[Tensor] = []
    for part in logits_NV.split(_ENTROPY_ROWS):
        log_NV = part.log_softmax(-1)
        parts.append(-(log_NV.exp() * log_NV).sum(-1))
    return torch.cat(parts)
