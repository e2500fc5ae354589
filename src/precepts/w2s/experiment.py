"""One task from rows to scores: supervisors, their labels, students of every method, and the ceiling, for all seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from precepts.errors import InputError
from precepts.runs import Row
from precepts.stats import FloatArray
from precepts.types import content_key
from precepts.w2s.examples import Example
from precepts.w2s.guard import Verdict, agreement, verdict
from precepts.w2s.heads import Arm, Heads, HeadSettings, train_heads
from precepts.w2s.methods import METHODS, Method, kept_rows
from precepts.w2s.splits import Split
from precepts.w2s.supervisors import Supervisor, weak_labels

Labeller = Callable[[Sequence[int], Sequence[int], int], FloatArray]
"""From the numbers of rows to train on, of rows to label, and the seed, to class probabilities of the latter."""

CEILING, EARLY, GUARDED = "ceiling", "naive-early", "guarded"


class Labelled(NamedTuple):
    """What one seed's supervisor says of the student's rows, the held-out rows and the test rows, each of shape (rows, C)."""

    student: FloatArray
    validation: FloatArray
    test: FloatArray


class Outcome(NamedTuple):
    """Class probabilities on the test rows by arm, each (S, N, C), the curves, and what the guard says of each method, of all seeds' held-out
    rows together.
    """

    test: dict[str, FloatArray]
    curves: list[Row]
    verdicts: dict[str, Verdict]


def supervise(
    supervisor: Supervisor, examples: Sequence[Example], splits: Sequence[Split], test: Sequence[int], *, num_classes: int,
    features_ND: FloatArray | None, labeller: Labeller | None = None,
) -> list[Labelled]:  # fmt: skip
    """The weak labels of every seed; by `labeller`, if one is given, from the rows it trains on, those it labels and the seed.

    Raises:
        InputError: If a supervisor gives one class to all of a student's rows: nothing can be learned from that.
    """
    found: list[Labelled] = []
    for seed, part in enumerate(splits):
        wanted = [*part.student, *part.validation, *test]
        if labeller is not None:
            probs = labeller(part.supervisor, wanted, seed)
        else:
            probs = weak_labels(
                supervisor, examples, part.supervisor, wanted, num_classes=num_classes, features_ND=features_ND
            )  # fmt: skip
        cuts = np.cumsum([len(part.student), len(part.validation)])
        labelled = Labelled(*np.split(probs, cuts))
        if len(np.unique(labelled.student.argmax(1))) < 2:
            raise InputError(
                f"All weak labels of seed number {seed + 1} are the same class, so nothing can be learned from them. "
                f"Use another supervisor or more rows for it."
            )
        found.append(labelled)
    return found


def students(
    methods: Sequence[Method], guarded: str, examples: Sequence[Example], splits: Sequence[Split], labelled: Sequence[Labelled],
    test: Sequence[int], features_ND: FloatArray, *, num_classes: int, settings: HeadSettings,
) -> Outcome:  # fmt: skip
    """Trains every method's student and the ceiling of every seed as one problem, and scores them on the test rows.

    All seeds train on as many rows as the seed with the fewest. The ceiling sees the student's rows with their true labels.

    Args:
        methods: `naive` among them.
        guarded: The method that the guard may replace by naive training.
        examples: The task's pool.
        splits: One a seed.
        labelled: The weak labels of each seed.
        test: Row numbers of the test part.
        features_ND: Of every row of the pool; of pairs the difference.
        num_classes: Of the task.
        settings: Of the heads.
    """
    chosen = student_rows(splits)
    rows_SN = np.array([np.array(p.student)[pick] for p, pick in zip(splits, chosen, strict=True)])
    weak_SNC = np.stack([found.student[pick] for found, pick in zip(labelled, chosen, strict=True)])
    truth_SNC = np.eye(num_classes)[np.array([[examples[i].label for i in rows] for rows in rows_SN])]
    arms = [Arm(m, weak_SNC, np.stack([kept_rows(m, weak) for weak in weak_SNC])) for m in methods]
    arms.append(Arm(METHODS["naive"], truth_SNC, np.ones(rows_SN.shape)))
    heads = train_heads(
        [features_ND[rows] for rows in rows_SN], arms, seeds=range(len(splits)), settings=settings,
        antisymmetric=len(examples[0].texts) == 2,
    )  # fmt: skip
    names = [*(m.name for m in methods), CEILING]
    by_epoch = [heads.probabilities(features_ND[list(test)], epoch=e) for e in range(settings.epochs)]
    held = [_held_out(heads, splits, features_ND, epoch=e) for e in range(settings.epochs)]
    return outcome(names, guarded, by_epoch, held, splits, labelled, [examples[i].label for i in test])


def outcome(
    names: Sequence[str], guarded: str, by_epoch: Sequence[FloatArray], held: Sequence[Sequence[Sequence[FloatArray]]],
    splits: Sequence[Split], labelled: Sequence[Labelled], test_labels: Sequence[int],
) -> Outcome:  # fmt: skip
    """The arms after the last epoch, naive training stopped early, the guard's choice, the curves, and a verdict on every method.

    Args:
        names: Of the M arms, `naive`, `guarded` and the ceiling among them.
        guarded: The method that the guard may replace by naive training.
        by_epoch: Class probabilities on the test rows after each epoch, each (S, M, N, C).
        held: Those on each seed's held-out rows, by epoch, seed and arm.
        splits: One a seed.
        labelled: The weak labels of each seed.
        test_labels: True labels of the test rows.
    """
    labels = np.array(test_labels)
    epochs = len(by_epoch)
    final = dict(zip(names, np.moveaxis(by_epoch[-1], 1, 0), strict=True))
    curves: list[Row] = []
    naive = names.index("naive")
    early: list[FloatArray] = []
    for seed, found in enumerate(labelled):
        for m, name in enumerate(names):
            curves += [
                {
                    "seed": seed, "arm": name, "epoch": e + 1,
                    "accuracy": float(np.mean(by_epoch[e][seed, m].argmax(1) == labels)),
                    "weak_agreement": agreement(held[e][seed][m], found.validation),
                }
                for e in range(epochs)
            ]  # fmt: skip
        agreed = [agreement(held[e][seed][naive], found.validation) for e in range(epochs)]
        early.append(by_epoch[int(np.argmax(agreed))][seed, naive])
    final[EARLY] = np.stack(early)
    watched = [name for name in names if name not in ("naive", CEILING)] or ["naive"]
    said = {
        name: verdict(
            np.concatenate([one[naive] for one in held[-1]]),
            np.concatenate([one[names.index(name)] for one in held[-1]]),
            np.concatenate([found.validation for found in labelled]),
            rows_N=[i for part in splits for i in part.validation],
        )
        for name in watched
    }
    final[GUARDED] = final[guarded if said[guarded].use_method else "naive"]
    return Outcome(final, curves, said)


def student_rows(splits: Sequence[Split]) -> list[list[int]]:
    """Which of the student's rows each seed trains on, in its order: as many for all as the seed with the fewest has."""
    num_rows = min(len(part.student) for part in splits)
    return [
        np.random.default_rng([seed, 43]).permutation(len(part.student))[:num_rows].tolist()
        for seed, part in enumerate(splits)
    ]


