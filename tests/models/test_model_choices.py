"""Choices read forward in one row equal each choice read apart, whatever shares the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conversations import turns

from precepts.models.batching import by_length, common_prefix, tight
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


def test_what_questions_share_is_run_once_and_changes_nothing(tiny_path: Path) -> None:
    model = Engine(tiny_path)
    told = "You are asked about plain things. " * 6
    conversations = [turns(("system", told), ("user", f"{text} {'again ' * n}")) for n, text in enumerate(ASKED * 4)]
    choices = CHOICES * 4
    heads = [model.ids_of(model.prompt_text(c)) for c in conversations]
    assert len(common_prefix(heads, own=1)) >= 8
    together = choice_log_probs(model, conversations, choices)
    for conversation, options, scores in zip(conversations, choices, together, strict=True):
        assert choice_log_probs(model, [conversation], [options])[0] == pytest.approx(scores, abs=2e-5)


def test_batches_hold_every_row_once_and_pad_little() -> None:
    lengths = [70, 149, 71, 90, 75, 100, 101, 72, 73, 149, 300, 5]
    batches = tight(lengths, torch.device("cpu"))
    assert sorted(i for batch in batches for i in batch) == list(range(12))
    assert len(batches) > 1
    assert tight(lengths, torch.device("cuda")) == by_length(lengths)
    for batch in batches:
        long = [lengths[i] for i in batch]
        assert sum(long[:-1]) < 256 or max(long) <= 1.1 * min(long)
