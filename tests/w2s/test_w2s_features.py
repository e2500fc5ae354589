"""The feature store: what is read back, what is never computed twice, what never meets."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from precepts.errors import InputError
from precepts.models import Engine
from precepts.w2s import features
from precepts.w2s.backbones import load_backbone
from precepts.w2s.features import FeatureSource, FeatureStore, feature_source
from precepts.w2s.references import backbone_ref, default_layer, num_parameters

TEXTS = ["a garden", "the sea costs nothing", "nobody asked", "a garden", "name some colours; please answer"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))


def test_vectors_are_the_models_own_in_the_order_of_the_texts(tiny_path):
    found = FeatureStore(FeatureSource(tiny_path, 1)).vectors(TEXTS)
    direct = Engine(tiny_path).hidden_states(TEXTS, layer=1).numpy()[:, : found.shape[1]]
    np.testing.assert_allclose(found, direct, rtol=0.05, atol=0.05)
    np.testing.assert_array_equal(found[0], found[3])


def test_a_text_is_computed_once_and_a_kill_loses_one_shard(tiny_path, monkeypatch):
    monkeypatch.setattr(features, "_SHARD", 2)
    source = FeatureSource(tiny_path, 2)
    calls = []

    class Counted:
        def __init__(self, *given):
            self.inner = load_backbone(*given)
            self.most_tokens = self.inner.most_tokens

        def vectors_at(self, texts, layers):
            calls.append(len(texts))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return self.inner.vectors_at(texts, layers)

    monkeypatch.setattr(features, "load_backbone", Counted)
    with pytest.raises(KeyboardInterrupt):
        FeatureStore(source).vectors(TEXTS)
    first = FeatureStore(source).vectors(TEXTS)
    assert calls == [2, 2, 2]  # four different texts: two kept, the two of the killed shard made again
    np.testing.assert_array_equal(FeatureStore(source).vectors(TEXTS), first)
    assert len(calls) == 3


def test_layers_and_models_never_share_a_store(tiny_path, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    other = tmp_path / "other"
    shutil.copytree(tiny_path, other)
    weights = load_file(other / "model.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] + 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    named = FeatureStore(FeatureSource(tiny_path, 1)).name
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRECEPTS_DTYPE", "float32")
        assert FeatureStore(FeatureSource(tiny_path, 1)).name == f"{named}-float32"
        patch.setenv("PRECEPTS_DTYPE", "float16")
        with pytest.raises(InputError, match="give bfloat16 or float32"):
            FeatureStore(FeatureSource(tiny_path, 1))
    names = {FeatureStore(FeatureSource(*at)).name for at in ((tiny_path, 1), (tiny_path, 2), (other, 1))}
    assert len(names) == 3


def test_layers_of_one_model_come_from_one_pass_and_are_those_of_passes_of_their_own(tiny_path, tmp_path, monkeypatch):
    alone = [FeatureStore(FeatureSource(tiny_path, layer), root=tmp_path / "alone").vectors(TEXTS) for layer in (1, 2)]
    loads = []
    monkeypatch.setattr(features, "load_backbone", lambda *given: loads.append(given) or load_backbone(*given))
    stores = [FeatureStore(FeatureSource(tiny_path, layer), root=tmp_path / "together") for layer in (1, 2)]
    stores[0].vectors(TEXTS[:1])
    features.fill(stores, TEXTS)
    assert [given[2] for given in loads] == [1, 2]
    for store, wanted in zip(stores, alone, strict=True):
        np.testing.assert_allclose(store.vectors(TEXTS), wanted, rtol=0.02, atol=0.02)
    assert len(loads) == 2


def test_pooling_takes_the_other_half_of_one_stored_vector(tiny_path):
    last = FeatureStore(FeatureSource(tiny_path, 1, "last")).vectors(TEXTS)
    mean = FeatureStore(FeatureSource(tiny_path, 1, "mean")).vectors(TEXTS)
    assert last.shape == mean.shape
    assert not np.allclose(last, mean)


def test_a_layer_the_model_does_not_have_and_a_text_that_is_too_long_are_refused(tiny_path):
    with pytest.raises(InputError, match="layers 1 to 2"):
        FeatureStore(FeatureSource(tiny_path, 3)).vectors(TEXTS)
    with pytest.raises(InputError, match="the model reads 512"):
        FeatureStore(FeatureSource(tiny_path, 1)).vectors(["sea " * 2000])
    with pytest.raises(InputError, match="the model reads 512"):
        FeatureStore(FeatureSource(tiny_path, 1)).vectors(["\u2000" * 400, "more letters " * 32])


def test_the_default_layer_is_just_past_the_middle(tiny_path, embedded):
    assert default_layer(tiny_path) == 1
    assert default_layer(embedded) == 16


@pytest.fixture
def other_kinds(tiny_path, tmp_path):
    """A GPT-2 without a chat template, whose layers are named otherwise, and a sentence encoder, each with the tiny tokenizer."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_path)
    tokenizer.chat_template = None
    torch.manual_seed(1)
    size = {"vocab_size": len(tokenizer), "initializer_range": 0.3}
    models = {
        "gpt2": transformers.GPT2LMHeadModel(
            transformers.GPT2Config(n_embd=16, n_layer=3, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0, **size)
        ),
        "bert": transformers.BertModel(
            transformers.BertConfig(
                hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=8, **size
            )
        ),
    }  # fmt: skip
    for name, model in models.items():
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    return {name: (tmp_path / name, model.eval(), tokenizer) for name, model in models.items()}