def score_rows(
    by_arm_SNC: Mapping[str, FloatArray], labelled: Sequence[Labelled], examples: Sequence[Example], test: Sequence[int]
) -> list[Row]:
    """A row for every seed and test row: whether supervisor, ceiling and each student were right, where a student agreed.

    `prob` is of the second class, by arm: what AUROC reads in tasks of two classes.
    """
    rows: list[Row] = []
    keys = [content_key(examples[i].group) for i in test]
    guesses = {name: probs.argmax(-1) for name, probs in by_arm_SNC.items()}
    for seed, found in enumerate(labelled):
        weak = found.test.argmax(1)
        for n, i in enumerate(test):
            label = examples[i].label
            by_arm = {name: int(guess[seed, n]) for name, guess in guesses.items()}
            probs = {name: round(float(found_SNC[seed, n, 1]), 6) for name, found_SNC in by_arm_SNC.items()}
            rows.append(
                {
                    "seed": seed, "row": n, "group": keys[n], "label": label,
                    "weak": int(weak[n] == label), "ceiling": int(by_arm[CEILING] == label),
                    "correct": {name: int(guess == label) for name, guess in by_arm.items() if name != CEILING},
                    "prob": {"supervisor": round(float(found.test[n, 1]), 6), **probs},
                    "agrees": {name: int(guess == weak[n]) for name, guess in by_arm.items() if name != CEILING},
                }
            )  # fmt: skip
    return rows


def pooled(features: FloatArray, num_texts: int) -> FloatArray:
    """Features of rows from those of their texts in order: the text's own, or of a pair the second less the first."""
    return features if num_texts == 1 else features[1::2] - features[0::2]


def _held_out(heads: Heads, splits: Sequence[Split], features_ND: FloatArray, *, epoch: int) -> list[list[FloatArray]]:
    """Each seed's students on the seed's own held-out rows."""
    out: list[list[FloatArray]] = []
    for seed, part in enumerate(splits):
        one = heads._replace(
            weights=heads.weights[:, seed : seed + 1], biases=heads.biases[:, seed : seed + 1],
            mean_SD=heads.mean_SD[seed : seed + 1], scale_SD=heads.scale_SD[seed : seed + 1],
        )  # fmt: skip
        out.append(list(one.probabilities(features_ND[part.validation], epoch=epoch)[0]))
    return out
