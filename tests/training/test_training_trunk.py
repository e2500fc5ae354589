"""The cut model with a shared prefix computes what the whole model computes: logits, loss and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from precepts.models.engine import Engine  # noqa: E402
from precepts.training import trunk as trunk_module  # noqa: E402
from precepts.training.examples import Example, Tokens, shared_prefix  # noqa: E402
from precepts.training.losses import weighted_cross_entropy  # noqa: E402
from precepts.training.trunk import num_layers, run_trunk, save_joined, upper_model  # noqa: E402

CHOSEN = [0, 3, 5, 8, 9, 14]


class InFloat32:
    """Loads every model in float32, so that what is compared is the arithmetic and not its rounding."""

    @staticmethod
    def from_pretrained(path: Path, *, dtype: Any) -> Any:
        return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunk_module, "AutoModelForCausalLM", InFloat32)


def whole_model(path: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def plainly(model: Any, tokens: list[Tokens]) -> tuple[Any, Any, Any]:
    """Logits, targets and weights of every learned position, one row at a time and nothing shared."""
    logits: list[Any] = []
    targets: list[int] = []
    weights: list[float] = []
    for ids, wanted, _ in tokens:
        out_TV = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        for position, weight in enumerate(wanted):
            if weight > 0:
                logits.append(out_TV[position - 1])
                targets.append(ids[position])
                weights.append(weight)
    return torch.stack(logits), torch.tensor(targets), torch.tensor(weights)


@pytest.mark.parametrize("shared", [True, False], ids=["shared prefix", "no prefix"])
@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.usefixtures("in_float32")
def test_logits_loss_and_gradients_are_those_of_the_whole_model(
    deep_path: Path, tokens: list[Tokens], layers: int, shared: bool
) -> None:
    prefix = shared_prefix(tokens) if shared else []
    assert (len(prefix) > 8) is shared
    seen: list[int] = []
    trunk = run_trunk(deep_path, tokens, prefix, layers=layers, advance=seen.append)
    assert sum(seen) == len(tokens)
    upper = upper_model(deep_path, layers=layers)
    batch = trunk.batch(CHOSEN)
    logits_NV = upper(batch.prefix_PD, batch.hidden_BTD, batch.rows_N, batch.columns_N)
    whole = whole_model(deep_path)
    expected_NV, targets_N, weights_N = plainly(whole, [tokens[i] for i in CHOSEN])
    assert torch.equal(batch.targets_N, targets_N)
    assert torch.equal(batch.weights_N, weights_N)
    torch.testing.assert_close(logits_NV, expected_NV, rtol=1e-4, atol=1e-5)

    weighted_cross_entropy(logits_NV, batch.targets_N, batch.weights_N).backward()
    weighted_cross_entropy(expected_NV, targets_N, weights_N).backward()
    compared = 0
    for index, layer in enumerate(upper.model.layers):
        theirs = dict(whole.model.layers[index + layers].named_parameters())
        for name, parameter in layer.named_parameters():
            assert theirs[name].grad.abs().max() > 0
            torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=1e-3, atol=1e-6)
            compared += 1
    assert compared == 9 * (3 - layers)
    torch.testing.assert_close(upper.model.norm.weight.grad, whole.model.norm.weight.grad, rtol=1e-3, atol=1e-6)
    assert upper.model.embed_tokens.weight.grad is None, "embeddings are frozen in every mode"


def test_the_cut_leaves_the_layers_above_it(deep_path: Path) -> None:
    assert num_layers(deep_path) == 3
    upper = upper_model(deep_path, layers=2)
    assert len(upper.model.layers) == 1
    assert torch.equal(
        upper.model.layers[0].mlp.up_proj.weight, whole_model(deep_path).model.layers[2].mlp.up_proj.weight
    )


def test_the_trunk_is_kept_in_bfloat16_and_near_float32(
    deep_path: Path, tokens: list[Tokens], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = shared_prefix(tokens)
    kept = run_trunk(deep_path, tokens, prefix, layers=2, advance=lambda count: None)
    monkeypatch.setattr(trunk_module, "AutoModelForCausalLM", InFloat32)
    exact = run_trunk(deep_path, tokens, prefix, layers=2, advance=lambda count: None)
    assert kept.hidden[0].dtype == torch.bfloat16
    for mine, theirs in zip((kept.prefix_PD, *kept.hidden), (exact.prefix_PD, *exact.hidden), strict=True):
        torch.testing.assert_close(mine.float(), theirs, rtol=0.1, atol=0.1)


def test_joining_puts_trained_layers_over_the_bases_own(deep_path: Path, tmp_path: Path) -> None:
    upper = upper_model(deep_path, layers=1)
    with torch.no_grad():
        for layer in upper.model.layers:
            layer.mlp.up_proj.weight.add_(1.0)
        upper.model.norm.weight.add_(0.5)
    target = tmp_path / "model"
    target.mkdir()
    (target / "left.txt").write_text("from another try")
    save_joined(deep_path, upper, target, layers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]
    assert not (target / "left.txt").exists()
    joined = transformers.AutoModelForCausalLM.from_pretrained(target, dtype=torch.bfloat16).state_dict()
    base = whole_model(deep_path).state_dict()
    assert joined.keys() == base.keys()
    raised = {"model.norm.weight": 0.5} | {f"model.layers.{i}.mlp.up_proj.weight": 1.0 for i in (1, 2)}
    for name, weight in base.items():
        assert torch.equal(joined[name], (weight + raised.get(name, 0.0)).bfloat16()), name
    assert Engine(target).tokenizer.chat_template


def test_a_joined_model_answers_as_the_base_where_nothing_was_trained(
    deep_path: Path, tmp_path: Path, examples: list[Example]
) -> None:
    save_joined(deep_path, upper_model(deep_path, layers=2), tmp_path / "model", layers=2)
    asked = [e.messages for e in examples[:3]]
    assert Engine(tmp_path / "model").decisions(asked) == Engine(deep_path).decisions(asked)
