"""Checkpoints that can be trusted: a digest of every file, written last, read before anything is resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from precepts.models.loaded import SETTINGS
from precepts.runs import file_digest, write_atomic

SEAL = "digests.json"
"""In a checkpoint that was written to its end: each file's sha256."""


def finish_if_trained(run: Path) -> bool:
    """Whether a run's model was written to its end. If so, what a kill left undone is done: its checkpoints are removed."""
    trained = (run / "model" / "model.safetensors").exists() and (run / "model" / SETTINGS).exists()
    if trained:
        shutil.rmtree(run / "checkpoints", ignore_errors=True)
    return trained


def seal(checkpoint: Path) -> None:
    """Writes the digests of a checkpoint whose files are all there. What holds none was never finished."""
    digests = {path.name: file_digest(path) for path in sorted(checkpoint.iterdir()) if path.is_file()}
    write_atomic(checkpoint / SEAL, json.dumps(digests, indent=1))


def last_checkpoint(checkpoints: Path) -> str | None:
    """The newest checkpoint that is whole; those half-written, or damaged since, are removed and an older one is taken."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]), reverse=True)
    for path in found:
        if _whole(path):
            return str(path)
        shutil.rmtree(path, ignore_errors=True)
    return None


def _whole(checkpoint: Path) -> bool:
    try:
        digests = json.loads((checkpoint / SEAL).read_text("utf-8"))
        return bool(digests) and all(file_digest(checkpoint / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError, TypeError):
        return False
