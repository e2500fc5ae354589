"""Frozen features of texts, computed once: a store keyed by the model's weights, the layer and the text itself.

A text that was seen in any run, task or seed is never run again, and another model, layer or text never meets an old vector. Vectors
are kept in bfloat16, the precision in which they were computed, in shards of which each is written whole: a kill loses at most one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from precepts.data import cache
from precepts.errors import InputError, needs_extra
from precepts.models.precision import precision
from precepts.progress import progress
from precepts.runs import file_digest, write_atomic
from precepts.stats import FloatArray
from precepts.types import content_key
from precepts.w2s.backbones import load_backbone
from precepts.w2s.references import Kind, layer_of

Pooling = Literal["last", "mean"]
_SHARD = 256


class FeatureSource(NamedTuple):
    """A model directory, how many of its layers are run, and which state of a text is taken; a layer of encoders and static vectors is 0."""

    path: Path
    layer: int
    pooling: Pooling = "last"
    kind: Kind = "layer"


def feature_source(path: Path, kind: Kind, layer: int | None = None) -> FeatureSource:
    """The features that are meant without a word on the layer: of a causal model just past the middle, else all there is."""
    return FeatureSource(path, layer_of(path, layer) if kind == "layer" else 0, kind=kind)


def model_digest(path: Path) -> str:
    """Names a model by its weights and configuration; the sha256 of files is kept beside the store while they do not change."""
    memo_path = cache() / "features" / "digests.json"
    memo: dict[str, str] = json.loads(memo_path.read_text("utf-8")) if memo_path.exists() else {}
    parts: list[str] = []
    for file in sorted([path / "config.json", *path.glob("*.safetensors"), *path.glob("tokenizer*.json")]):
        stat = file.stat()
        name = content_key(str(file.resolve()), stat.st_size, stat.st_mtime_ns)
        if name not in memo:
            memo[name] = file_digest(file)
            write_atomic(memo_path, json.dumps(memo))
        parts.append(memo[name])
    return content_key(parts)


def in_precision(name: str) -> str:
    """The name of what was computed, with the precision where it is not the usual one: numbers of two precisions never mix."""
    return name if precision() == "bfloat16" else f"{name}-{precision()}"


class FeatureStore:
    """The vectors of one model and layer."""

    def __init__(self, source: FeatureSource, *, root: Path | None = None) -> None:
        """Names a store; nothing is read before `vectors`."""
        self.source = source
        kind = f"layer{source.layer}" if source.kind == "layer" else source.kind
        named = f"{model_digest(source.path)}-{kind}"
        self.name = named if source.kind == "static" else in_precision(named)
        self.path = (root or cache() / "features") / self.name
        self._index: dict[str, tuple[Path, int]] = {}

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """The features of each text, shape (N, D); those that are missing are computed and kept.

        Raises:
            InputError: If a text is longer than the model can read, or a feature is not finite.
            MissingError: If torch or transformers is not installed.
        """
        try:
            from safetensors.torch import load_file
        except ImportError:
            raise needs_extra("torch, transformers and safetensors") from None
        fill([self], texts)
        keys = [content_key(text) for text in texts]
        by_shard: dict[Path, list[int]] = {}
        for i, key in enumerate(keys):
            by_shard.setdefault(self._index[key][0], []).append(i)
        parts: dict[int, FloatArray] = {}
        for shard, rows in by_shard.items():
            states = load_file(shard)["states"].double().numpy()
            half = states.shape[1] // 2
            taken = states
            if self.source.kind == "layer":
                taken = states[:, :half] if self.source.pooling == "last" else states[:, half:]
            parts |= {i: taken[self._index[keys[i]][1]] for i in rows}
        found: FloatArray = np.stack([parts[i] for i in range(len(keys))]) if keys else np.zeros((0, 0))
        if not np.isfinite(found).all():
            raise InputError(
                f"{self.path} holds features that are not finite. Delete that folder, or use another layer."
            )
        return found

    def read_index(self) -> None:
        """Finds out which vectors are kept."""
        from safetensors import safe_open

        known = {path for path, _ in self._index.values()}
        for shard in sorted(self.path.glob("*.safetensors")):
            if shard in known:
                continue
            with safe_open(shard, framework="pt") as file:
                keys = json.loads(file.metadata()["keys"])
            self._index.update({key: (shard, row) for row, key in enumerate(keys)})

    def lacks(self, text: str) -> bool:
        """Whether a text's vector has to be computed."""
        return content_key(text) not in self._index

    def keep(self, keys: Sequence[str], states: Any) -> None:
        """Writes one shard, whole."""
        from safetensors.torch import save

        shard = self.path / f"{content_key(list(keys))}.safetensors"
        write_atomic(shard, save({"states": states.contiguous()}, metadata={"keys": json.dumps(list(keys))}))
        self._index.update({key: (shard, row) for row, key in enumerate(keys)})


def fill(stores: Sequence[FeatureStore], texts: Sequence[str]) -> None:
    """Computes what any of the stores lacks, in one pass for all: layers of one model, or a single store of another kind.

    Raises:
        InputError: If a text is longer than the model can read, or the model has no such layer.
        MissingError: If torch or transformers is not installed.
    """
    for store in stores:
        store.read_index()
    missing = {content_key(text): text for text in texts if any(store.lacks(text) for store in stores)}
    if not missing:
        return
    source, layers = stores[0].source, [store.source.layer for store in stores]
    assert all(store.source[::3] == source[::3] for store in stores), "one pass is of one model"
    model = load_backbone(source.path, source.kind, max(layers))
    ordered = sorted(missing.items(), key=lambda item: (len(item[1]), item[0]))
    for _, text in reversed(ordered):
        # A token has at least one byte, a character up to four of them.
        if model.most_tokens is None or len(text.encode("utf-8", "surrogatepass")) < model.most_tokens:
            continue
        if (length := model.length_of(text)) > model.most_tokens:
            raise InputError(f"A text has {length} tokens, the model reads {model.most_tokens}: {text[:60]!r}…")
    said = f"layer {', '.join(map(str, layers))}" if source.kind == "layer" else source.kind
    with progress(f"features, {said}", len(ordered), unit="texts") as bar:
        for start in range(0, len(ordered), _SHARD):
            part = ordered[start : start + _SHARD]
            for store, states in zip(stores, model.vectors_at([text for _, text in part], layers), strict=True):
                store.keep([key for key, _ in part], states.bfloat16())
            bar.advance(len(part))
