"""What turns texts into vectors: a language model cut after a layer, a sentence encoder, or a model's token vectors alone.

Only what is run is loaded: a model is read up to its layer, without its output head, and static vectors are read from the file alone.

Shapes: N texts, B texts of a batch, T tokens, D hidden size.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Protocol

from precepts.errors import InputError, needs_extra
from precepts.models.precision import precision
from precepts.w2s.references import EMBEDDINGS, Kind, layer_of

_FINAL_NORMS = ("norm", "ln_f", "final_layer_norm")
_BAG = 4096


class Backbone(Protocol):
    """Vectors of texts."""

    most_tokens: int | None
    """Longer texts are refused; None where any length can be read."""

    def length_of(self, text: str) -> int:
        """Tokens of a text."""
        ...

    def vectors_at(self, texts: Sequence[str], layers: Sequence[int | None]) -> list[Any]:
        """A float32 tensor for each layer, one row a text: of a cut model (N, 2·D), the last token's state and the mean; else (N, D).

        Layers are at most the one that was loaded; what is not cut gives one tensor, whatever is asked for.
        """
        ...


def load_backbone(path: Path, kind: Kind, layer: int | None = None) -> Backbone:
    """What reads texts with a model directory.

    Raises:
        InputError: If the model has no such layer, is no causal language model where one is needed, or lacks weights.
        MissingError: If torch or transformers is not installed.
    """
    try:
        importlib.import_module("torch")
        from transformers import AutoTokenizer
    except ImportError:
        raise needs_extra("torch, transformers and safetensors") from None
    tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    if kind == "static":
        return _Static(path, tokenizer)
    return _Run(path, tokenizer, layer_of(path, layer) if kind == "layer" else None, kind)


class _Static:
    most_tokens: int | None = None

    def __init__(self, path: Path, tokenizer: Any) -> None:
        from safetensors import safe_open

        self._tokenizer = tokenizer
        for file in sorted(path.glob("*.safetensors")):
            with safe_open(file, framework="pt") as weights:
                for name in weights.keys():  # noqa: SIM118
                    if name.endswith(EMBEDDINGS):
                        self._table_VD = weights.get_tensor(name)
                        return
        raise InputError(
            f"{path} names no table of token embeddings ({', '.join(EMBEDDINGS)}). Use a layer of it: MODEL@1."
        )

    def length_of(self, text: str) -> int:
        return len(self._ids(text))

    def vectors_at(self, texts: Sequence[str], layers: Sequence[int | None]) -> list[Any]:
        import torch

        parts: list[Any] = []
        for start in range(0, len(texts), _BAG):
            ids = [self._ids(text) for text in texts[start : start + _BAG]]
            starts = [0]
            for row in ids[:-1]:
                starts.append(starts[-1] + len(row))
            flat = torch.tensor([token for row in ids for token in row])
            used, places = flat.unique(return_inverse=True)
            parts.append(
                torch.nn.functional.embedding_bag(
                    places, self._table_VD[used].float(), torch.tensor(starts), mode="mean"
                )
            )
        return [torch.cat(parts)]

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"] or [self._tokenizer.eos_token_id or 0]


class _Run:
    """A decoder up to a layer, or a whole sentence encoder."""

    def __init__(self, path: Path, tokenizer: Any, layer: int | None, kind: Kind) -> None:
        import torch
        from transformers import AutoConfig

        from precepts.models.memory import keep_freed_memory

        keep_freed_memory()
        config: Any = AutoConfig.from_pretrained(path, trust_remote_code=False)
        self._tokenizer, self._encoder = tokenizer, kind == "encoder"
        self.most_tokens = None if self._encoder else getattr(config, "max_position_embeddings", None)
        self._cut_at = getattr(config, "max_position_embeddings", None) if self._encoder else None
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = getattr(torch, precision())
        layers = int(config.num_hidden_layers)
        if layer is not None and not 1 <= layer <= layers:
            raise InputError(f"{path} has layers 1 to {layers}; got {layer}.")
        model = _model(path, _cut(config, layer) if layer is not None else config, dtype)
        self._whole = layer is not None and not _without_norm(model)
        if self._whole:  # where the final norm is cannot be told, so the layer's states are asked for
            model = _model(path, AutoConfig.from_pretrained(path, trust_remote_code=False), dtype)
        if (padding := getattr(getattr(model, "embeddings", None), "padding_idx", None)) is not None and self._cut_at:
            self._cut_at -= padding + 1  # RoBERTa and its kin count positions from the one after padding's
        self._model: Any = model.to(self._device).eval()

    def length_of(self, text: str) -> int:
        return len(self._ids(text))

    def vectors_at(self, texts: Sequence[str], layers: Sequence[int | None]) -> list[Any]:
        import torch

        from precepts.models.batching import by_length, right_padded

        ids = [self._ids(text) for text in texts]
        out: list[Any] = [None] * len(layers)
        with torch.inference_mode():
            for batch in by_length([len(row) for row in ids]):
                ids_BT, mask_BT = right_padded([ids[i] for i in batch], self._device)
                lengths_B = mask_BT.sum(1)
                places_B = torch.arange(len(batch), device=self._device)
                for place, states in enumerate(self._states(ids_BT, mask_BT, layers)):
                    states_BTD = states.float()
                    mean_BD = (states_BTD * mask_BT[..., None]).sum(1) / lengths_B[:, None]
                    last_BD = states_BTD[places_B, lengths_B - 1]
                    found = (mean_BD if self._encoder else torch.cat([last_BD, mean_BD], 1)).cpu()
                    if out[place] is None:
                        out[place] = torch.zeros(len(ids), found.shape[1])
                    out[place][batch] = found
        return out

    def _states(self, ids_BT: Any, mask_BT: Any, layers: Sequence[int | None]) -> list[Any]:
        # A causal model never looks at what stands behind a token, so padding on the right needs no mask.
        asked: dict[str, Any] = {"attention_mask": mask_BT} if self._encoder else {"use_cache": False}
        if self._whole or len(layers) > 1:
            every = self._model(input_ids=ids_BT, output_hidden_states=True, **asked).hidden_states
            return [every[layer] for layer in layers if layer is not None]
        return [self._model(input_ids=ids_BT, **asked).last_hidden_state]

    def _ids(self, text: str) -> list[int]:
        found = self._tokenizer(text, add_special_tokens=self._encoder)["input_ids"]
        return found[: self._cut_at] or [self._tokenizer.eos_token_id or 0]


def lower_layers(path: Path, layer: int) -> Any:
    """The embeddings and the lowest layers of a decoder, without a final norm, in bfloat16, to be run and never trained.

    Raises:
        InputError: If its final norm is not found.
    """
    import torch
    from transformers import AutoConfig

    config: Any = AutoConfig.from_pretrained(path, trust_remote_code=False)
    model: Any = _model(path, _cut(config, layer), torch.bfloat16)
    if not _without_norm(model):
        raise InputError(f"{path} has no final norm under a known name, so it cannot be cut. Leave off @{layer}.")
    return model.eval()


def _without_norm(model: Any) -> bool:
    """Takes the final norm away, if it is found."""
    import torch

    for name in _FINAL_NORMS:
        if isinstance(getattr(model, name, None), torch.nn.Module):
            setattr(model, name, torch.nn.Identity())
            return True
    return False


def _cut(config: Any, layer: int) -> Any:
    config.num_hidden_layers = layer
    if isinstance(kinds := getattr(config, "layer_types", None), list):
        with contextlib.suppress(AttributeError):  # some configurations derive them
            config.layer_types = kinds[:layer]
    return config


def _model(path: Path, config: Any, dtype: Any) -> Any:
    from transformers import AutoModel

    with _quiet():
        model, told = AutoModel.from_pretrained(
            path, config=config, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
    if absent := sorted(name for name in told["missing_keys"] if not name.startswith("pooler")):
        raise InputError(
            f"{path} lacks weights of its own configuration, {absent[0]} among {len(absent)}. Get it again."
        )
    return model


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """That the layers above are not loaded is meant, so nothing is said of it."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
