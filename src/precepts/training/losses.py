"""The loss: weighted cross-entropy, so that the few tokens that decide are not drowned by the many that do not.

Shapes: N selected positions, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_cross_entropy(logits_NV: Tensor, targets_N: Tensor, weights_N: Tensor) -> Tensor:
    """Mean cross-entropy in nats over the selected positions, shape (), each counted by its weight.

    Args:
        logits_NV: Any float dtype; computed in float32.
        targets_N: Token ids.
        weights_N: Non-negative; their sum must be positive.
    """
    losses_N = torch.nn.functional.cross_entropy(logits_NV.float(), targets_N, reduction="none")
    return (losses_N * weights_N).sum() / weights_N.sum()
