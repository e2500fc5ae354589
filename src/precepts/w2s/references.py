"""How models of the experiment are named, and what a model's directory tells without loading it.

Frozen, as a source of features: `MODEL[@LAYER]` (states of a causal language model after so many layers), `encoder:MODEL` (the mean over
tokens of a sentence encoder's last states) or `static:MODEL` (the mean of a model's input embeddings, of which no layer is run). Fine-tuned:
`lora:MODEL[@LAYER]` or `full:MODEL[@LAYER]`, where a layer means that those up to it stay as they are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

from precepts.errors import InputError

Kind = Literal["layer", "encoder", "static"]
TunedKind = Literal["lora", "full"]
TUNED_KINDS: tuple[TunedKind, ...] = ("lora", "full")
_PREFIXED: tuple[Kind, ...] = ("encoder", "static")
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
_LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks)\.(\d+)\.")


class BackboneRef(NamedTuple):
    """A reference in its parts; `layer` is None where the default is meant, and for models that are not cut."""

    kind: Kind
    model: str
    layer: int | None = None


class TunedRef(NamedTuple):
    """A reference such as `lora:precepts/smollm2-135m`, or `lora:precepts/smollm2-135m@16`: only the layers above the 16th are tuned."""

    kind: TunedKind
    model: str
    above: int | None = None


def backbone_ref(ref: str) -> BackboneRef:
    """`MODEL[@LAYER]`, `encoder:MODEL` or `static:MODEL` in its parts."""
    kind, colon, model = ref.partition(":")
    for known in _PREFIXED:
        if colon and kind == known:
            return BackboneRef(known, model)
    name, at, layer = ref.rpartition("@")
    return BackboneRef("layer", name, int(layer)) if at and layer.isdigit() else BackboneRef("layer", ref)


def tuned_ref(ref: str) -> TunedRef | None:
    """`lora:MODEL[@LAYER]` or `full:MODEL[@LAYER]` in its parts; None for anything else."""
    kind, colon, rest = ref.partition(":")
    for known in TUNED_KINDS:
        if colon and kind == known:
            named = backbone_ref(rest)
            return TunedRef(known, rest, None) if named.kind != "layer" else TunedRef(known, named.model, named.layer)
    return None


def default_layer(path: Path) -> int:
    """A layer just past the middle, where concepts are read best (16 of 30 for the embedded model)."""
    layers = _num_layers(_config(path))
    if layers is None:
        raise InputError.at(path, None, "its config.json names no number of layers; give one as REF@LAYER")
    return max(1, round(layers * 16 / 30))


def layer_of(path: Path, layer: int | None) -> int:
    """The layer of a causal language model that is meant: the one that is named, else the default.

    Raises:
        InputError: If it is no causal language model, or has no such layer.
    """
    check_causal(path)
    if layer is None:
        return default_layer(path)
    last = _num_layers(_config(path))
    if layer < 1 or (last is not None and layer > last):
        raise InputError(f"{path} has layers 1 to {last or 'its last'}; got {layer}.")
    return layer


def check_causal(path: Path) -> None:
    """That a model directory holds a causal language model: what stands behind a token never changes its state.

    Raises:
        InputError: If it does not.
    """
    named = _config(path).get("architectures") or []
    if named and not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in named):
        raise InputError(
            f"{path} is no causal language model ({', '.join(named)}). For a sentence encoder give encoder:MODEL; it can be read, but "
            f"neither tuned nor cut."
        )


def most_positions(path: Path) -> int | None:
    """How many tokens a model can read at once; None where its config.json does not say."""
    config = _config(path)
    return next((int(config[key]) for key in ("max_position_embeddings", "n_positions") if config.get(key)), None)


def _config(path: Path) -> dict[str, Any]:
    try:
        return json.loads((path / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _num_layers(config: dict[str, Any]) -> int | None:
    return next((int(config[key]) for key in ("num_hidden_layers", "n_layer", "num_layers") if key in config), None)


def num_parameters(path: Path, *, layer: int | None = None) -> int:
    """Parameters of a model without its output head, up to a layer; 0 for its embeddings alone, None for all layers."""
    from safetensors import safe_open

    total = 0
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="numpy") as weights:
            for name in weights.keys():  # noqa: SIM118  it is no mapping
                shape = weights.get_slice(name).get_shape()
                place = _LAYER.search(name)
                if layer == 0:
                    counted = name.endswith(EMBEDDINGS)
                else:
                    counted = "lm_head" not in name and (place is None or layer is None or int(place[1]) < layer)
                size = 1
                for length in shape:
                    size *= length
                total += size if counted else 0
    return total
