"""What a fine-tuning gave, kept by everything that decided it: a run that was stopped loses one fine-tuning, and no two runs make the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from precepts.data import cache
from precepts.runs import write_atomic
from precepts.stats import FloatArray
from precepts.types import content_key

_VERSION = 3
"""Of how a fine-tuning is done; one more whenever the same arguments would give other numbers."""


def array_key(array: FloatArray) -> str:
    """Names an array by its shape and numbers."""
    whole = np.ascontiguousarray(array, dtype=np.float64)
    return f"{'x'.join(map(str, whole.shape))}-{hashlib.sha256(whole.tobytes()).hexdigest()[:32]}"


def kept(key: Mapping[str, object], make: Callable[[], Mapping[str, FloatArray]]) -> dict[str, FloatArray]:
    """What `make` gives, made once for a key; arrays come back as float64.

    Args:
        key: JSON values that decide the result: model, settings, texts, labels, seed.
        make: Called if nothing is kept under the key.
    """
    from safetensors.numpy import load_file, save

    path = cache() / "w2s-tuned" / f"{content_key(_VERSION, dict(key))}.safetensors"
    if not path.exists():
        made = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in make().items()}
        write_atomic(path, save(made))
    return {name: np.asarray(array, dtype=np.float64) for name, array in load_file(path).items()}
