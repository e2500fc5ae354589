"""Supervisors and students that are fine-tuned: the same arms as of frozen features, one fine-tuning an arm and seed, each kept when done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from precepts.progress import progress
from precepts.stats import FloatArray
from precepts.w2s.decoders import Below
from precepts.w2s.examples import Example
from precepts.w2s.experiment import CEILING, Labelled, Labeller, Outcome, outcome, student_rows
from precepts.w2s.features import model_digest
from precepts.w2s.kept import array_key, kept
from precepts.w2s.methods import METHODS, Method, kept_rows
from precepts.w2s.references import TunedRef
from precepts.w2s.splits import Split
from precepts.w2s.supervisors import IntArray, probe
from precepts.w2s.tuned import Classifier, Tuning, tune

PROBE = "probe"
"""Arms that begin so are linear probes on truth: of the model as it was (`probe-before`) and after it learned weak labels (`probe-NAME`)."""
BEFORE = f"{PROBE}-before"

Rows = Sequence[tuple[str, ...]]


def tuned_labeller(
    path: Path, ref: TunedRef, examples: Sequence[Example], *, num_classes: int, settings: Tuning
) -> Labeller:
    """A supervisor: a model fine-tuned on the truth of its rows."""
    below = None if ref.above is None else Below(path, ref.above)

    def label(train: Sequence[int], wanted: Sequence[int], seed: int) -> FloatArray:
        truth = np.eye(num_classes)[[examples[i].label for i in train]]
        rows, asked = [examples[i].texts for i in train], [examples[i].texts for i in wanted]

        def make() -> Mapping[str, FloatArray]:
            with progress(f"supervisor, seed {seed}", settings.epochs * len(train)) as bar:
                model = tune(
                    path, ref.kind, rows, truth, np.ones(len(train)), METHODS["naive"], settings=settings, seed=seed,
                    below=below, tick=bar.advance,
                )  # fmt: skip
            return {"wanted": model.probabilities(asked)}

        key = {
            "what": "supervisor",
            **_key(path, ref, settings, seed),
            "rows": rows,
            "truth": array_key(truth),
            "asked": asked,
        }
        return kept(key, make)["wanted"]

    return label


def tuned_students(
    path: Path, ref: TunedRef, methods: Sequence[Method], guarded: str, examples: Sequence[Example], splits: Sequence[Split],
    labelled: Sequence[Labelled], test: Sequence[int], *, num_classes: int, settings: Tuning,
) -> Outcome:  # fmt: skip
    """As `experiment.students`, each student and the ceiling fine-tuned from the model's weights.

    Beside the arms stand linear probes on the truth of the student's rows: of the model as it was, and of each student after it learned
    weak labels. How much better the concept reads then is the saliency of Burns et al. 2023, section 5.2.

    Args:
        path: Model directory.
        ref: How it is tuned; its model's name is not read.
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
    below = None if ref.above is None else Below(path, ref.above)
    test_rows = [examples[i].texts for i in test]
    tested = np.zeros((settings.epochs, len(splits), len(names), len(test), num_classes))
    held: list[list[list[FloatArray]]] = [[[] for _ in splits] for _ in range(settings.epochs)]
    probes: dict[str, list[FloatArray]] = {}
    for seed, (part, found, pick) in enumerate(zip(splits, labelled, student_rows(splits), strict=True)):
        rows = [part.student[i] for i in pick]
        texts, labels = [examples[i].texts for i in rows], np.array([examples[i].label for i in rows])
        validation = [examples[i].texts for i in part.validation]
        given = {"test": test_rows, "held": validation, "labels": labels.tolist(), "classes": num_classes}
        key = {**_key(path, ref, settings, seed), "rows": texts, **given}
        pairwise = len(texts[0]) == 2

        def before(
            texts: Rows = texts, labels: IntArray = labels, seed: int = seed, pairwise: bool = pairwise
        ) -> dict[str, FloatArray]:
            untrained = Classifier(
                path, kind="full", num_classes=num_classes, pairwise=pairwise, settings=settings, seed=seed,
                below=below,
            )  # fmt: skip
            return {PROBE: probe(untrained.states(texts), labels, untrained.states(test_rows), antisymmetric=pairwise)}

        probes.setdefault(BEFORE, []).append(kept({"what": BEFORE, **key}, before)[PROBE])
        for m, name in enumerate(names):
            method = METHODS["naive"] if name == CEILING else methods[m]
            targets = np.eye(num_classes)[labels] if name == CEILING else found.student[pick]
            keep = np.ones(len(rows)) if name == CEILING else kept_rows(method, targets)

            def make(
                name: str = name, method: Method = method, targets: FloatArray = targets, keep: FloatArray = keep, texts: Rows = texts,
                validation: Rows = validation, labels: IntArray = labels, seed: int = seed, pairwise: bool = pairwise,
            ) -> dict[str, FloatArray]:  # fmt: skip
                on_test: list[FloatArray] = []
                on_held: list[FloatArray] = []

                def after(model: Classifier, epoch: int) -> None:
                    on_test.append(model.probabilities(test_rows))
                    on_held.append(model.probabilities(validation))

                with progress(f"{name}, seed {seed}", settings.epochs * len(texts)) as bar:
                    model = tune(
                        path, ref.kind, texts, targets, keep, method, settings=settings, seed=seed, below=below,
                        after_epoch=after, tick=bar.advance,
                    )  # fmt: skip
                made = {"test": np.stack(on_test), "held": np.stack(on_held)}
                if name != CEILING:
                    made[PROBE] = probe(model.states(texts), labels, model.states(test_rows), antisymmetric=pairwise)
                return made

            arm = "ceiling" if name == CEILING else f"method {method.name}"
            done = kept({"what": arm, **key, "targets": array_key(targets), "keep": array_key(keep)}, make)
            tested[:, seed, m] = done["test"]
            for epoch in range(settings.epochs):
                held[epoch][seed].append(done["held"][epoch])
            if name != CEILING:
                probes.setdefault(f"{PROBE}-{name}", []).append(done[PROBE])
    found_all = outcome(names, guarded, list(tested), held, splits, labelled, [examples[i].label for i in test])
    found_all.test.update({name: np.stack(by_seed) for name, by_seed in probes.items()})
    return found_all


def _key(path: Path, ref: TunedRef, settings: Tuning, seed: int) -> dict[str, object]:
    tuned = {"kind": ref.kind, "above": ref.above}
    return {"model": model_digest(path), **tuned, "settings": settings.model_dump(), "seed": seed}
