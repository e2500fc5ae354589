from hypothesis import given
from hypothesis import strategies as st

from precepts.data import ngrams, overlaps


def test_words_lose_case_and_punctuation() -> None:
    assert ngrams("Don't  STOP, now!", 2) == {"dont stop", "stop now"}
    assert ngrams("don’t-stop_now", 3) == {"dont stop now"}


def test_text_shorter_than_n_is_its_own_gram_and_empty_text_has_none() -> None:
    assert ngrams("one two", 8) == {"one two"}
    assert ngrams("?!", 8) == set()
    assert overlaps(["", "Hello!"], ["?", "hello"]) == [(1, 1)]


def test_overlap_needs_the_whole_run() -> None:
    run = "a b c d e f g h"
    assert overlaps([f"x {run} y", "a b c d e f g z h"], ["nothing", run.upper()]) == [(0, 1)]
    assert overlaps(["a b c d e f g"], [run]) == []
    assert overlaps(["x b c y"], ["z b c w"], n=2) == [(0, 0)]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(1, 5))
def test_number_of_grams_is_bounded_and_a_text_overlaps_itself(letters: list[str], n: int) -> None:
    text = " ".join(letters)
    assert 1 <= len(ngrams(text, n)) <= max(1, len(letters) - n + 1)
    assert overlaps([text], [text], n) == [(0, 0)]
