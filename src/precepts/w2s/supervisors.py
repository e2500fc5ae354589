"""Weak supervisors: trained on ground truth of their half, they label the student's.

A reference names one: `tfidf` (words and pairs of words), `tfidf-chars` (characters), `people` (the task's own `weak` labels), or
`MODEL[@LAYER]`, a linear probe on a model's frozen features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from precepts.errors import InputError
from precepts.stats import FloatArray
from precepts.w2s.examples import Example

BUILT_IN = ("tfidf", "tfidf-chars", "people")
_PEOPLE_SURE = 0.95


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
        InputError: If its training rows are of one class, or people gave no label for a row.
    """
    if supervisor.ref == "people":
        return _by_people(examples, wanted, num_classes)
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    labels = np.array([examples[i].label for i in train])
    if len(np.unique(labels)) < num_classes:
        raise InputError("The supervisor's training rows lack a class. Give more rows, or rows of every class.")
    pairwise = len(examples[0].texts) == 2
    x_train: Any
    x_wanted: Any
    if features_ND is None:
        x_train, x_wanted = _word_counts(supervisor.ref, examples, train, wanted, pairwise)
        if pairwise:
            x_train, x_wanted = normalize(x_train), normalize(x_wanted)
    else:
        mean = 0.0 if pairwise else features_ND[train].mean(0)
        scale = np.maximum(np.sqrt(((features_ND[train] - mean) ** 2).mean(0)), 1e-6)
        x_train, x_wanted = (features_ND[train] - mean) / scale, (features_ND[wanted] - mean) / scale
    weight = supervisor.regularization if features_ND is None else supervisor.regularization * 1e-3
    model = LogisticRegression(C=weight, fit_intercept=not pairwise, max_iter=2000)
    model.fit(x_train, labels)
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
    vectorizer.fit([text for i in train for text in examples[i].texts])

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
