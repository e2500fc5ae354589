"""Sentence embeddings from a model's token table alone: no forward pass, thousands of texts a second.

Smooth inverse frequency (Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings"): the mean of a
text's token vectors, each weighed by a / (a + its frequency), less the direction that all texts share. Frequencies and that direction are
taken from reference texts, so that two calls are comparable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from precepts.errors import InputError, needs_extra

_A = 1e-3  # from the paper
_KEYS = ("model.embed_tokens.weight", "transformer.wte.weight", "embed_tokens.weight")


def static_embeddings(path: Path, reference: Sequence[str]) -> Callable[[Sequence[str]], npt.NDArray[np.float32]]:
    """A function from texts to vectors, shape (texts, dimensions), not of unit length; a text without a token gives zeros.

    Args:
        path: A model's directory.
        reference: Texts of the kind that will be embedded; they give frequencies and the shared direction.

    Raises:
        InputError: If the model's token table is not found.
        MissingError: If torch or transformers are not installed.
    """
    try:
        from safetensors import safe_open
        from transformers import AutoTokenizer
    except ImportError as error:
        raise needs_extra(error.name or "transformers") from None
    table_VD: Any = None
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, "pt") as held:
            key = next((one for one in _KEYS if one in held.keys()), None)  # noqa: SIM118 - no mapping
            if key is not None:
                table_VD = held.get_tensor(key).float().numpy()
    if table_VD is None:
        raise InputError(f"{path} holds no token table of a known name ({', '.join(_KEYS)}).")
    tokenizer: Any = AutoTokenizer.from_pretrained(path)

    def ids_of(texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        return tokenizer([" ".join(text.split()).casefold() for text in texts], add_special_tokens=False)["input_ids"]

    counts = Counter(token for ids in ids_of(list(reference)) for token in ids)
    total = max(1, counts.total())
    weight_V = np.array([_A / (_A + counts[token] / total) for token in range(len(table_VD))], dtype=np.float32)

    def means(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        out = np.zeros((len(texts), table_VD.shape[1]), dtype=np.float32)
        for row, ids in enumerate(ids_of(texts)):
            if ids:
                out[row] = (table_VD[ids] * weight_V[ids, None]).sum(axis=0) / len(ids)
        return out

    shared_D = _first_direction(means(list(reference)))

    def embed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        found = means(texts)
        along_N = found @ shared_D
        return np.asarray(found - along_N[:, None] * shared_D[None, :], dtype=np.float32)

    return embed


def _first_direction(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The unit vector along which the rows are longest; zeros without rows."""
    if not len(vectors):
        return np.zeros(vectors.shape[1], dtype=np.float32)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return directions[:, -1].astype(np.float32)
