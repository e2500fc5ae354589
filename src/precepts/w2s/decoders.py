"""Causal language models that are fine-tuned: loading, adapters, and the layers below a cut that stay as they are.

Shapes: B rows of a batch, T tokens, D hidden size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from precepts.errors import InputError
from precepts.models.batching import by_length, right_padded
from precepts.models.memory import keep_freed_memory
from precepts.progress import progress
from precepts.w2s.backbones import lower_layers
from precepts.w2s.references import check_causal

_TRIAL = list(range(1, 9))
_ALIKE = 0.9
"""Median cosine of states with and without a cut: bfloat16 below it costs two hundredths, a step that is done twice far more."""


class Below:
    """The embeddings and the lowest layers of a model: never trained, so each text is run through them once, whatever is trained above."""

    def __init__(self, path: Path, layer: int) -> None:
        """Loads nothing before a text is asked for.

        Raises:
            InputError: If no layer would be left above.
        """
        check_cut(path, layer)
        self.path, self.layer = path, layer
        self._model: Any = None
        self._states: dict[tuple[int, ...], Tensor] = {}

    def states(self, ids: Sequence[Sequence[int]]) -> list[Tensor]:
        """The states of each row of token ids behind the cut, shape (T, D), bfloat16."""
        new = list({key: None for row in ids if (key := tuple(row)) not in self._states})
        if new:
            self._run(new)
        return [self._states[tuple(row)] for row in ids]

    @torch.no_grad()
    def _run(self, new: Sequence[tuple[int, ...]]) -> None:
        if self._model is None:
            self._model = lower_layers(self.path, self.layer).to(device())
        with progress(f"the lowest {self.layer} layers", len(new), unit="texts") as bar:
            for batch in by_length([len(row) for row in new]):
                ids_BT, _ = right_padded([list(new[i]) for i in batch], device())
                states_BTD = self._model(input_ids=ids_BT, use_cache=False).last_hidden_state
                for row, i in zip(states_BTD, batch, strict=True):
                    self._states[new[i]] = row[: len(new[i])].clone()
                bar.advance(len(batch))


def check_cut(path: Path, layer: int | None) -> None:
    """That a model has layers above the one that is named.

    Raises:
        InputError: If no layer would be left to train, or none would be frozen.
    """
    if layer is None:
        return
    from transformers import AutoConfig

    config: Any = AutoConfig.from_pretrained(path, trust_remote_code=False)
    layers = int(config.num_hidden_layers)
    if not 1 <= layer < layers:
        known = f"Give 1 to {layers - 1}" if layers > 1 else f"Leave off @{layer}"
        raise InputError(f"{path} has {layers} layers; to tune those above {layer} leaves none or is no cut. {known}.")


@cache
def check_tunable(path: Path, layer: int | None) -> None:
    """That a model can be fine-tuned, above the layer if one is named; a model that is cut is loaded for it, once a process.

    Raises:
        InputError: If it is no causal language model, has no such layer, or cannot be cut there.
    """
    check_causal(path)
    if layer is not None:
        above(load_causal(path)[0].base_model, Below(path, layer))


def load_causal(path: Path) -> tuple[Any, Any]:
    """A causal language model in float32 and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    keep_freed_memory()
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, trust_remote_code=False)
    return model, AutoTokenizer.from_pretrained(path, trust_remote_code=False)


@torch.no_grad()
def above(decoder: Any, below: Below) -> Any:
    """The decoder without its lowest layers, in place; it is given their states as `inputs_embeds`.

    Raises:
        InputError: If what is left does not go on from those states as the whole did: some models change what they are given first.
    """
    cannot = InputError(
        f"{below.path} cannot be cut at a layer. Leave off @{below.layer}, so that every layer is tuned."
    )
    if not isinstance(getattr(decoder, "layers", None), nn.ModuleList):
        raise cannot
    whole_TD = decoder(input_ids=torch.tensor([_TRIAL]), use_cache=False).last_hidden_state[0]
    decoder.layers = decoder.layers[below.layer :]
    decoder.config.num_hidden_layers = len(decoder.layers)
    if isinstance(kinds := getattr(decoder.config, "layer_types", None), list):
        try:
            decoder.config.layer_types = kinds[below.layer :]
        except AttributeError:  # it is derived, as if the lowest layers were still there
            raise cannot from None
    states_TD = below.states([_TRIAL])[0].float().cpu()
    reached: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        reached.append(args[0] if args else named["hidden_states"])

    hook = decoder.layers[0].register_forward_pre_hook(note, with_kwargs=True)
    cut_TD = decoder(inputs_embeds=states_TD[None], use_cache=False).last_hidden_state[0]
    hook.remove()
    if not torch.equal(reached[0][0], states_TD):
        raise cannot
    if nn.functional.cosine_similarity(whole_TD, cut_TD, dim=-1).median() < _ALIKE:
        raise cannot
    return decoder


def with_lora(decoder: Any, *, rank: int, seed: int) -> Any:
    """Low-rank adapters on every linear map, their first weights drawn by the seed; what is frozen is kept as it is computed, in bfloat16."""
    from peft import LoraConfig, get_peft_model

    for part in decoder.modules():
        if isinstance(part, nn.Linear):
            part.to(torch.bfloat16)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", bias="none")
        return get_peft_model(decoder, config)


def token_ids(tokenizer: Any, text: str, most: int) -> list[int]:
    """A text's last tokens, at least one."""
    return tokenizer(text, add_special_tokens=False)["input_ids"][-most:] or [tokenizer.eos_token_id or 0]


@contextlib.contextmanager
def half(where: torch.device) -> Generator[None]:
    """Matrix products in bfloat16, and on a CPU attention by plain products: for texts this short PyTorch's fused bfloat16 attention is slower."""
    plain = sdpa_kernel(SDPBackend.MATH) if where.type == "cpu" else contextlib.nullcontext()
    with torch.autocast(where.type, dtype=torch.bfloat16), plain:
        yield


def device() -> torch.device:
    """Where models are tuned: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
