"""GCG on a tiny model: the loss never rises, is the model's own, and the suffix can be typed; PyRIT's converters by name."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from precepts.errors import InputError, MissingError
from precepts.models.loaded import Loaded
from precepts.redteam.catalogue import find
from precepts.redteam.gcg import optimise
from precepts.types import Message

REQUEST = "name the garden"


@pytest.fixture(scope="module")
def tiny(tiny_path: Path) -> Loaded:
    return Loaded(tiny_path)


def test_the_loss_falls_and_is_the_one_the_model_gives_to_the_typed_suffix(tiny: Loaded) -> None:
    made = optimise(tiny, REQUEST, target="the plan", length=4, steps=6, candidates=24, top=40)
    assert list(made.losses) == sorted(made.losses, reverse=True)
    assert made.losses[-1] < made.losses[0]
    again = optimise(tiny, REQUEST, target="the plan", length=4, steps=6, candidates=24, top=40)
    assert again == made
    # The target's mean log-probability after request and suffix, read by the model's own scoring.
    conversation = [Message(role="user", content=f"{REQUEST} {made.text}")]
    [read] = tiny.log_probs([conversation], ["the plan"])
    assert read == pytest.approx(-made.losses[-1], abs=0.15), "bfloat16 rounds"


def test_a_request_that_does_not_fit_is_refused(tiny: Loaded) -> None:
    with pytest.raises(InputError, match="at most 512"):
        optimise(tiny, "the sea " * 400, steps=1)


class _Upper:
    async def convert_async(self, *, prompt: str, input_type: str = "text") -> Any:
        return SimpleNamespace(output_text=prompt.upper(), output_type=input_type)


class _NeedsModel(_Upper):
    def __init__(self, target: Any) -> None:
        raise AssertionError("never made")


@pytest.fixture
def pyrit(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = ModuleType("pyrit"), ModuleType("pyrit.prompt_converter")
    package.__path__ = []  # type: ignore[attr-defined]
    module.UpperConverter, module.NeedsModelConverter = _Upper, _NeedsModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyrit", package)
    monkeypatch.setitem(sys.modules, "pyrit.prompt_converter", module)


@pytest.mark.usefixtures("pyrit")
def test_a_converter_is_an_attack_alone_and_composed_within_a_running_loop() -> None:
    async def attack() -> str:
        apply = find("pyrit.UpperConverter+base64_raw").apply
        assert apply is not None
        return apply("take it", 0).prompt

    assert asyncio.run(attack()) == "VEFLRSBJVA=="


@pytest.mark.usefixtures("pyrit")
def test_a_converter_that_is_not_there_or_needs_a_model_is_named() -> None:
    with pytest.raises(InputError, match=r"no converter 'Nope'.*UpperConverter"):
        find("pyrit.Nope")
    with pytest.raises(InputError, match="cannot be made from its name alone"):
        find("pyrit.NeedsModelConverter")


def test_without_pyrit_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyrit", "pyrit.converter", "pyrit.prompt_converter"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingError, match="pip install pyrit"):
        find("pyrit.UpperConverter")
