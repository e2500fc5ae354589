"""A tiny random model, made once: the engine's arithmetic can be checked against transformers in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings

from precepts.models.openers import REFUSALS

settings.register_profile("models", deadline=None)
settings.load_profile("models")

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = (
    "system user assistant tool <think> verdict: refuse comply safe_complete clause: R1 why: the plan is kept </think> "
    "a garden grows by the sea and nobody asked what it costs; please answer with one word or name some colours"
)


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    path = tmp_path_factory.mktemp("tiny")
    raw = tokenizers.Tokenizer(tokenizers.models.BPE())
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<|im_start|>", "<|im_end|>"], show_progress=False
    )
    letters = "".join(chr(c) for c in range(32, 127)) + "’\n"
    raw.train_from_iterator([*REFUSALS, WORDS, letters, *letters], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|im_end|>", clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(4)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False, initializer_range=0.3,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTS_DTYPE", "float32")


@pytest.fixture
def tiny_run(tiny_path: Path, tmp_path: Path) -> Path:
    """A run directory whose trained model is the tiny one."""
    run = tmp_path / "first"
    (run / "sft").mkdir(parents=True)
    (run / "plan.json").write_text(json.dumps({"command": "precepts align sft first"}), "utf-8")
    (run / "sft" / "model").symlink_to(tiny_path, target_is_directory=True)
    return run
