"""What several folders share: a tiny random model, made once, and where the public sets and the embedded model stand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

import small
from precepts.errors import MissingError
from precepts.models.embedded import embedded_path
from precepts.models.openers import REFUSALS
from precepts.workers import Spread, spread_over
from process import Cli, Done

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

_BESIDE = Path(__file__).parents[2] / "shared" / "data"
if "PRECEPTS_DATA" not in os.environ and _BESIDE.is_dir():
    os.environ["PRECEPTS_DATA"] = str(_BESIDE)

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
def two_workers(ray_of_two: Spread, request: pytest.FixtureRequest) -> Spread:
    """Two Ray workers on this machine, which are given what the test's own file defines: they could not import it."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(request.module)
    return ray_of_two


@pytest.fixture(scope="session")
def ray_of_two() -> Iterator[Spread]:
    """Ray, started once for all tests that ask for it."""
    pytest.importorskip("ray")
    os.environ.setdefault("RAY_worker_niceness", "0")  # on a busy machine workers of low priority hardly start
    with spread_over(2) as over:
        yield over


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The embedded model's directory."""
    try:
        return embedded_path()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    pytest.importorskip("trl")
    return Cli(tmp_path_factory.mktemp("cli"))


class Finished(NamedTuple):
    """A small run that went through, what it was begun from and what it printed."""

    run: Path
    model: Path
    argv: list[str]
    done: Done


@pytest.fixture(scope="session")
def finished(cli: Cli, tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    policy, cases = small.write_policy(folder), small.write_cases(folder)
    argv = ["align", str(policy), "--cases", str(cases), "--model", str(tiny_path), "--out"]
    done = cli(*argv, folder / "run")
    assert done.code == 0, done.err
    return Finished(folder / "run", tiny_path, argv, done)
