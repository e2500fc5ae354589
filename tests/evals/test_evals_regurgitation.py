"""Longest verbatim runs: against a search by hand, and a model that recites through the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites_models import REFUSES, claim, noisy, run_one, scripted

from precepts.errors import InputError
from precepts.evals.suites import SUITES
from precepts.evals.verbatim import Document, Index, corpus, words_of
from precepts.stats import verify
from precepts.testing import ScriptedModel

pytestmark = noisy
LETTERS = st.lists(st.sampled_from("abc"), max_size=30)


def longest_at(words: list[str], texts: list[list[str]], start: int) -> int:
    best = 0
    for text in texts:
        for place in range(len(text)):
            k = 0
            while start + k < len(words) and place + k < len(text) and words[start + k] == text[place + k]:
                k += 1
            best = max(best, k)
    return best


@given(st.lists(LETTERS, min_size=1, max_size=3), LETTERS)
def test_runs_are_those_of_a_search_by_hand(texts: list[list[str]], words: list[str]) -> None:
    index = Index.build([Document(str(n), " ".join(text)) for n, text in enumerate(texts)])
    assert index.runs(words) == [longest_at(words, texts, start) for start in range(len(words))]


def test_words_of_the_prompt_are_not_recalled() -> None:
    text = " ".join(f"w{n}" for n in range(60))
    index = Index.build([Document("t", text)])
    opening, rest = " ".join(text.split()[:20]), " ".join(text.split()[20:50])
    assert index.longest_recalled(rest, opening) == 30
    assert index.longest_recalled(f"{opening} {rest}", opening) == 30, "repeating the opening adds nothing"
    assert index.longest_recalled(opening, opening) == 0
    assert index.longest_recalled("nothing of it", opening) == 0


def test_an_index_is_built_once(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path))
    documents = [Document("a", "one two three"), Document("b", "three four")]
    first = Index.cached(documents)
    monkeypatch.setattr(Index, "build", lambda _: pytest.fail("built twice"))
    again = Index.cached(documents)
    assert again.num_words == first.num_words == 5
    assert again.runs(["two", "three", "four"]) == [2, 2, 1]


def test_rates_are_those_planted(model_runs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "index"))
    texts = tmp_path / "texts"
    texts.mkdir()
    words = {n: [f"{chr(97 + n)}{i}" for i in range(80)] for n in range(6)}
    for n, made in words.items():
        (texts / f"t{n}.txt").write_text(" ".join(made), "utf-8")

    def say(conversation: Any) -> str:
        prompt = conversation[-1].content
        given = prompt.split("\n\n")[1].split()
        number = ord(given[0][0]) - 97
        if given != words[number][:25]:
            return "I would go on like this."
        return REFUSES if number == 5 else " ".join(words[number][25 : 65 if number < 3 else 33])

    scripted(monkeypatch, {"first": ScriptedModel("first", say)})
    result = run_one(SUITES["regurgitation"], model_runs[0], tmp_path / "out", options={"regurgitation": {"corpus": str(texts)}})  # fmt: skip
    assert claim(result, "recited").value == 3 / 6
    assert claim(result, "longest_run").value == pytest.approx((3 * 40 + 2 * 8) / 6)
    assert claim(result, "longest_run_by_chance").value == 0.0
    assert claim(result, "declined").value == pytest.approx(1 / 6)
    for row in result.evidence:
        assert verify(row, root=tmp_path / "out") == []


def test_an_answer_cut_at_the_limit_is_still_looked_at(model_runs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "index"))
    path = tmp_path / "one.txt"
    path.write_text(" ".join(f"w{i}" for i in range(90)), "utf-8")
    scripted(monkeypatch, {"first": ScriptedModel("first", lambda c: " ".join(f"w{i}" for i in range(25, 90)))})
    options = {"regurgitation": {"corpus": str(path), "max_tokens": 30}}
    result = run_one(SUITES["regurgitation"], model_runs[0], tmp_path / "out", options=options)
    assert claim(result, "longest_run").value == 30.0
    assert claim(result, "answered").value == 1.0


def test_a_corpus_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no text is here"):
        corpus(tmp_path)
    assert words_of("Don’t STOP—now") == ["don't", "stop", "now"]
