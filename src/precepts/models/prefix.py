"""Attention over a prefix that all rows of a batch begin with: its keys and values are held once, not once a row.

A policy in the prompt is a thousand tokens that every case shares. A plain cache holds it once for each row and copies it at every
step; here the queries of all rows meet it in one matrix product, and only what a row has of its own stands in its cache (bifurcated
attention, Athiwaratkun et al. 2024, arXiv 2403.08845).

Shapes: B rows, H query heads, K key heads, G = H / K, T new tokens, S own tokens, P prefix tokens, D head size.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask

NAME = "precepts_shared_prefix"

_FAMILIES = ("llama", "qwen2", "qwen3")
"""Model types with plain causal attention in every layer; the others run with a plain cache."""


class Prefix(NamedTuple):
    """What every row begins with: its token ids, and each layer's keys and values, shape (K, P, D)."""

    ids: tuple[int, ...]
    layers: list[tuple[Tensor, Tensor]]


def supported(config: Any) -> bool:
    """Whether a model's attention is plain and causal in every layer."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    return config.model_type in _FAMILIES and kinds == {"full_attention"}


def enable(model: Any) -> bool:
    """Lets a model attend to a shared prefix; False where its attention is of another kind."""
    if not supported(model.config):
        return False
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)
    return True


@contextmanager
def shared(model: Any, prefix: Prefix | None) -> Generator[None]:
    """Within it, every token attends to the prefix too."""
    if prefix is None:
        yield
        return
    modules = [layer.self_attn for layer in getattr(model, "model", model).layers]
    for module, held in zip(modules, prefix.layers, strict=True):
        module.shared_prefix = held
    try:
        yield
    finally:
        for module in modules:
            del module.shared_prefix


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float, **kwargs: Any
) -> tuple[Tensor, None]:
    held: tuple[Tensor, Tensor] | None = getattr(module, "shared_prefix", None)
    if held is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    keys_KPD, values_KPD = held
    heads, (rows, _, new, size) = key.shape[1], query.shape
    group = query.shape[1] // heads
    query_BKND = query.reshape(rows, heads, group * new, size)
    query_KMD = query_BKND.transpose(0, 1).reshape(heads, -1, size)
    far_KMP = torch.bmm(query_KMD, keys_KPD.transpose(1, 2))
    far_BKNP = far_KMP.view(heads, rows, group * new, -1).transpose(0, 1)
    near_BKNS = query_BKND @ key.transpose(2, 3)
    scores = torch.cat([far_BKNP, near_BKNS], dim=-1).float().mul_(scaling)
    if attention_mask is not None:
        own_BKGTS = scores[..., far_BKNP.shape[-1] :].view(rows, heads, group, new, -1)
        own_BKGTS += attention_mask[:, :, None, :, : key.shape[2]]
    weights = scores.softmax(-1).to(query.dtype)
    far_KMP = weights[..., : far_BKNP.shape[-1]].transpose(0, 1).reshape(heads, rows * group * new, -1)
    out_KMD = torch.bmm(far_KMP, values_KPD)
    out = out_KMD.view(heads, rows, group * new, size).transpose(0, 1) + weights[..., far_BKNP.shape[-1] :] @ value
    return out.reshape(rows, heads * group, new, size).transpose(1, 2).contiguous(), None
