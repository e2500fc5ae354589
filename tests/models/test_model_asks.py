"""Which asks one call answers: alike in sampling, and not padded beyond a bound by one long prompt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from precepts.models import Sampling
from precepts.models.asks import Ask, alike
from precepts.models.generation import MOST_CHARACTERS
from precepts.types import Message


def asked(length: int, *, seed: int = 0, prefill: str = "", choices: tuple[str, ...] = (), most: int = 8) -> Ask:
    turn = Message(role="user", content="x" * length)
    return Ask([turn], Sampling(most), seed, prefill, choices, token=None)  # type: ignore[arg-type]


def grouped(asks: list[Ask]) -> list[list[Ask]]:
    return alike(sorted(asks, key=lambda ask: ask.order))


def test_one_long_prompt_is_answered_alone_and_the_short_ones_together() -> None:
    short, long = [asked(200) for _ in range(31)], asked(40_000)
    assert grouped([long, *short]) == [short, [long]]


def test_a_prompt_beyond_the_bound_is_a_call_of_its_own() -> None:
    first, second = asked(MOST_CHARACTERS + 1), asked(MOST_CHARACTERS + 2)
    assert grouped([first, second]) == [[first], [second]]


def test_choices_are_not_cut_here() -> None:
    asks = [asked(40_000, choices=("A", "B")) for _ in range(4)]
    assert grouped(asks) == [asks]


@given(st.lists(st.tuples(st.integers(1, 2 * MOST_CHARACTERS), st.sampled_from((8, 16)), st.booleans()), max_size=20))
def test_every_ask_is_answered_once_with_its_like_and_within_the_bound(rows: list[tuple[int, int, bool]]) -> None:
    asks = [asked(length, most=most, prefill="So" if begun else "") for length, most, begun in rows]
    groups = grouped(asks)
    assert sorted(map(id, (ask for group in groups for ask in group))) == sorted(map(id, asks))
    for group in groups:
        assert len({(ask.sampling, bool(ask.prefill)) for ask in group}) == 1
        assert len(group) == 1 or len(group) * max(len(ask.text) for ask in group) <= MOST_CHARACTERS
