"""Word overlap between sets of texts, to show that cases written for training do not repeat a public test set.

The rule is the usual one for decontamination: two texts overlap when they share a run of `n` words. Brown et al. 2020
(arXiv 2005.14165, appendix C) use 13; 8 is stricter and fits prompts of one sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans("", "", "'’‘`´")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation: "Don't!" gives "dont"."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES))


def ngrams(text: str, n: int = 8) -> set[str]:
    """All runs of `n` words of a text, each joined by blanks.

    A text with fewer than `n` words gives itself, whole, so that two equal short prompts are found; a text without any
    word gives nothing.
    """
    assert n >= 1, "n counts words"
    found = words(text)
    if not found:
        return set()
    return {" ".join(found[start : start + n]) for start in range(max(1, len(found) - n + 1))}


def overlaps(texts: Sequence[str], against: Sequence[str], n: int = 8) -> list[tuple[int, int]]:
    """The pairs (i, j), in order, of which `texts[i]` and `against[j]` share a run of `n` words; [] means none do."""
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for j, text in enumerate(against):
        for gram in ngrams(text, n):
            holders[gram].add(j)
    return [
        (i, j)
        for i, text in enumerate(texts)
        for j in sorted({j for gram in ngrams(text, n) if gram in holders for j in holders[gram]})
    ]
