"""A tiny model as the embedded one is made: more layers than are trained, output embedding tied to the input's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from precepts.models.format import OPENING
from precepts.training.examples import Example, Tokens, tokenize
from precepts.types import Message

_ANSWERS = ("It costs one word.", "Nobody asked.", "The garden grows by the sea.")


@pytest.fixture(scope="session")
def deep_path(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("deep")
    config = transformers.AutoConfig.from_pretrained(tiny_path)
    config.num_hidden_layers, config.tie_word_embeddings, config.initializer_range = 3, True, 0.1
    torch.manual_seed(7)
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    transformers.AutoTokenizer.from_pretrained(tiny_path).save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Twenty-four, every third with an answer; all begin with the same system turn."""
    out: list[Example] = []
    for i in range(24):
        verdict = ("refuse", "comply")[i % 2]
        spans: list[tuple[str, float]] = [(OPENING, 0.02), (f" {verdict}", 1.0 + i % 2), (f"\nclause: R{i % 4}", 0.1)]
        if i % 3 == 0:
            spans += [("\nwhy: the plan is kept\n</think>\n", 0.02), (_ANSWERS[i % 9 // 3], 0.05)]
        ask = "please name a garden" if i % 2 else "please name what it costs"
        turns = (
            Message(role="system", content="answer with one word"),
            Message(role="user", content=f"{ask} {'and ' * (i % 5)}{i}"),
        )
        out.append(Example(case_id=f"c{i}", messages=turns, spans=tuple(spans), ends=i % 3 == 0))
    return out


def tokens_of(path: Path, examples: list[Example]) -> list[Tokens]:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(path)

    def render(messages: Any) -> str:
        return tokenizer.apply_chat_template(
            [m.model_dump() for m in messages], tokenize=False, add_generation_prompt=True
        )

    def ids_of(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    return [tokenize(e, render=render, ids_of=ids_of, end=tokenizer.eos_token_id) for e in examples]


@pytest.fixture(scope="session")
def tokens(deep_path: Path, examples: list[Example]) -> list[Tokens]:
    return tokens_of(deep_path, examples)
