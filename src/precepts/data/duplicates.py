"""Near duplicates among texts: those that share most of their character four-grams.

The measure is Jaccard's, the size of what two texts share over the size of what they hold together, as in the data
cleaning of Lee et al. 2022 (arXiv 2107.06499); it is computed exactly, a block of texts at a time, and not by MinHash,
since sets of cases are small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from precepts.data.overlap import words

NEAR = 0.8
"""Two texts at least this alike are one text with a word changed; from the same paper."""

_GRAM = 4
_FEATURES = 2**20
_BLOCK = 512


class Near(NamedTuple):
    """Text `second` is nearly text `first`, which stands before it; `similarity` in [0, 1]."""

    first: int
    second: int
    similarity: float


def near_duplicates(texts: Sequence[str], *, threshold: float = NEAR) -> list[Near]:
    """All pairs at least `threshold` alike, in order of the second, then the first. Case and punctuation do not count."""
    return [
        Near(int(first), second, similarity)
        for second, (first, similarity) in _matches(texts, texts, threshold=threshold)
        if first < second
    ]


def near_any(texts: Sequence[str], against: Sequence[str], *, threshold: float = NEAR) -> list[Near]:
    """Pairs at least `threshold` alike: `second` is an index of `texts`, `first` one of `against`."""
    return [Near(int(j), i, similarity) for i, (j, similarity) in _matches(texts, against, threshold=threshold)]


def first_of_each(
    texts: Sequence[str], *, threshold: float = NEAR, kinds: Sequence[object] | None = None
) -> list[int | None]:
    """For each text the earlier one that is kept in its place; None where it is kept itself.

    Args:
        texts: In the order in which they are to be kept.
        threshold: How alike two texts are that only one of is kept.
        kinds: Only texts of one kind can stand for each other. Twins differ in little and are asked to be answered otherwise:
            give what is asked, and they stay.
    """
    out: list[int | None] = [None] * len(texts)
    for first, second, _ in near_duplicates(texts, threshold=threshold):
        if out[first] is None and out[second] is None and (kinds is None or kinds[first] == kinds[second]):
            out[second] = first
    return out


def _matches(
    texts: Sequence[str], against: Sequence[str], *, threshold: float
) -> Iterator[tuple[int, tuple[int, float]]]:
    assert 0 < threshold <= 1, "a similarity above which texts are near is in (0, 1]"
    if not texts or not against:
        return
    left, right = _grams(texts), _grams(against)
    sizes = np.asarray(right.sum(axis=1)).ravel()
    for start in range(0, len(texts), _BLOCK):
        block = left[start : start + _BLOCK]
        own = np.asarray(block.sum(axis=1))
        shared = np.asarray((block @ right.T).todense())
        joint = own + sizes[None, :] - shared
        similarity = np.divide(shared, joint, out=np.zeros_like(shared), where=joint > 0)
        for i, j in zip(*np.nonzero(similarity >= threshold), strict=True):
            yield start + int(i), (int(j), float(similarity[i, j]))


def _grams(texts: Sequence[str]) -> Any:
    """A row a text, 1 where it holds a four-gram; a sparse matrix of shape (texts, 2^20)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    # scikit-learn ships no types, and what is guessed of them is narrower than what it takes.
    options: Any = {"norm": None, "dtype": np.float32}
    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(_GRAM, _GRAM), binary=True, alternate_sign=False, n_features=_FEATURES, lowercase=False, **options
    )  # fmt: skip
    return vectorizer.transform([" ".join(words(text)) for text in texts])
