"""Attention over a prefix that all rows of a batch begin with: its keys and values are held once, not once a row.

A policy in the prompt is a thousand tokens that every case shares. A plain cache holds it once for each row and copies it at every
step; here the queries of all rows meet it in one matrix product, and only what a row has of its own stands in its cache (bifurcated
attention, Athiwaratkun et al. 2024, arXiv 2403.08845).

Shapes: B rows, H query heads, K key heads, G = H / K, T new tokens, N = G * T, M = B * G * T,
S own tokens, P prefix tokens, D head size.
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

_MAX_SCORES = 2**26
"""Attention scores held at once; more queries go in parts."""

_FAMILIES = ("llama", "qwen2", "qwen3")
"""Model types with plain causal attention in every layer; the others run with a plain cache."""


_FUSED: Any = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
"""PyTorch's fused attention on a CPU, which also gives the logarithm of each softmax's denominator; None where it is not there."""


class Prefix(NamedTuple):
    """What every row begins with: its token ids, and each layer's keys and values, shape (K, P, D).

    `fused` lets many new tokens meet a long prefix without its scores ever being held, which is several times as fast and rounds otherwise.
    """

    ids: tuple[int, ...]
    layers: list[tuple[Tensor, Tensor]]
    fused: bool = False


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
        module.prefix_is_fused = prefix.fused
    try:
        yield
    finally:
        for module in modules:
            del module.shared_prefix, module.prefix_is_fused


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, scaling: float, **kwargs: Any
) -> tuple[Tensor, None]:
    held: tuple[Tensor, Tensor] | None = getattr(module, "shared_prefix", None)
    if held is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    fused = module.prefix_is_fused and _FUSED is not None and query.device.type == "cpu"
    joined = _merged if fused else _joined
    width = key.shape[2] if fused else held[0].shape[1] + key.shape[2]
    most = max(1, _MAX_SCORES // (query.shape[0] * query.shape[1] * width))
    masks = [None] * query.shape[2] if attention_mask is None else attention_mask.split(most, dim=2)
    parts = [joined(q, key, value, m, held, scaling) for q, m in zip(query.split(most, dim=2), masks, strict=False)]
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).contiguous(), None


def _joined(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, held: tuple[Tensor, Tensor], scaling: float
) -> Tensor:
    """One softmax over what is shared and what is a row's own; shape (B, T, H, D)."""
    keys_KPD, values_KPD = held
    heads, (rows, _, new, size) = key.shape[1], query.shape
    group, shared_length = query.shape[1] // heads, keys_KPD.shape[1]
    query_BKND = query.reshape(rows, heads, group * new, size)
    query_KMD = query_BKND.transpose(0, 1).reshape(heads, -1, size)
    far_KMP = torch.bmm(query_KMD, keys_KPD.transpose(1, 2))
    far_BKNP = far_KMP.view(heads, rows, group * new, -1).transpose(0, 1)
    near_BKNS = query_BKND @ key.transpose(2, 3)
    scores = torch.cat([far_BKNP, near_BKNS], dim=-1).float().mul_(scaling)
    if mask is not None:
        own_BKGTS = scores[..., shared_length:].view(rows, heads, group, new, -1)
        own_BKGTS += mask[:, :, None, :, : key.shape[2]]
    weights = scores.softmax(-1).to(query.dtype)
    far_KMP = weights[..., :shared_length].transpose(0, 1).reshape(heads, rows * group * new, -1)
    far_KMD = torch.bmm(far_KMP, values_KPD)
    out_BKND = far_KMD.view(heads, rows, group * new, size).transpose(0, 1) + weights[..., shared_length:] @ value
    return out_BKND.reshape(rows, heads * group, new, size).transpose(1, 2)


def _merged(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, held: tuple[Tensor, Tensor], scaling: float
) -> Tensor:
    """As `_joined`, from two softmaxes, each weighed by its share of the common denominator; shape (B, T, H, D)."""
    keys_KPD, values_KPD = held
    heads, (rows, _, new, size) = key.shape[1], query.shape
    group = query.shape[1] // heads
    query_BKND = query.reshape(rows, heads, group * new, size)
    query_1KMD = query_BKND.transpose(0, 1).reshape(1, heads, -1, size)
    far_1KMD, far_1KM = _FUSED(query_1KMD, keys_KPD[None], values_KPD[None], scale=scaling)
    far_BKND = far_1KMD[0].reshape(heads, rows, group * new, size).transpose(0, 1)
    far_BKN = far_1KM[0].reshape(heads, rows, group * new).transpose(0, 1).float()
    scores = (query_BKND @ key.transpose(2, 3)).float().mul_(scaling)
    if mask is not None:
        own_BKGTS = scores.view(rows, heads, group, new, -1)
        own_BKGTS += mask[:, :, None, :, : key.shape[2]]
    near_BKN = scores.logsumexp(-1)
    near_BKND = (scores - near_BKN[..., None]).exp_().to(query.dtype) @ value
    share_BKN1 = torch.sigmoid(far_BKN - near_BKN)[..., None]
    out_BKND = (far_BKND.float() * share_BKN1 + near_BKND.float() * (1 - share_BKN1)).to(query.dtype)
    return out_BKND.reshape(rows, heads * group, new, size).transpose(1, 2)
