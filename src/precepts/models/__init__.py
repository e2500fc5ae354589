"""Models: one string names a model, one protocol runs it, here or at a provider.

| word | what it is |
|---|---|
| reference | a string that names a model: `precepts/smollm2-135m`, `run:PATH`, `hf/ORG/NAME`, `openai/NAME` |
| conversation | messages that end on the turn to answer |
| prefill | how an answer was begun; the model goes on from there, and the result includes it |
| opening | `<think>` and `verdict:`, which a trained model writes first; the token after it decides |
| opener | the first words of the answer, by which a refusal can be told in every arm |
| decision | log-odds (nats) of refuse against comply after the model's own `verdict:` |

`open_model(reference)` gives a `Model`. Those that run here are an `Engine`, and a `ScoringModel`: their probabilities
can be read. Importing this room loads neither torch nor transformers nor inspect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from precepts.models.format import Parsed, parse, render
from precepts.models.generation import Conversation, Generated, Model, Sampling, ScoringModel, plan_batches
from precepts.models.references import model_name, model_path, open_model

if TYPE_CHECKING:
    from precepts.models.engine import Engine
    from precepts.models.remote import InspectModel

__all__ = [
    "Conversation",
    "Engine",
    "Generated",
    "InspectModel",
    "Model",
    "Parsed",
    "Sampling",
    "ScoringModel",
    "model_name",
    "model_path",
    "open_model",
    "parse",
    "plan_batches",
    "render",
]

_HEAVY = {"Engine": "engine", "InspectModel": "remote"}


def __getattr__(name: str) -> object:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