def test_a_base_model_without_a_chat_template_is_read_up_to_a_layer(other_kinds):
    import torch

    path, model, tokenizer = other_kinds["gpt2"]
    assert default_layer(path) == 2
    found = FeatureStore(FeatureSource(path, 2)).vectors(TEXTS)
    for text, row in zip(TEXTS, found, strict=True):
        ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            direct = model.transformer(ids, output_hidden_states=True).hidden_states[2][0, -1]
        np.testing.assert_allclose(row, direct.numpy(), rtol=0.05, atol=0.1)  # bfloat16


def test_a_sentence_encoder_gives_the_mean_of_its_last_states_and_long_texts_are_cut(other_kinds):
    import torch

    path, model, tokenizer = other_kinds["bert"]
    found = FeatureStore(feature_source(path, "encoder")).vectors([*TEXTS, "sea " * 50])
    assert found.shape == (6, 16)
    for text, row in zip([*TEXTS, "sea " * 50], found, strict=True):
        ids = torch.tensor([tokenizer(text)["input_ids"][:8]])
        with torch.no_grad():
            direct = model(ids).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(row, direct.numpy(), rtol=0.05, atol=0.1)
    with pytest.raises(InputError, match="give encoder:MODEL"):
        FeatureStore(FeatureSource(path, 1)).vectors(TEXTS)


def test_an_encoder_whose_positions_begin_after_paddings_cuts_at_those_that_it_has(tiny_path, tmp_path):
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_path)
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=10, pad_token_id=1,
    )  # fmt: skip
    transformers.RobertaModel(config).save_pretrained(tmp_path / "roberta")
    tokenizer.save_pretrained(tmp_path / "roberta")
    found = FeatureStore(feature_source(tmp_path / "roberta", "encoder")).vectors(["sea " * 50, "sea " * 60])
    np.testing.assert_array_equal(found[0], found[1])


def test_static_vectors_are_the_mean_of_token_embeddings(tiny_path):
    engine = Engine(tiny_path)
    table = engine.model.get_input_embeddings().weight.detach().float().numpy()
    found = FeatureStore(feature_source(tiny_path, "static")).vectors(TEXTS)
    for text, row in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(row, table[engine.ids_of(text)].mean(0), rtol=0.02, atol=0.02)


def test_parameters_are_counted_up_to_the_layer_without_the_output_head(tiny_path, other_kinds):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_path)
    body = sum(p.numel() for p in model.model.parameters())
    layer = sum(p.numel() for p in model.model.layers[0].parameters())
    assert num_parameters(tiny_path) == body
    assert num_parameters(tiny_path, layer=1) == body - layer
    assert num_parameters(tiny_path, layer=0) == model.model.embed_tokens.weight.numel()
    gpt2 = other_kinds["gpt2"][1].transformer
    assert num_parameters(other_kinds["gpt2"][0]) == sum(p.numel() for p in gpt2.parameters())


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("precepts/smollm2-135m@8", ("layer", "precepts/smollm2-135m", 8)),
        ("precepts/smollm2-135m", ("layer", "precepts/smollm2-135m", None)),
        ("encoder:/a/b", ("encoder", "/a/b", None)),
        ("static:run:x", ("static", "run:x", None)),
        ("run:x", ("layer", "run:x", None)),
    ],
)
def test_references_of_backbones(ref, found):
    assert backbone_ref(ref) == found
