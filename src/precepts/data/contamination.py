"""Whether texts written for training repeat those of a test set: by runs of words, by near sameness, by meaning.

Three rules, for each sees what another does not: a shared run of eight words (a sentence lifted into a longer prompt), character
four-grams (a word changed), and the cosine of sentence embeddings (said in other words). Only the first is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from precepts.data.duplicates import NEAR, near_any
from precepts.data.overlap import ngrams, words

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Unit vectors of texts, shape (texts, dimensions)."""

How = Literal["words", "near", "meaning"]

RUN_OF_WORDS = 8
COSINE = 0.9
"""Above this, static embeddings of two short texts say the same in almost the same words (docs/data.md says what was measured)."""

_BLOCK = 1024
_SHORTEST = 4  # words; a shorter text of a test set would be found in any


class Hit(NamedTuple):
    """`text` repeats text `other` of a set, by the rule `how`; the similarity is 1 where words are shared."""

    text: int
    set: str
    other: int
    how: How
    similarity: float


def contamination(
    texts: Sequence[str], sets: Mapping[str, Sequence[str]], *, embed: Embed | None = None, cosine: float = COSINE, near: float = NEAR
) -> list[Hit]:  # fmt: skip
    """Every hit, at most one a text, set and rule (the most alike), in the order of the texts.

    Args:
        texts: What is to be trained on.
        sets: Test texts by the set's name.
        embed: Makes sentence embeddings; without it nothing is said of meaning.
        cosine: Least cosine of two texts that mean the same.
        near: Least likeness of two near duplicates.
    """
    best: dict[tuple[int, str, How], Hit] = {}

    def add(hit: Hit) -> None:
        key = (hit.text, hit.set, hit.how)
        if key not in best or best[key].similarity < hit.similarity:
            best[key] = hit

    own = _unit(embed(texts)) if embed is not None and texts else None
    for name, found in sets.items():
        chosen = [j for j, text in enumerate(found) if len(words(text)) >= _SHORTEST]
        others = [found[j] for j in chosen]
        for i, j in _shared_runs(texts, others):
            add(Hit(i, name, chosen[j], "words", 1.0))
        for j, i, similarity in near_any(texts, others, threshold=near):
            add(Hit(i, name, chosen[j], "near", similarity))
        if own is not None and embed is not None and others:
            theirs = _unit(embed(others))
            for start in range(0, len(texts), _BLOCK):
                alike = own[start : start + _BLOCK] @ theirs.T
                for i in np.nonzero(alike.max(axis=1) >= cosine)[0].tolist():
                    j = int(alike[i].argmax())
                    add(Hit(start + i, name, chosen[j], "meaning", float(alike[i, j])))
    return [best[key] for key in sorted(best)]


def _shared_runs(texts: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that share a run of eight words; a test text of fewer words counts where it stands whole in the other.

    Whole means all of its words in a row: eight-grams alone would not find a short test prompt inside a longer one.
    """
    holders: dict[str, int] = {}
    short: dict[int, set[str]] = {}
    lengths: dict[str, int] = {}
    for j, text in enumerate(others):
        count = len(words(text))
        for gram in ngrams(text, RUN_OF_WORDS):
            holders.setdefault(gram, j)
            lengths[gram] = min(count, RUN_OF_WORDS)
    for gram, count in lengths.items():
        short.setdefault(count, set()).add(gram)
    out: dict[tuple[int, int], None] = {}
    for i, text in enumerate(texts):
        for count, grams in short.items():
            if len(words(text)) < count:
                continue
            for gram in ngrams(text, count) & grams:
                out[i, holders[gram]] = None
    return list(out)


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
