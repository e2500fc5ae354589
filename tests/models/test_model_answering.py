"""No answer that is none: what a trained model may not write after its reasoning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conversations import turns
from hypothesis import given
from hypothesis import strategies as st

from precepts.models import Sampling, open_model
from precepts.models.answering import Answering

END, THINK, RIGHT, BLANK, WORD, LEFT, LEFT_SLASH, RIGHT_LINE = range(8)
OPENS, CLOSES = (LEFT, THINK, RIGHT), (LEFT_SLASH, THINK, RIGHT)
TEXTS = ["<end>", "think", ">", "\n", "word", "<", "</", ">\n"]
PIECES = Answering(OPENS, (END,), TEXTS.__getitem__)
WHOLE = Answering((5,), (END,), ["<end>", "a", "b", "\n", "word", "<think>", "</think>"].__getitem__)


def test_an_answer_may_not_end_before_it_begins() -> None:
    assert PIECES.forbidden_in([*CLOSES, BLANK, BLANK, WORD, BLANK, END]) == [(place, END) for place in range(6)]


def test_the_reasoning_ends_where_a_tokenizer_joins_its_last_sign_with_the_lines_end() -> None:
    """As those of Qwen 2.5 and Llama 3 do: otherwise no answer of theirs could ever end."""
    assert PIECES.forbidden_in([LEFT_SLASH, THINK, RIGHT_LINE, WORD, WORD]) == [(place, END) for place in range(4)]


def test_in_its_reasoning_a_model_may_write_anything_but_the_end() -> None:
    assert PIECES.forbidden_in([WORD, *OPENS, *OPENS]) == [(place, END) for place in range(7)]


@pytest.mark.parametrize(
    ("rule", "ids", "never"),
    [
        (PIECES, [*CLOSES, WORD, 5, WORD, 5], [(0, END), (1, END), (2, END), (3, END), (5, 1)]),
        (WHOLE, [6, WORD, WORD], [(0, END), (1, END), (1, 5), (2, 5)]),
    ],
)  # fmt: skip
def test_reasoning_is_not_begun_again(rule: Answering, ids: list[int], never: list[tuple[int, int]]) -> None:
    assert rule.forbidden_in(ids) == never


@given(st.lists(st.integers(0, 6), max_size=30))
def test_what_is_forbidden_depends_on_what_stands_before_alone(ids: list[int]) -> None:
    whole = PIECES.forbidden_in(ids)
    for cut in range(len(ids)):
        assert PIECES.forbidden_in(ids[:cut]) == [(place, token) for place, token in whole if place < cut]


def test_a_model_that_would_say_nothing_says_something(tiny_path: Path) -> None:
    """A head that closes the reasoning and then ends the turn, whatever it reads."""
    pytest.importorskip("torch")
    engine: Any = open_model(str(tiny_path))
    asked = [turns(("user", text)) for text in ("Name a colour.", "Is the plan kept?")]

    class Silent:
        def __init__(self) -> None:
            self.script = iter(engine.ids_of("</think>"))

        def __call__(self, states: Any) -> Any:
            logits = head(states).clone()
            logits[..., next(self.script, engine.eos_ids[0])] += 1000
            return logits

    def written(prefills: list[str] | None) -> list[str]:
        engine.model.lm_head = Silent()
        made = engine.generate(asked, sampling=Sampling(max_tokens=40), prefills=prefills)
        return [row.text.partition("</think>")[2].strip() for row in made]

    head = engine.model.lm_head
    del engine.model.lm_head
    engine.opening = "<think>\nverdict:"
    ruled, free = written(None), written([engine.opening] * len(asked))
    assert all(ruled), "an answer of the trained model's own"
    assert not any(free), "a begun answer is its caller's: nothing is forbidden there"
