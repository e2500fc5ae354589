"""Attention over a shared prefix against the same tokens run as one plain sequence a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from precepts.models import prefix as shared_prefix

PREFIX = list(range(5, 45))
ROWS = [[50, 51, 52, 53, 54, 55], [60, 61, 62, 50, 51, 70], [7, 8, 9, 10, 11, 12]]


@pytest.fixture
def model(tiny_path: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_path, dtype=torch.float32).eval()


def through_prefix(model: Any, *, fused: bool = False) -> torch.Tensor:
    from transformers import DynamicCache

    once: Any = DynamicCache(config=model.config)
    model.model(input_ids=torch.tensor([PREFIX]), past_key_values=once, use_cache=True)
    held = shared_prefix.Prefix(tuple(PREFIX), [(layer.keys[0], layer.values[0]) for layer in once.layers], fused)
    ids_BT = torch.tensor(ROWS)
    positions_BT = (torch.arange(ids_BT.shape[1]) + len(PREFIX)).expand(len(ROWS), -1)
    with shared_prefix.shared(model, held):
        return model.model(
            input_ids=ids_BT,
            position_ids=positions_BT,
            past_key_values=DynamicCache(config=model.config),
            use_cache=True,
        ).last_hidden_state


def plain(model: Any) -> torch.Tensor:
    whole = model.model(input_ids=torch.tensor([PREFIX + row for row in ROWS]), use_cache=False)
    return whole.last_hidden_state[:, len(PREFIX) :]


@pytest.mark.parametrize("most", [2**26, 500])
def test_states_and_gradients_are_those_of_whole_sequences(model: Any, monkeypatch: pytest.MonkeyPatch, most: int):
    expected_BTD = plain(model)
    expected_BTD.square().sum().backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    assert shared_prefix.enable(model)
    monkeypatch.setattr(shared_prefix, "_MAX_SCORES", most)
    found_BTD = through_prefix(model)
    torch.testing.assert_close(found_BTD, expected_BTD, atol=1e-4, rtol=1e-4)
    found_BTD.square().sum().backward()
    for name, gradient in expected.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("most", [2**26, 50])
def test_two_softmaxes_are_joined_to_one(model: Any, monkeypatch: pytest.MonkeyPatch, most: int):
    assert shared_prefix._FUSED is not None, "this version of PyTorch has none; then the other way is taken"
    called: list[int] = []
    fused = shared_prefix._FUSED
    monkeypatch.setattr(shared_prefix, "_FUSED", lambda *rest, **named: called.append(1) or fused(*rest, **named))
    monkeypatch.setattr(shared_prefix, "_MAX_SCORES", most)
    expected_BTD = plain(model)
    assert shared_prefix.enable(model)
    with torch.inference_mode():
        found_BTD = through_prefix(model, fused=True)
    assert len(called) >= model.config.num_hidden_layers
    torch.testing.assert_close(found_BTD, expected_BTD, atol=1e-4, rtol=1e-4)


def test_nothing_is_shared_after_the_block(model: Any):
    shared_prefix.enable(model)
    before = plain(model)
    through_prefix(model)
    assert torch.equal(plain(model), before)


def test_a_model_with_windowed_attention_keeps_its_own(model: Any):
    model.config.layer_types = ["sliding_attention", *["full_attention"] * (model.config.num_hidden_layers - 1)]
    before = model.config._attn_implementation
    assert not shared_prefix.enable(model)
    assert model.config._attn_implementation == before
