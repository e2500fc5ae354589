"""Changes that a reader sees through and a filter of words may not."""

from __future__ import annotations

import random
import re
from itertools import pairwise

_VOWELS = re.compile(r"(?<=\w)[aeiou](?=\w)|(?<=\w)[aeiou]\b", re.IGNORECASE)
_ALIKE = str.maketrans("aceopxyiACEOPXBHKMT", "асеорхуіАСЕОРХВНКМТ")


def disemvowelled(text: str) -> str:
    """The text without vowels, save those that begin a word."""
    return _VOWELS.sub("", text)


def spaced(text: str) -> str:
    """Every letter apart from the next; words apart by three spaces."""
    return "   ".join(" ".join(word) for word in text.split())


def zero_width(text: str) -> str:
    """An invisible sign between the letters of every word of four and more."""
    return re.sub(r"\w{4,}", lambda match: "\u200b".join(match[0]), text)


def homoglyphs(text: str) -> str:
    """Latin letters as Cyrillic ones that look the same."""
    return text.translate(_ALIKE)


def payload(text: str) -> tuple[list[str], str]:
    """The text in numbered parts, and the sum of names that puts them together."""
    words = text.split(" ")
    count = max(2, min(4, len(words) // 2))
    bounds = [round(n * len(words) / count) for n in range(count + 1)]
    parts = [" ".join(words[a:b]) for a, b in pairwise(bounds) if words[a:b]]
    names = [f"part{n}" for n in range(1, len(parts) + 1)]
    return [f'{name} = "{part}"' for name, part in zip(names, parts, strict=True)], " + ' ' + ".join(names)


def perturbed(text: str, *, seed: int) -> str:
    """One sample of best-of-N noise: inner letters scrambled, capitals at random, characters moved by one place.

    The three kinds and their rates (0.6 of longer words, 0.6 of letters, 0.06 of characters) are those of Hughes et al. 2024, arXiv 2412.03556, as
    recalled.
    """
    rng = random.Random(seed)

    def scrambled(match: re.Match[str]) -> str:
        word = match[0]
        if rng.random() >= 0.6:
            return word
        inner = list(word[1:-1])
        rng.shuffle(inner)
        return word[0] + "".join(inner) + word[-1]

    moved = re.sub(r"[A-Za-z]{4,}", scrambled, text)
    cased = "".join(c.swapcase() if c.isalpha() and rng.random() < 0.6 else c for c in moved)
    return "".join(chr(ord(c) + rng.choice((-1, 1))) if 33 < ord(c) < 126 and rng.random() < 0.06 else c for c in cased)
