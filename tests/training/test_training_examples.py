"""Which tokens are learned, how much each counts, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.models.format import OPENING
from precepts.training.examples import Example, Tokens, examples_digest, plan_steps, shared_prefix, tokenize
from precepts.types import Message

ASKED = (Message(role="user", content="How much is too much?"),)
SPANS = (
    (OPENING, 0.02), (" refuse", 3.0), ("\nclause: H2", 0.1), ("\nwhy: A dose can harm.\n</think>\n", 0.04), ("I’m sorry, no. ☂", 0.05),
)  # fmt: skip
END = -1


def signs(text: str) -> list[int]:
    return [ord(sign) for sign in text]


def plain(messages: Sequence[Message]) -> str:
    return "".join(f"[{m.role}]{m.content}" for m in messages) + "[assistant]"


# --- weights ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.text(max_size=8), st.floats(min_value=0, max_value=4)), min_size=1, max_size=6), st.booleans()
)
def test_each_sign_weighs_what_its_span_weighs(spans: list[tuple[str, float]], ends: bool) -> None:
    example = Example(case_id="c", messages=ASKED, spans=tuple(spans), ends=ends)
    found = tokenize(example, render=plain, ids_of=signs, end=END)
    prompt = plain(ASKED)
    assert found.ids == signs(prompt + "".join(text for text, _ in spans)) + [END] * ends
    learned = [0.0] * len(prompt) + [w for text, w in spans for _ in text]
    assert found.weights[: len(learned)] == learned
    if ends:
        assert (found.weights[-1] > 0) == (spans[-1][1] > 0), "the end of turn is learned where the answer is"


def test_the_embedded_tokenizer_puts_each_weight_on_its_tokens(embedded: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(embedded)

    def ids_of(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    def render(messages: Sequence[Message]) -> str:
        return tokenizer.apply_chat_template(
            [m.model_dump() for m in messages], tokenize=False, add_generation_prompt=True
        )

    example = Example(case_id="c", messages=ASKED, spans=SPANS)
    found = tokenize(example, render=render, ids_of=ids_of, end=tokenizer.eos_token_id)
    text = "".join(piece for piece, _ in SPANS)
    assert tokenizer.decode(found.ids) == render(ASKED) + text + "<|im_end|>"
    assert found.ids[-1] == tokenizer.eos_token_id
    by_weight = {
        weight: tokenizer.decode([i for i, w in zip(found.ids[:-1], found.weights[:-1], strict=True) if w == weight])
        for _, weight in SPANS
    }
    assert by_weight == {weight: piece for piece, weight in SPANS}
    # Generation runs the prompt with the opening, then reads the verdict at the next token: training must write just that.
    before = [*ids_of(render(ASKED)), *ids_of(OPENING)]
    assert found.ids[: len(before)] == before
    first = found.ids[len(before)]
    assert first == ids_of(" refuse")[0]
    assert found.weights[len(before)] == 3.0
    assert len({ids_of(f" {v}")[0] for v in ("refuse", "comply", "safe_complete")}) == 3


# --- the shared prefix ------------------------------------------------------------------------------------------------

_ROWS = st.lists(
    st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=6), st.lists(st.integers(0, 2), min_size=1, max_size=4)),
    min_size=1, max_size=4,
)  # fmt: skip


@given(_ROWS)
def test_a_shared_prefix_is_what_all_begin_with_and_none_learns(rows: list[tuple[list[int], list[int]]]) -> None:
    tokens = [Tokens(prompt + body, [0.0] * len(prompt) + [1.0] * len(body)) for prompt, body in rows]
    length = len(prefix := shared_prefix(tokens))
    for ids, weights, _ in tokens:
        assert ids[:length] == prefix
        assert not any(weights[:length])
        assert len(ids) > length
        assert weights[length] == 0, "what predicts the first learned token stands in the row itself"


def test_a_shared_prefix_is_as_long_as_it_can_be() -> None:
    tokens = [Tokens([5, 6, 7, last, 9], [0, 0, 0, 0, 1.0]) for last in (1, 2)]
    assert shared_prefix(tokens) == [5, 6]
    assert shared_prefix([Tokens([5, 6, 7], [0, 1.0, 1.0])] * 2) == []


# --- the plan ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 200), min_size=1, max_size=50), st.integers(1, 9), st.integers(1, 3), st.integers(0, 5))
def test_every_epoch_takes_every_example_once(lengths: list[int], size: int, epochs: int, seed: int) -> None:
    steps = plan_steps(lengths, batch_size=size, epochs=epochs, seed=seed)
    per_epoch = -(-len(lengths) // size)
    assert len(steps) == epochs * per_epoch
    for first in range(0, len(steps), per_epoch):
        epoch = steps[first : first + per_epoch]
        assert sorted(i for step in epoch for i in step) == list(range(len(lengths)))
        assert all(1 <= len(step) <= size for step in epoch)


def test_the_plan_follows_the_seed_and_groups_by_length() -> None:
    lengths = list(range(0, 2000, 10))
    one, same, other = (plan_steps(lengths, batch_size=10, epochs=2, seed=s) for s in (1, 1, 2))
    assert one == same != other
    assert one[:20] != one[20:], "epochs differ"
    assert [min(step) for step in one[:20]] != sorted(min(step) for step in one[:20]), "steps are shuffled"
    spread = [max(lengths[i] for i in step) - min(lengths[i] for i in step) for step in one]
    assert max(spread) <= 100 + 2 * 8, "a step pads little"


def test_twins_of_like_length_share_a_step() -> None:
    lengths = [40 + i % 37 for i in range(400)]
    pairs = [f"p{i % 200}" for i in range(400)]
    lengths[200:] = [n + i % 5 for i, n in enumerate(lengths[:200])]
    steps = plan_steps(lengths, batch_size=32, epochs=2, seed=0, pairs=pairs)
    assert sorted(i for step in steps for i in step) == sorted([*range(400), *range(400)])
    whole = sum(sum((i + 200) in step for i in step if i < 200) for step in steps)
    assert whole >= 2 * (200 - len(steps)), "only a step's edge parts twins"
    far = plan_steps([10, 200], batch_size=1, epochs=1, seed=0, pairs=["p", "p"])
    assert sorted(far) == [[0], [1]]


def test_the_digest_names_the_training_set() -> None:
    one = Example(case_id="c", messages=ASKED, spans=SPANS)
    heavier = one.model_copy(update={"spans": ((OPENING, 0.03), *SPANS[1:])})
    digests = [examples_digest(e) for e in ([one], [one, one], [heavier], [heavier, one], [one, heavier])]
    assert all(a != b for a, b in pairwise(digests))
    assert len(set(digests)) == 5
    assert examples_digest([one.model_copy()]) == digests[0]
