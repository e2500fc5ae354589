"""A model cut at a layer: the lower layers stay as they are and run once; the upper ones train on their cached output.

Shapes: B rows, T tokens after the prefix, P prefix tokens, D hidden size, N selected positions, V vocabulary.

Two savings, both exact. What every example begins with (the chat template's system turn) runs once a batch, as a prefix whose keys
and values all rows share, gradients included. And frozen layers are never run again. Input and output embeddings are frozen in every
mode: in the embedded model they are tied, and training one would spoil the other's cache.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import MethodType
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, DynamicCache

from precepts.models import prefix
from precepts.models.memory import keep_freed_memory
from precepts.training.examples import Tokens

_TRUNK_ROWS = 64


class Batch(NamedTuple):
    """A training step's tensors. `rows_N`, `columns_N` pick the states that predict `targets_N`."""

    prefix_PD: Tensor
    hidden_BTD: Tensor
    rows_N: Tensor
    columns_N: Tensor
    targets_N: Tensor
    weights_N: Tensor


class Trunk:
    """The frozen part's output for a training set."""

    def __init__(
        self, prefix_ids: list[int], prefix_PD: Tensor, hidden: list[Tensor], tokens: Sequence[Tokens]
    ) -> None:
        """Made by `run_trunk`."""
        self.prefix_ids, self.prefix_PD, self.hidden, self.tokens = prefix_ids, prefix_PD, hidden, tokens

    def batch(self, indices: Sequence[int]) -> Batch:
        """The tensors of a step over these examples, right-padded."""
        start = len(self.prefix_ids)
        width = max(self.hidden[i].shape[0] for i in indices)
        hidden_BTD = torch.zeros((len(indices), width, self.prefix_PD.shape[-1]), dtype=self.prefix_PD.dtype)
        rows: list[int] = []
        columns: list[int] = []
        targets: list[int] = []
        weights: list[float] = []
        for row, i in enumerate(indices):
            hidden_BTD[row, : self.hidden[i].shape[0]] = self.hidden[i]
            ids, wanted = self.tokens[i].ids, self.tokens[i].weights
            for position in range(start + 1, len(ids)):
                if wanted[position] > 0:
                    rows.append(row)
                    columns.append(position - 1 - start)
                    targets.append(ids[position])
                    weights.append(wanted[position])
        return Batch(
            self.prefix_PD,
            hidden_BTD,
            torch.tensor(rows),
            torch.tensor(columns),
            torch.tensor(targets),
            torch.tensor(weights),
        )


def num_layers(path: Path) -> int:
    """How many decoder layers a model directory holds."""
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(path).num_hidden_layers)


def lower_decoder(path: Path, *, layers: int, device: str = "cpu") -> Any:
    """The embeddings and the lowest `layers` layers of a model directory, in bfloat16, to be run and never trained."""
    keep_freed_memory()
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16)
    model = model.to(device).eval()
    prefix.enable(model)
    decoder = model.model
    decoder.layers, decoder.norm = decoder.layers[:layers], nn.Identity()
    return decoder


def run_trunk(
    path: Path,
    tokens: Sequence[Tokens],
    begin: list[int],
    *,
    layers: int,
    advance: Callable[[int], None],
    device: str = "cpu",
) -> Trunk:
    """Runs the lowest `layers` layers (0: the embeddings alone) over all examples, in bfloat16, in batches of similar length."""
    return run_lower(lower_decoder(path, layers=layers, device=device), tokens, begin, advance=advance)


@torch.no_grad()
def run_lower(decoder: Any, tokens: Sequence[Tokens], begin: list[int], *, advance: Callable[[int], None]) -> Trunk:
    """As `run_trunk`, with a decoder of `lower_decoder` already in memory."""
    layers, device = len(decoder.layers), decoder.embed_tokens.weight.device
    prefix_PD = decoder.embed_tokens(torch.tensor(begin, dtype=torch.long, device=device))
    hidden: list[Tensor] = [torch.empty(0)] * len(tokens)
    same: dict[tuple[int, ...], list[int]] = {}
    for i, row in enumerate(tokens):
        same.setdefault(tuple(row.ids), []).append(i)
    order = sorted((alike[0] for alike in same.values()), key=lambda i: len(tokens[i].ids))
    for first in range(0, len(order), _TRUNK_ROWS):
        chosen = order[first : first + _TRUNK_ROWS]
        rest = [tokens[i].ids[len(begin) :] for i in chosen]
        width = max(map(len, rest))
        ids_BT = torch.tensor([row + [0] * (width - len(row)) for row in rest], device=device)
        states_BTD = decoder.embed_tokens(ids_BT)
        if layers:
            states_BTD = suffix_states(decoder, prefix_PD, states_BTD)
        for b, i in enumerate(chosen):
            alike = same[tuple(tokens[i].ids)]
            states_TD = states_BTD[b, : len(rest[b])].cpu().clone()
            for j in alike:
                hidden[j] = states_TD
            advance(len(alike))
    if layers and begin:
        prefix_PD = decoder(inputs_embeds=prefix_PD[None], use_cache=False).last_hidden_state[0]
    return Trunk(begin, prefix_PD.cpu(), hidden, tokens)


