"""Zero-shot and few-shot lines with a scripted scorer: what is asked, calibration by hand, whose labels are shown."""

from __future__ import annotations

import numpy as np
import pytest

from precepts.w2s.examples import Example, Task

pytest.importorskip("torch")

from precepts.w2s.experiment import Labelled
from precepts.w2s.prompted import FEW_SHOT, FEW_SHOT_WEAK, SHOTS, ZERO_SHOT, class_probabilities, prompt, prompted
from precepts.w2s.splits import Split


class Scripted:
    """Scores " bad" 2 nats above " good" everywhere, and " good" 3 nats more where the last text is warm."""

    def __init__(self):
        self.asked = []

    def log_probs_of_text(self, prompts, continuations):
        self.asked += prompts
        return [
            (0.0 if name == " bad" else -2.0) + 3.0 * (name == " good" and "warm" in text.rsplit("Text:", 1)[1])
            for text, name in zip(prompts, continuations, strict=True)
        ]


def task_of(num_rows):
    rows = tuple(Example((f"{'warm' if i % 2 else 'cold'} {i}",), i % 2, str(i)) for i in range(num_rows))
    return Task("t", "How is it?", ("bad", "good"), "c", "l", rows)


def test_a_name_that_the_model_likes_anyway_is_no_answer():
    task = task_of(2)
    found = class_probabilities(Scripted(), task, [e.texts for e in task.examples])
    np.testing.assert_allclose(found[0], [0.5, 0.5])
    np.testing.assert_allclose(found[1], [1 / (1 + np.exp(3)), np.exp(3) / (1 + np.exp(3))])


def test_examples_are_shown_with_their_answers_and_pairs_with_both_texts():
    task = task_of(4)
    shown = prompt(task, ("warm 9",), [(("cold 0",), 0)])
    assert shown == "Text: cold 0\nHow is it? (bad, good)\nAnswer: bad\n\nText: warm 9\nHow is it? (bad, good)\nAnswer:"
    assert prompt(task, ("a", "b")).startswith("First: a\nSecond: b\n")


def test_few_shot_shows_rows_of_the_student_with_true_or_weak_labels_and_never_a_test_row():
    task = task_of(60)
    parts = [Split(list(range(20)), list(range(20, 40)), [40]), Split(list(range(20)), list(range(20, 40)), [40])]
    wrong = np.eye(2)[[1 - task.examples[i].label for i in range(20, 40)]]
    labelled = [Labelled(wrong, wrong[:1], wrong[:1])] * 2
    model = Scripted()
    found = prompted(model, task, task.examples, parts, labelled, range(41, 60))
    assert {name: probs.shape for name, probs in found.items()} == dict.fromkeys(
        (ZERO_SHOT, FEW_SHOT, FEW_SHOT_WEAK), (2, 19, 2)
    )
    few = [blocks for text in model.asked if len(blocks := text.split("\n\n")) == SHOTS + 1]
    answers = {text: set() for text in (e.texts[0] for e in task.examples)}
    for block in (block for blocks in few for block in blocks[:-1]):
        lines = block.split("\n")
        answers[lines[0].removeprefix("Text: ")].add(lines[-1].removeprefix("Answer: "))
    shown = {text for text, said in answers.items() if said}
    assert shown <= {e.texts[0] for e in task.examples[20:40]}, "rows of the student, none of the test"
    assert all(answers[text] == set(task.classes) for text in shown), "once with the true label, once with the weak one"
    for blocks in few:
        true = [block.endswith(f"Answer: {'good' if 'warm' in block else 'bad'}") for block in blocks[:-1]]
        assert all(true) or not any(true)


def long_model(folder, tiny_path, positions):
    """A GPT-2 that reads so few tokens that a plain text is too long for it."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_path)
    config = transformers.GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=positions)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("names", [[" a", " b"], [" good answer", " bad"]])
def test_of_a_prompt_that_is_too_long_the_end_is_read(tiny_path, tmp_path, monkeypatch, names):
    from precepts.w2s import speaker

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PRECEPTS_DTYPE", "float32")
    path = long_model(tmp_path / "short", tiny_path, 24)
    ends = "a garden grows by the sea and nobody asked what it costs; " * 3
    found = [speaker.Speaker(path).log_probs_of_text([f"{start}{ends}"] * 2, names) for start in ("", "the plan: ")]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert np.isfinite(found[0]).all()


@pytest.mark.parametrize("names", [[" a", " b"], [" good answer", " bad"]])
def test_the_students_model_scores_as_the_engine_does_and_nothing_is_asked_twice(
    tiny_path, tmp_path, monkeypatch, names
):
    from precepts.models import Engine
    from precepts.w2s import speaker

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    prompts = [f"Text: a garden {i % 3}\nAnswer:" + " by the sea" * i for i in range(5)]
    flat = [p for p in prompts for _ in names]
    wanted = Engine(tiny_path).log_probs_of_text(flat, names * 5)
    np.testing.assert_allclose(speaker.Speaker(tiny_path).log_probs_of_text(flat, names * 5), wanted, atol=0.05)
    monkeypatch.setattr(speaker.Speaker, "_load", lambda self: pytest.fail("a model was loaded"))
    np.testing.assert_allclose(speaker.Speaker(tiny_path).log_probs_of_text(flat, names * 5), wanted, atol=0.05)
