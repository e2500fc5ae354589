"""Choices read forward in one row equal each choice read apart, whatever shares the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from conversations import turns

from precepts.models.choices import choice_log_probs
from precepts.models.engine import Engine

pytestmark = pytest.mark.usefixtures("float32")

ASKED = ["Name a colour.", "What melts in the sun, and what does not melt at all?", "please"]
CHOICES = [["red", "the colour of a garden by the sea"], ["ice", "stone", "nobody asked"], ["a"]]


def test_packed_choices_equal_choices_apart(tiny_path: Path) -> None:
    model = Engine(tiny_path)
    conversations = [turns(("user", text)) for text in ASKED]
    packed = choice_log_probs(model, conversations, CHOICES)
    for conversation, choices, scores in zip(conversations, CHOICES, packed, strict=True):
        apart = model.log_probs([conversation] * len(choices), choices)
        assert scores == pytest.approx(apart, abs=2e-5)
        assert choice_log_probs(model, [conversation], [choices])[0] == pytest.approx(scores, abs=2e-5)


def test_the_order_of_choices_changes_nothing_and_an_empty_one_is_impossible(tiny_path: Path) -> None:
    model = Engine(tiny_path)
    [forth] = choice_log_probs(model, [turns(("user", ASKED[1]))], [CHOICES[1]])
    [back] = choice_log_probs(model, [turns(("user", ASKED[1]))], [CHOICES[1][::-1]])
    assert back[::-1] == pytest.approx(forth, abs=2e-5)
    [some] = choice_log_probs(model, [turns(("user", ASKED[0]))], [["", "red"]])
    assert some[0] == float("-inf")
    assert some[1] < 0
