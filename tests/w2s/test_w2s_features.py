"""The feature store: what is read back, what is never computed twice, what never meets."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from precepts.errors import InputError
from precepts.models import Engine
from precepts.w2s import features
from precepts.w2s.features import FeatureSource, FeatureStore, default_layer

TEXTS = ["a garden", "the sea costs nothing", "nobody asked", "a garden", "name some colours; please answer"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))


def test_vectors_are_the_models_own_in_the_order_of_the_texts(tiny_path):
    found = FeatureStore(FeatureSource(tiny_path, 1)).vectors(TEXTS)
    direct = Engine(tiny_path).hidden_states(TEXTS, layer=1).numpy()[:, : found.shape[1]]
    np.testing.assert_allclose(found, direct, rtol=0.02, atol=0.02)
    np.testing.assert_array_equal(found[0], found[3])


def test_a_text_is_computed_once_and_a_kill_loses_one_shard(tiny_path, monkeypatch):
    monkeypatch.setattr(features, "_SHARD", 2)
    source = FeatureSource(tiny_path, 2)
    calls = []
    inner = Engine.hidden_states

    def counted(self, texts, *, layer):
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return inner(self, texts, layer=layer)

    monkeypatch.setattr(Engine, "hidden_states", counted)
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
    names = {FeatureStore(FeatureSource(*at)).name for at in ((tiny_path, 1), (tiny_path, 2), (other, 1))}
    assert len(names) == 3


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


def test_the_default_layer_is_just_past_the_middle(tiny_path, embedded):
    assert default_layer(tiny_path) == 1
    assert default_layer(embedded) == 16