def suffix_states(decoder: Any, prefix_PD: Tensor, hidden_BTD: Tensor) -> Tensor:
    """States of the rows after the shared prefix, shape (B, T, D). Gradients flow through the prefix too.

    Rows are right-padded; padding is never attended to by what stands before it, so no mask is needed.
    """
    if not len(prefix_PD):
        return decoder(inputs_embeds=hidden_BTD, use_cache=False).last_hidden_state
    once: Any = DynamicCache()
    decoder(inputs_embeds=prefix_PD[None], past_key_values=once, use_cache=True)
    own: Any = DynamicCache()
    own_T = torch.arange(hidden_BTD.shape[1], device=hidden_BTD.device)
    position_BT = (own_T + len(prefix_PD)).expand(len(hidden_BTD), -1)
    if prefix.supported(decoder.config):
        held = prefix.Prefix((), [(layer.keys[0], layer.values[0]) for layer in once.layers])
        with prefix.shared(decoder, held):
            return decoder(
                inputs_embeds=hidden_BTD, position_ids=position_BT, past_key_values=own, use_cache=True
            ).last_hidden_state
    for index, layer in enumerate(once.layers):
        keys, values = (x.expand(len(hidden_BTD), -1, -1, -1) for x in (layer.keys, layer.values))
        own.update(keys, values, index)
    return decoder(inputs_embeds=hidden_BTD, past_key_values=own, use_cache=True).last_hidden_state


def upper_model(path: Path, *, layers: int, device: str = "cpu") -> Any:
    """The model above the trunk, in float32: its decoder holds only the layers from `layers` on, the embeddings frozen.

    `forward(prefix_PD, hidden_BTD, rows_N, columns_N)` gives logits at the selected positions alone, shape (N, V): scoring all
    positions costs more than the layers do.
    """
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    prefix.enable(model)
    decoder = model.model
    decoder.layers = decoder.layers[layers:]
    for index, layer in enumerate(decoder.layers):
        layer.self_attn.layer_idx = index
    model.config.num_hidden_layers = len(decoder.layers)
    model.get_input_embeddings().requires_grad_(requires_grad=False)
    model.get_output_embeddings().requires_grad_(requires_grad=False)
    score_selected(model)
    return model.to(device)


def score_selected(model: Any) -> None:
    """Gives a cut model the `forward` of `upper_model`; trainers that patch it are undone so."""
    model.forward = MethodType(_selected_logits, model)


def _selected_logits(self: Any, prefix_PD: Tensor, hidden_BTD: Tensor, rows_N: Tensor, columns_N: Tensor) -> Tensor:
    states_BTD = suffix_states(self.model, prefix_PD, hidden_BTD)
    return self.lm_head(states_BTD[rows_N, columns_N])


def whole_names(upper: Any, *, layers: int) -> Iterator[tuple[str, Tensor]]:
    """The upper model's weights under the names that they have in the whole model's decoder."""
    for name, value in upper.model.state_dict().items():
        if name.startswith("layers."):
            _, index, rest = name.split(".", 2)
            yield f"layers.{int(index) + layers}.{rest}", value
        else:
            yield name, value


def save_joined(base: Path, upper: Any, target: Path, *, layers: int) -> None:
    """Writes the whole model, trained layers over the base's own, as bfloat16 safetensors with the base's tokenizer; all or nothing."""
    joined: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    own = joined.model.state_dict()
    for place, value in whole_names(upper, layers=layers):
        own[place].copy_(value)
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {k: v.contiguous() for k, v in joined.state_dict().items()}
    if joined.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    (partial / "model.safetensors").chmod(0o644)
    joined.config.save_pretrained(partial)
    joined.generation_config.save_pretrained(partial)
    for name in (
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "special_tokens_map.json",
        "vocab.json",
        "merges.txt",
    ):
        if (base / name).exists():
            shutil.copy2(base / name, partial / name)
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
