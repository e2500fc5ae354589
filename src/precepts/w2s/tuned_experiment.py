"""Supervisors and students that are fine-tuned: the same arms as of frozen features, one run an arm and seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from precepts.progress import progress
from precepts.stats import FloatArray
from precepts.w2s.examples import Example
from precepts.w2s.experiment import CEILING, Labelled, Labeller, Outcome, outcome, student_rows
from precepts.w2s.methods import METHODS, Method, kept_rows
from precepts.w2s.splits import Split
from precepts.w2s.tuned import Classifier, Kind, Tuning, tune


def tuned_labeller(
    path: Path, kind: Kind, examples: Sequence[Example], *, num_classes: int, settings: Tuning
) -> Labeller:
    """A supervisor: a model fine-tuned on the truth of its rows."""

    def label(train: Sequence[int], wanted: Sequence[int], seed: int) -> FloatArray:
        truth = np.eye(num_classes)[[examples[i].label for i in train]]
        with progress(f"supervisor, seed {seed}", settings.epochs * len(train)) as bar:
            model = tune(
                path, kind, [examples[i].texts for i in train], truth, np.ones(len(train)), METHODS["naive"],
                settings=settings, seed=seed, tick=bar.advance,
            )  # fmt: skip
        return model.probabilities([examples[i].texts for i in wanted])

    return label


def tuned_students(
    path: Path, kind: Kind, methods: Sequence[Method], guarded: str, examples: Sequence[Example], splits: Sequence[Split],
    labelled: Sequence[Labelled], test: Sequence[int], *, num_classes: int, settings: Tuning,
) -> Outcome:  # fmt: skip
    """As `experiment.students`, each student and the ceiling fine-tuned from the model's weights.

    Args:
        path: Model directory.
        kind: LoRA or every weight.
        methods: `naive` among them.
        guarded: The method that the guard may replace by naive training.
        examples: The task's pool.
        splits: One a seed.
        labelled: The weak labels of each seed.
        test: Row numbers of the test part.
        num_classes: Of the task.
        settings: Of training.
    """
    names = [*(m.name for m in methods), CEILING]
    test_rows = [examples[i].texts for i in test]
    tested = np.zeros((settings.epochs, len(splits), len(names), len(test), num_classes))
    held: list[list[list[FloatArray]]] = [[[] for _ in splits] for _ in range(settings.epochs)]
    for seed, (part, found, pick) in enumerate(zip(splits, labelled, student_rows(splits), strict=True)):
        rows = [part.student[i] for i in pick]
        texts = [examples[i].texts for i in rows]
        truth = np.eye(num_classes)[[examples[i].label for i in rows]]
        validation = [examples[i].texts for i in part.validation]
        for m, name in enumerate(names):
            method = METHODS["naive"] if name == CEILING else methods[m]
            targets = truth if name == CEILING else found.student[pick]
            keep = np.ones(len(rows)) if name == CEILING else kept_rows(method, targets)

            def after(
                model: Classifier, epoch: int, seed: int = seed, m: int = m, validation: Sequence[tuple[str, ...]] = validation
            ) -> None:  # fmt: skip
                tested[epoch, seed, m] = model.probabilities(test_rows)
                held[epoch][seed].append(model.probabilities(validation))

            with progress(f"{name}, seed {seed}", settings.epochs * len(rows)) as bar:
                tune(
                    path,
                    kind,
                    texts,
                    targets,
                    keep,
                    method,
                    settings=settings,
                    seed=seed,
                    after_epoch=after,
                    tick=bar.advance,
                )
    return outcome(names, guarded, list(tested), held, splits, labelled, [examples[i].label for i in test])
