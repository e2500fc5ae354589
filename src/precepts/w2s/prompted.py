"""What the student's model says when it is asked, before any training: zero-shot, and few-shot with true or weak labels.

Burns et al. 2023 (appendix on prompting, as recalled; five examples). The scores of the class names are set against those on a text without
content, so that a name the model likes anyway is no answer (contextual calibration, Zhao et al. 2021, arXiv 2102.09690).

Shapes: S seeds, N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from precepts.stats import FloatArray
from precepts.w2s.examples import Example, Task
from precepts.w2s.experiment import Labelled, student_rows
from precepts.w2s.splits import Split

ZERO_SHOT, FEW_SHOT, FEW_SHOT_WEAK = "zero-shot", "few-shot", "few-shot-weak"
SHOTS = 5
_EMPTY = "N/A"


class TextScorer(Protocol):
    """A model that scores continuations of plain text."""

    def log_probs_of_text(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Mean log-probability, nats a token."""
        ...


def prompt(task: Task, texts: tuple[str, ...], shots: Sequence[tuple[tuple[str, ...], int]] = ()) -> str:
    """The question about one row after those that are answered, up to where a class name follows."""
    asked = [_question(task, shown) + f" {task.classes[label]}\n\n" for shown, label in shots]
    return "".join(asked) + _question(task, texts)


def class_probabilities(
    model: TextScorer, task: Task, rows: Sequence[tuple[str, ...]], shots: Sequence[tuple[tuple[str, ...], int]] = ()
) -> FloatArray:
    """Class probabilities of each row, calibrated, shape (N, C)."""
    empty = (_EMPTY,) * len(rows[0])
    prompts = [prompt(task, texts, shots) for texts in (*rows, empty)]
    names = [f" {name}" for name in task.classes]
    flat = model.log_probs_of_text([p for p in prompts for _ in names], [name for _ in prompts for name in names])
    scores_NC = np.array(flat, dtype=np.float64).reshape(len(prompts), len(names))
    leads_NC = scores_NC[:-1] - scores_NC[-1]
    odds_NC = np.exp(leads_NC - leads_NC.max(1, keepdims=True))
    return odds_NC / odds_NC.sum(1, keepdims=True)


def prompted(
    model: TextScorer, task: Task, examples: Sequence[Example], splits: Sequence[Split], labelled: Sequence[Labelled],
    test: Sequence[int], shots: bool = True,
) -> Mapping[str, FloatArray]:  # fmt: skip
    """Class probabilities on the test rows by arm, each (S, N, C); zero-shot is the same for all seeds, few-shot where `shots` are asked for.

    The five examples of a seed are rows that its student trains on: with their true labels, and with the supervisor's likeliest.
    """
    rows = [examples[i].texts for i in test]
    zero = class_probabilities(model, task, rows)
    few: dict[str, list[FloatArray]] = {FEW_SHOT: [], FEW_SHOT_WEAK: []}
    if not shots:
        return {ZERO_SHOT: np.stack([zero] * len(splits))}
    for part, found, pick in zip(splits, labelled, student_rows(splits), strict=True):
        shown = pick[:SHOTS]
        texts = [examples[part.student[i]].texts for i in shown]
        true = [examples[part.student[i]].label for i in shown]
        weak = [int(label) for label in found.student[shown].argmax(1)]
        for arm, labels in ((FEW_SHOT, true), (FEW_SHOT_WEAK, weak)):
            few[arm].append(class_probabilities(model, task, rows, list(zip(texts, labels, strict=True))))
    return {ZERO_SHOT: np.stack([zero] * len(splits)), **{arm: np.stack(found) for arm, found in few.items()}}


def _question(task: Task, texts: tuple[str, ...]) -> str:
    shown = f"Text: {texts[0]}" if len(texts) == 1 else f"First: {texts[0]}\nSecond: {texts[1]}"
    return f"{shown}\n{task.title} ({', '.join(task.classes)})\nAnswer:"
