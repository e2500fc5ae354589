"""How long a text runs word for word with a corpus: an index of all its suffixes, built once, and the longest match at every place."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from precepts.errors import InputError
from precepts.models.embedded import cache_dir
from precepts.runs import write_atomic

Ids = npt.NDArray[np.int32]
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_END = 0
"""The number that stands between documents: no word of a query has it, so no run crosses from one text into another."""
FROM_PROMPT = 5
"""Words: a run of at least so many that also stands in the prompt was given, not recalled."""


def words_of(text: str) -> list[str]:
    """The words in lower case; marks and spaces do not count."""
    return [word.casefold().replace("’", "'") for word in _WORD.findall(text)]


class Document(NamedTuple):
    """A text of the corpus."""

    name: str
    text: str


class Index:
    """All suffixes of a corpus in order, so that the longest run with it is found in time that does not grow with it, but for a logarithm."""

    def __init__(self, vocabulary: Mapping[str, int], ids_N: Ids, order_N: Ids) -> None:
        """Takes what `build` made: numbers of words, the corpus in numbers, and its suffixes in order; shapes (N,)."""
        self._vocabulary, self._ids_N, self._order_N = vocabulary, ids_N, order_N

    @classmethod
    def build(cls, documents: Sequence[Document]) -> Index:
        """The index of some documents: prefix doubling (Manber and Myers 1993, SIAM J. Computing 22:935-948), about N log² N."""
        vocabulary: dict[str, int] = {}
        numbers: list[int] = []
        for document in documents:
            numbers += [vocabulary.setdefault(word, len(vocabulary) + 1) for word in words_of(document.text)]
            numbers.append(_END)
        ids_N = np.array(numbers, dtype=np.int32)
        return cls(vocabulary, ids_N, _suffix_order(ids_N))

    @classmethod
    def cached(cls, documents: Sequence[Document]) -> Index:
        """The index, read from the user's cache where these very texts were indexed before, else built and kept there."""
        digest = hashlib.sha256("\x00".join(f"{d.name}\x01{d.text}" for d in documents).encode()).hexdigest()[:24]
        path = cache_dir() / "indexes" / f"{digest}.npy"
        words = path.with_suffix(".json")
        if path.exists() and words.exists():
            both_2N: Ids = np.load(path, allow_pickle=False)
            return cls(json.loads(words.read_text("utf-8")), both_2N[0], both_2N[1])
        made = cls.build(documents)
        write_atomic(words, json.dumps(made._vocabulary, ensure_ascii=False))
        part = path.with_suffix(".part.npy")
        np.save(part, np.stack([made._ids_N, made._order_N]))
        part.replace(path)
        return made

    @property
    def num_words(self) -> int:
        """Words in the corpus."""
        return int((self._ids_N != _END).sum())

    def runs(self, words: Sequence[str]) -> list[int]:
        """At each word, the length of the longest run that begins there and stands in the corpus."""
        query = [self._vocabulary.get(word, -1) for word in words]
        return [self._longest(query, start) for start in range(len(query))]

    def _longest(self, query: Sequence[int], start: int) -> int:
        low, high, depth = 0, len(self._order_N), 0
        ids_N, order_N = self._ids_N, self._order_N
        while start + depth < len(query) and query[start + depth] > _END:

            def at(place: int, depth: int = depth) -> int:
                spot = int(order_N[place]) + depth
                return int(ids_N[spot]) if spot < len(ids_N) else -1

            word = query[start + depth]
            first = bisect_left(range(high), word, low, high, key=at)
            last = bisect_right(range(high), word, first, high, key=at)
            if first == last:
                break
            low, high, depth = first, last, depth + 1
        return depth

    def longest_recalled(self, answer: str, prompt: str) -> int:
        """The longest run of the answer with the corpus, in words, not counting words that the prompt gave: 0 if none stands in it.

        Words of the answer that stand in a run of five or more with the prompt were given: a run with the corpus counts from where they end.
        """
        said, prompt_index = words_of(answer), Index.build([Document("", prompt)])
        best = given_until = 0
        for place, (known, told) in enumerate(zip(self.runs(said), prompt_index.runs(said), strict=True)):
            if told >= FROM_PROMPT:
                given_until = max(given_until, place + told)
            best = max(best, place + known - max(place, given_until))
        return best


def _suffix_order(ids_N: Ids) -> Ids:
    rank_N: npt.NDArray[Any] = ids_N.astype(np.int64)
    step = 1
    while True:
        later_N = np.zeros_like(rank_N)
        later_N[: max(0, len(rank_N) - step)] = rank_N[step:] + 1
        order_N = np.lexsort((later_N, rank_N))
        both = np.stack([rank_N[order_N], later_N[order_N]])
        fresh = np.concatenate([[0], np.cumsum((both[:, 1:] != both[:, :-1]).any(axis=0))])
        rank_N = np.empty_like(rank_N)
        rank_N[order_N] = fresh
        if not len(fresh) or fresh[-1] == len(fresh) - 1:
            return order_N.astype(np.int32)
        step *= 2


def corpus(path: Path) -> list[Document]:
    """The texts of a file, or of all `.txt` and `.md` files under a folder, or of a JSONL file with a `text` a line.

    Raises:
        InputError: If there is nothing to read, or a line has no `text`.
    """
    files = sorted(p for p in path.rglob("*") if p.suffix in (".txt", ".md")) if path.is_dir() else [path]
    out: list[Document] = []
    for file in files:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError.at(file, None, f"cannot be read as UTF-8 text ({error})") from None
        if file.suffix != ".jsonl":
            out.append(Document(file.stem, text))
            continue
        for number, line in enumerate(text.splitlines(), 1):
            try:
                out.append(Document(f"{file.stem}/{number}", str(json.loads(line)["text"])))
            except (ValueError, KeyError, TypeError):
                raise InputError.at(file, number, 'expected a JSON object with "text"') from None
    if not out:
        raise InputError.at(
            path, None, "no text is here; give a .txt or .md file, a folder of them, or JSONL with `text`"
        )
    return out
