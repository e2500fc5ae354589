"""Model references: one string names a model, wherever it runs.

A model that runs here is a directory; anything else goes through Inspect to the provider that its prefix names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from precepts.errors import InputError, MissingError, needs_extra
from precepts.models.embedded import NAME, embedded_path
from precepts.models.generation import Model
from precepts.runs import DONE, PLAN

PROVIDERS: frozenset[str] = frozenset(
    {
        "anthropic", "azureai", "bedrock", "cloudflare", "deepseek", "fireworks", "google", "grok", "groq",
        "hf-inference-providers", "litellm-proxy", "llama-cpp-python", "meta", "mistral", "mockllm", "moonshot",
        "nnterp", "ollama", "openai", "openai-api", "openai-api-completions", "openrouter", "perplexity", "sagemaker",
        "sambanova", "sglang", "together", "transformer_lens", "vllm", "vllm-completions",
    }
)  # fmt: skip
"""Prefixes that Inspect serves by itself; those of installed Inspect extensions are asked for when met."""

FORMS = f"""\
  precepts/{NAME}       the embedded model (get it with: precepts models pull)
  run:PATH, or PATH of a run  the model that a run trained
  PATH                        a directory that holds a model (config.json and safetensors)
  hf/ORG/NAME, hf/PATH        a model of the Hugging Face Hub, or a directory
  openai/NAME, vllm/NAME, …   a provider of Inspect
  http://HOST:PORT/v1#NAME    an endpoint that speaks OpenAI's protocol; its key in PRECEPTS_API_KEY"""

_TRAINED = ("sft/model", "model")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_HUB_FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "merges.txt", "vocab.txt", "*.model")


class _Reference(NamedTuple):
    kind: Literal["embedded", "run", "directory", "hub", "endpoint", "remote"]
    rest: str


def model_path(ref: str) -> Path | None:
    """The directory of a model that runs here, downloaded if it is on the Hub; None for a model of a remote provider.

    Raises:
        InputError: If the reference has no known form.
        MissingError: If the model is not here yet; the message says how to get it.
    """
    kind, rest = _read(ref)
    match kind:
        case "embedded":
            return embedded_path()
        case "run":
            return _trained(Path(rest).expanduser())
        case "directory":
            return _weights(Path(rest).expanduser())
        case "hub":
            return _downloaded(rest)
        case "endpoint" | "remote":
            return None


def open_model(ref: str) -> Model:
    """The model that a reference names: in memory if it runs here, else a client of its provider.

    Raises:
        InputError: If the reference has no known form.
        MissingError: If the model, a package or a key that it needs is not here.
    """
    path = model_path(ref)
    if path is None and _read(ref).kind == "endpoint":
        from precepts.models.endpoint import EndpointModel

        return EndpointModel(_read(ref).rest)
    if path is None:
        from precepts.models.remote import InspectModel

        return InspectModel(ref.strip())
    try:
        from precepts.models.engine import Engine
    except ImportError:
        raise needs_extra("torch and transformers") from None
    return Engine(path, name=model_name(ref))


def model_name(ref: str) -> str:
    """What reports call the model: the same for every way to write one reference.

    Raises:
        InputError: If the reference has no known form.
    """
    kind, rest = _read(ref)
    match kind:
        case "embedded":
            return f"precepts/{NAME}"
        case "run":
            return f"run:{Path(rest)}"
        case "directory":
            return str(Path(rest))
        case "hub":
            return f"hf/{rest}"
        case "endpoint" | "remote":
            return rest


def _read(ref: str) -> _Reference:
    ref = ref.strip()
    if (bare := ref.removeprefix("precepts/")).startswith(("http://", "https://")):
        return _Reference("endpoint", bare)  # also as Inspect is given it
    if ref == f"precepts/{NAME}":
        return _Reference("embedded", ref)
    if bare.startswith("run:") and (rest := bare.removeprefix("run:")):
        return _Reference("run", rest)
    if (bare.startswith("hf/") and ref != bare) or ref.startswith("hf/"):
        ref = bare  # as Inspect is given it, to run here and not in its own provider
    if ref.startswith("hf/") and (rest := ref.removeprefix("hf/")):
        local = rest.startswith((".", "/", "~")) or (Path(rest) / "config.json").exists()
        if local or _HUB_NAME.fullmatch(rest):
            return _Reference("directory" if local else "hub", rest)
        raise MissingError(f"{ref}: there is no model directory {rest}, and the Hub's names are ORG/NAME.")
    path = Path(ref).expanduser()
    if ref and path.is_dir():
        if (path / "config.json").exists():
            return _Reference("directory", ref)
        if (path / DONE).exists() or (path / PLAN).exists():
            return _Reference("run", ref)
        raise InputError(f"{ref} is a directory, but neither of a model (config.json) nor of a run ({PLAN}, {DONE}).")
    prefix, slash, name = ref.partition("/")
    if slash and name and prefix != "precepts" and (prefix in PROVIDERS or _extension(prefix)):
        return _Reference("remote", ref)
    raise InputError(f"{ref!r} names no model, and no such directory is here. A model is one of:\n{FORMS}")


def _extension(prefix: str) -> bool:
    """Whether an installed Inspect extension serves the prefix."""
    if not re.fullmatch(r"[A-Za-z][\w-]*", prefix):
        return False
    from precepts.models.remote import serves

    return serves(prefix)


def _trained(run: Path) -> Path:
    for place in _TRAINED:
        if (run / place / "config.json").exists():
            return _weights(run / place)
    if not run.is_dir():
        raise MissingError(f"run:{run}: there is no directory {run}. Give the --out of an earlier command.")
    if not ((run / PLAN).exists() or (run / DONE).exists()):
        raise InputError(f"run:{run}: not a run directory (it has no {PLAN}). Give the --out of an earlier command.")
    raise MissingError(f"run:{run} has no trained model yet. Train it with: precepts align sft {run}")


def _weights(path: Path) -> Path:
    if not (path / "config.json").exists():
        raise MissingError(f"{path} holds no model (no config.json).")
    if not any(path.glob("*.safetensors")):
        raise InputError(f"{path} holds no *.safetensors. Weights in other formats are not read; convert them first.")
    return path


def _downloaded(name: str) -> Path:
    """A Hub model's directory in the Hub's own cache; files in other formats than safetensors stay where they are."""
    try:
        from httpx import HTTPError
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
    except ImportError:
        raise needs_extra("huggingface_hub") from None
    try:
        path = Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except GatedRepoError:
        raise MissingError(
            f"hf/{name} is gated. Accept its terms at https://huggingface.co/{name} and log in with: hf auth login"
        ) from None
    except RepositoryNotFoundError:
        raise MissingError(
            f"The Hub has no hf/{name}, or it is private. Check the name, or log in with: hf auth login"
        ) from None
    except (OSError, HTTPError, HFValidationError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingError(
            f"hf/{name} is not in the Hub's cache and could not be downloaded: {why} "
            f"Try again when online and with HF_HUB_OFFLINE unset, or give a directory that holds the model."
        ) from None
    return _weights(path)
