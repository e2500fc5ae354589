"""Weak supervisors: trained on ground truth of their half, they label the student's.

A reference names one: `tfidf` (words and pairs of words), `tfidf-chars` (characters), `people` (the task's own `weak` labels), or
`MODEL[@LAYER]`, `static:MODEL` or `encoder:MODEL`, a linear probe on frozen features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from precepts.errors import InputError
from precepts.stats import FloatArray
from precepts.w2s.examples import Example

IntArray = NDArray[np.int64]

BUILT_IN = ("tfidf", "tfidf-chars", "people")
_PEOPLE_SURE = 0.95
_PROBE = 1e-3


class Supervisor(NamedTuple):
    """How a supervisor is made; `regularization` is scikit-learn's C."""

    ref: str
    regularization: float = 1.0


def weak_labels(
    supervisor: Supervisor, examples: Sequence[Example], train: Sequence[int], wanted: Sequence[int], *, num_classes: int,
    features_ND: FloatArray | None = None,
) -> FloatArray:  # fmt: skip
    """Class probabilities of the wanted rows by a supervisor trained on the truth of its own rows, shape (len(wanted), C).

    Pairs are read as the difference of their two texts, without a bias, so that swapping the texts swaps the probabilities.

    Args:
        supervisor: Which.
        examples: The task's pool.
        train: Row numbers that it is trained on.
        wanted: Row numbers that it labels.
        num_classes: Of the task.
        features_ND: For a probe: the features of every row of the pool.

    Raises:
        InputError: If its training rows are of one class, they have no word in common, or people gave no label for a row.
    """
    if supervisor.ref == "people":
        return _by_people(examples, wanted, num_classes)
    from sklearn.preprocessing import normalize

    labels = np.array([examples[i].label for i in train])
    if len(np.unique(labels)) < num_classes:
        raise InputError("The supervisor's training rows lack a class. Give more rows, or rows of every class.")
    pairwise = len(examples[0].texts) == 2
    if features_ND is not None:
        weight = supervisor.regularization * _PROBE
        return probe(features_ND[train], labels, features_ND[wanted], antisymmetric=pairwise, regularization=weight)
    x_train, x_wanted = _word_counts(supervisor.ref, examples, train, wanted, pairwise)
    if pairwise:
        x_train, x_wanted = normalize(x_train), normalize(x_wanted)
    return _regression(x_train, labels, x_wanted, antisymmetric=pairwise, regularization=supervisor.regularization)


def probe(
    train_ND: FloatArray, labels_N: IntArray, wanted_ND: FloatArray, *, antisymmetric: bool, regularization: float = _PROBE
) -> FloatArray:  # fmt: skip
    """Class probabilities by a linear probe on standardised features, shape (number wanted, C).

    Args:
        train_ND: Features of the rows it is fitted on.
        labels_N: Their true classes.
        wanted_ND: Features of the rows that are asked for.
        antisymmetric: For differences of two texts: neither centred nor with a bias.
        regularization: scikit-learn's C.
    """
    mean = 0.0 if antisymmetric else train_ND.mean(0)
    scale = np.maximum(np.sqrt(((train_ND - mean) ** 2).mean(0)), 1e-6)
    return _regression(
        (train_ND - mean) / scale, labels_N, (wanted_ND - mean) / scale, antisymmetric=antisymmetric,
        regularization=regularization,
    )  # fmt: skip


def _regression(
    x_train: Any, labels_N: IntArray, x_wanted: Any, *, antisymmetric: bool, regularization: float
) -> FloatArray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=regularization, fit_intercept=not antisymmetric, max_iter=2000)
    model.fit(x_train, labels_N)
    return np.asarray(model.predict_proba(x_wanted), dtype=np.float64)


def _word_counts(
    ref: str, examples: Sequence[Example], train: Sequence[int], wanted: Sequence[int], pairwise: bool
) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if ref not in ("tfidf", "tfidf-chars"):
        raise InputError(f"{ref!r} is no supervisor; give {', '.join(BUILT_IN)} or a model as MODEL[@LAYER].")
    vectorizer = (
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        if ref == "tfidf"
        else TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
    )
    try:
        vectorizer.fit([text for i in train for text in examples[i].texts])
    except ValueError:
        raise InputError(
            f"No word stands in two of the supervisor's {len(train)} rows, so {ref} learns nothing from them. "
            f"Use {'tfidf-chars or ' if ref == 'tfidf' else ''}a model as supervisor, or give more rows."
        ) from None

    def matrix(rows: Sequence[int]) -> Any:
        first = vectorizer.transform([examples[i].texts[0] for i in rows])
        return vectorizer.transform([examples[i].texts[1] for i in rows]) - first if pairwise else first

    return matrix(train), matrix(wanted)


def _by_people(examples: Sequence[Example], wanted: Sequence[int], num_classes: int) -> FloatArray:
    out = np.full((len(wanted), num_classes), (1 - _PEOPLE_SURE) / (num_classes - 1))
    for row, i in enumerate(wanted):
        given = examples[i].weak
        if given is None:
            raise InputError(
                "The supervisor is `people`, but a row has no `weak` label. Fill the column `weak`, or name another supervisor."
            )
        out[row, given] = _PEOPLE_SURE
    return out
