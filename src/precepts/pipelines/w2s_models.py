"""From references to what they name: features, supervisors, models on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from precepts.errors import InputError
from precepts.models import model_path
from precepts.pipelines.w2s_config import GENERATIVE, W2SConfig
from precepts.progress import progress
from precepts.runs import Run
from precepts.stats import FloatArray
from precepts.w2s.decoders import check_tunable
from precepts.w2s.examples import Example
from precepts.w2s.experiment import Labeller, pooled
from precepts.w2s.features import FeatureStore, feature_source, fill
from precepts.w2s.reading import tune_on_texts
from precepts.w2s.references import backbone_ref, layer_of, num_parameters, tuned_ref
from precepts.w2s.simulate import simulated_labels, simulated_ref
from precepts.w2s.tuned_experiment import tuned_labeller


def check_model(ref: str) -> None:
    """That a model is here and can be used as its reference says: told now, not when a supervisor has been trained for an hour.

    Raises:
        PreceptsError: If there is no such model here, it has no such layer or cannot be cut there, or is no causal language model where one is
            needed.
    """
    if (tuned := tuned_ref(ref)) is not None:
        check_tunable(local_path(tuned.model), tuned.above)
        return
    kind, name, layer = backbone_ref(ref)
    path = local_path(name)
    if kind == "layer":
        layer_of(path, layer)


def num_parameters_of(ref: str) -> int:
    """Parameters of a model by its reference, up to its layer.

    Raises:
        PreceptsError: As `check_model`.
    """
    check_model(ref)
    if (tuned := tuned_ref(ref)) is not None:
        return num_parameters(local_path(tuned.model))
    kind, name, layer = backbone_ref(ref)
    path = local_path(name)
    if kind == "layer":
        return num_parameters(path, layer=layer_of(path, layer))
    return num_parameters(path, layer=0 if kind == "static" else None)


def labeller_of(config: W2SConfig, examples: Sequence[Example], num_classes: int) -> Labeller | None:
    """A supervisor that is fine-tuned or simulated, if the reference names one."""
    if (simulated := simulated_ref(config.weak)) is not None:
        imitates = simulated.kind == "imitable" and tuned_ref(config.strong) is None
        features = features_of(config.strong, examples) if imitates else None
        labels = np.array([example.label for example in examples])
        lengths = np.array([sum(len(text) for text in example.texts) for example in examples], dtype=float)

        def label(train: Sequence[int], wanted: Sequence[int], seed: int) -> FloatArray:
            rows = list(wanted)
            return simulated_labels(
                labels[rows], accuracy=simulated.accuracy, kind=simulated.kind, num_classes=num_classes, seed=seed,
                features_ND=None if features is None else features[rows], lengths_N=lengths[rows],
            )  # fmt: skip

        return label
    tuned = tuned_ref(config.weak)
    if tuned is None:
        return None
    return tuned_labeller(
        local_path(tuned.model), tuned, examples, num_classes=num_classes, settings=config.tuning
    )  # fmt: skip


def after_reading(stage: Run, config: W2SConfig, texts: Sequence[str]) -> str:
    """The student's reference with its model fine-tuned on the task's training texts, kept beside the stage."""
    tuned = tuned_ref(config.strong)
    _, name, layer = backbone_ref(config.strong)
    name, layer = (tuned.model, None) if tuned else (name, layer)
    out = stage.path.with_name(f"{stage.path.name}-{GENERATIVE}") / "model"
    if not out.exists():
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir(parents=True)
        settings = config.tuning.model_copy(update={"epochs": 1})
        with progress("reading the task's texts", len(texts), unit="texts") as bar:
            tune_on_texts(local_path(name), texts, out, settings=settings, tick=bar.advance)
    if tuned:
        return f"{tuned.kind}:{out}" + ("" if tuned.above is None else f"@{tuned.above}")
    return f"{out}@{layer_of(local_path(name), layer)}"


def local_path(name: str) -> Path:
    """The directory of a model that runs here."""
    path = model_path(name)
    if path is None:
        raise InputError(
            f"{name} is served elsewhere; its states and weights are needed, so give a model that runs here."
        )
    return Path(path)


def features_of(ref: str, examples: Sequence[Example]) -> FloatArray:
    """Frozen features of every row by `MODEL[@LAYER]`, `encoder:MODEL` or `static:MODEL`, shape (N, D)."""
    kind, name, layer = backbone_ref(ref)
    store = FeatureStore(feature_source(local_path(name), kind, layer))
    texts = [text for example in examples for text in example.texts]
    return pooled(store.vectors(texts), len(examples[0].texts))


def warm(refs: Sequence[str], examples: Sequence[Example]) -> None:
    """The frozen features of several references, those of one model's layers in one pass."""
    by_model: dict[tuple[Path, str], list[FeatureStore]] = {}
    for ref in dict.fromkeys(refs):
        kind, name, layer = backbone_ref(ref)
        source = feature_source(local_path(name), kind, layer)
        by_model.setdefault((source.path, source.kind), []).append(FeatureStore(source))
    texts = [text for example in examples for text in example.texts]
    for stores in by_model.values():
        fill(list({store.name: store for store in stores}.values()), texts)
