"""The recipes as far as a CPU goes: configurations build, two processes learn what one does, a step of each is taken."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from safetensors.torch import load_file  # noqa: E402

import small  # noqa: E402
from precepts.models.engine import SETTINGS  # noqa: E402
from precepts.models.format import OPENING  # noqa: E402
from precepts.pipelines.config import AlignConfig, begin  # noqa: E402
from precepts.runs import Run  # noqa: E402
from precepts.training.examples import Example  # noqa: E402
from precepts.training.rollouts import Scored  # noqa: E402
from precepts.types import Message  # noqa: E402

RECIPES = Path(__file__).parents[2] / "recipes"
CONFIGS = sorted((RECIPES / "config").glob("*_8b*.yaml"))
ACCELERATE = sorted(p for p in (RECIPES / "config").glob("*.yaml") if p not in CONFIGS)


@pytest.fixture(scope="module")
def recipes() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(RECIPES))
    yield {name: importlib.import_module(name) for name in ("sft", "grpo")}
    sys.path.remove(str(RECIPES))


@pytest.fixture(scope="module")
def qwen(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model of the architecture that the recipes train."""
    path = tmp_path_factory.mktemp("qwen")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_path)
    torch.manual_seed(3)
    config = transformers.Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=512, tie_word_embeddings=False, initializer_range=0.2,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def run(qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with policy, cases and a few training examples, whose weights differ from process to process."""
    folder = tmp_path_factory.mktemp("run")
    config = AlignConfig(policy=str(small.write_policy(folder)), cases=str(small.write_cases(folder)), model=str(qwen))
    made = begin(folder / "run", config, command="test")
    rows = [
        Example(
            case_id=f"c{i}",
            messages=(Message(role="user", content="name a garden " + "and " * i),),
            spans=((OPENING, 0.02), (" refuse" if i % 2 else " comply", 1.0 + i), ("\nclause: R1", 0.1)),
            ends=i % 2 == 0,
        )
        for i in range(8)
    ]
    made.stage("data").write("examples", rows)
    return made.path


def config_of(tmp_path: Path, qwen: Path, name: str, **trainer: object) -> Path:
    """A recipe's configuration for a CPU and the tiny model."""
    config = yaml.safe_load((RECIPES / "config" / name).read_text("utf-8"))
    config.update({"dtype": "float32"})
    if "model" in config:
        config["model"] = str(qwen)
    config["trainer"].update(
        use_cpu=True, bf16=False, gradient_checkpointing=False, save_strategy="no", logging_steps=1, **trainer
    )
    path = tmp_path / name
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


def launched(processes: int, script: Path, *argv: object, cwd: Path, **more: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = str(RECIPES.parent / "src")
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH")))), **more,
    }  # fmt: skip
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={processes}", f"--master_port={port}", str(script),
        *map(str, argv),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_a_recipes_configuration_builds(path: Path, tmp_path: Path) -> None:
    from peft import LoraConfig
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.sft_config import SFTConfig

    config = yaml.safe_load(path.read_text("utf-8"))
    kind = GRPOConfig if "grpo" in path.stem else SFTConfig
    built = kind(output_dir=str(tmp_path), use_cpu=True, **config["trainer"])
    assert {key: getattr(built, key) for key in config["trainer"] if key != "report_to"} == {
        key: value for key, value in config["trainer"].items() if key != "report_to"
    }
    if config["lora"]:
        assert LoraConfig(**config["lora"]).r == config["lora"]["r"]
    if kind is GRPOConfig:
        assert config["trainer"]["use_vllm"]
        batch = config["trainer"]["per_device_train_batch_size"] * config["trainer"]["steps_per_generation"]
        assert batch % config["trainer"]["num_generations"] == 0
        # A checkpoint inside a generation cycle would sample the rest of the cycle anew.
        assert config["trainer"]["save_steps"] % config["trainer"]["steps_per_generation"] == 0


@pytest.mark.parametrize("path", ACCELERATE, ids=lambda p: p.stem)
def test_accelerate_reads_its_configuration(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    given = yaml.safe_load(path.read_text("utf-8"))
    read = load_config_from_file(str(path))
    assert read.num_processes == given["num_processes"]
    assert read.mixed_precision == "bf16"
    assert str(getattr(read.distributed_type, "value", read.distributed_type)) == given["distributed_type"]


def test_the_sharding_plugin_builds_from_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.utils import FullyShardedDataParallelPlugin

    given = yaml.safe_load((RECIPES / "config" / "fsdp.yaml").read_text("utf-8"))["fsdp_config"]
    for key, value in given.items():
        # As `accelerate launch` hands its configuration to the processes.
        name = {"fsdp_auto_wrap_policy": "FSDP_AUTO_WRAP_POLICY"}.get(key, key.upper())
        monkeypatch.setenv(name, str(value).lower() if isinstance(value, bool) else str(value))
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert "SHARDED" in str(plugin.state_dict_type)


def test_two_processes_learn_what_one_does(qwen: Path, run: Path, tmp_path: Path) -> None:
    losses: dict[int, float] = {}
    weights: dict[int, dict[str, Any]] = {}
    for processes in (1, 2):
        config = config_of(
            tmp_path, qwen, "sft_8b_fsdp.yaml", per_device_train_batch_size=4 // processes, max_steps=1, warmup_steps=0,
            learning_rate=1e-2, lr_scheduler_type="constant", ddp_backend="gloo" if processes > 1 else None,
        )  # fmt: skip
        out = tmp_path / str(processes)
        launched(
            processes,
            RECIPES / "sft.py",
            config,
            run,
            out,
            "trainer.save_strategy=steps",
            "trainer.save_steps=1",
            cwd=tmp_path,
        )
        (state,) = (out / "checkpoints").glob("checkpoint-1/trainer_state.json")
        losses[processes] = next(row["loss"] for row in json.loads(state.read_text())["log_history"] if "loss" in row)
        weights[processes] = load_file(out / "model" / "model.safetensors")
        assert json.loads((out / "model" / SETTINGS).read_text())["opening"] == OPENING
    assert losses[2] == pytest.approx(losses[1], rel=1e-5)
    base = load_file(qwen / "model.safetensors")
    assert any(not torch.equal(weights[1][name], base[name]) for name in base)
    assert all(torch.allclose(weights[1][name], weights[2][name], atol=2e-4) for name in base)


def test_two_processes_that_shard_the_model_learn_what_one_does(
    qwen: Path, run: Path, recipes: dict[str, ModuleType], tmp_path: Path
) -> None:
    """FSDP2 itself, as `fsdp.yaml` asks for it, over gloo: parameters in halves, and the loss and weights of one process."""
    given = yaml.safe_load((RECIPES / "config" / "fsdp.yaml").read_text("utf-8"))["fsdp_config"]
    sharding = {
        key.upper(): str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()
    }
    sharding |= {"ACCELERATE_USE_FSDP": "true", "PRECEPTS_SHARDS": str(tmp_path / "shards")}
    losses: list[list[float]] = []
    weights: list[dict[str, Any]] = []
    for processes in (1, 2):
        config = config_of(
            tmp_path, qwen, "sft_8b_fsdp.yaml", per_device_train_batch_size=4 // processes, max_steps=2, warmup_steps=0,
            learning_rate=1e-2, lr_scheduler_type="constant", ddp_backend="gloo" if processes > 1 else None,
        )  # fmt: skip
        out = tmp_path / str(processes)
        argv = [config, run, out, "trainer.save_strategy=steps", "trainer.save_steps=2"]
        if processes == 1:
            recipes["sft"].main(list(map(str, argv)))
        else:
            launched(2, Path(__file__).with_name("fsdp_on_cpu.py"), RECIPES / "sft.py", *argv, cwd=tmp_path, **sharding)
        (state,) = (out / "checkpoints").glob("checkpoint-2/trainer_state.json")
        losses.append([row["loss"] for row in json.loads(state.read_text())["log_history"] if "loss" in row])
        weights.append(load_file(out / "model" / "model.safetensors"))
    shards = [json.loads((tmp_path / f"shards.{rank}").read_text()) for rank in (0, 1)]
    for name, shard in shards[0].items():
        assert shard["local"] is not None, f"{name} is not sharded"
        assert shard["local"] + shards[1][name]["local"] == shard["whole"], name
        assert 0 < shard["local"] < shard["whole"], f"{name} lies whole in one process"
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    (told,) = json.loads((tmp_path / "2" / "model" / "config.json").read_text())["architectures"]
    assert told == "Qwen3ForCausalLM"
    assert list((tmp_path / "2" / "checkpoints" / "checkpoint-2").glob("pytorch_model_fsdp_0/*")), (
        "checkpoints are in shards"
    )
    base = load_file(qwen / "model.safetensors")
    assert weights[0].keys() == weights[1].keys() == base.keys()
    assert any(not torch.equal(weights[0][name], base[name]) for name in base)
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=2e-4) for name in base)


def test_the_loss_is_that_of_the_readable_file(
    qwen: Path, run: Path, recipes: dict[str, ModuleType], tmp_path: Path
) -> None:
    """The first step's loss, against `training.minimal`, which has no padding on the left and no trainer."""
    from precepts.training.minimal import step_loss

    path = config_of(tmp_path, qwen, "sft_8b_fsdp.yaml", per_device_train_batch_size=4)
    config = recipes["sft"].read_config(path, ["trainer.max_steps=1"])
    assert config["trainer"]["max_steps"] == 1
    tokenizer = transformers.AutoTokenizer.from_pretrained(qwen)
    rows = recipes["sft"].read_rows(run, tokenizer, config, num_processes=1)
    assert sorted(map(str, rows)) == sorted(set(map(str, rows))), "eight examples make two whole steps"
    model = transformers.AutoModelForCausalLM.from_pretrained(qwen, dtype=torch.float32)
    expected = step_loss(model, rows[:4]).item()
    recipes["sft"].main(
        [str(path), str(run), str(tmp_path / "out"), "trainer.max_steps=1", "trainer.save_strategy=steps"]
    )
    (state,) = (tmp_path / "out" / "checkpoints").glob("checkpoint-1/trainer_state.json")
    assert json.loads(state.read_text())["log_history"][0]["loss"] == pytest.approx(expected, rel=1e-4)


def test_adapters_are_merged_into_a_plain_model(
    qwen: Path, run: Path, recipes: dict[str, ModuleType], tmp_path: Path
) -> None:
    path = config_of(tmp_path, qwen, "sft_8b.yaml", per_device_train_batch_size=4, max_steps=2, warmup_steps=0)
    recipes["sft"].main([str(path), str(run), str(tmp_path / "out")])
    made, base = load_file(tmp_path / "out" / "model" / "model.safetensors"), load_file(qwen / "model.safetensors")
    assert made.keys() == base.keys()
    changed = {name for name in base if not torch.equal(made[name], base[name])}
    assert changed
    assert changed <= {name for name in base if "_proj." in name}
    assert not list((tmp_path / "out" / "model").glob("adapter*"))


def test_a_step_of_reinforcement_is_taken(
    qwen: Path, run: Path, recipes: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but vLLM: prompts chosen, rollouts by transformers, the reward by clause and answer, an update, a model directory."""
    seen: list[Any] = []

    def reward(answers: Sequence[Any]) -> list[Scored]:
        seen.extend(answers)
        return [
            Scored(score=None, error="down") if n == 0 else Scored(score=sha256(a.key.encode()).digest()[0] / 255)
            for n, a in enumerate(answers)
        ]

    monkeypatch.setattr(recipes["grpo"], "reward_of", lambda options, policy: reward)
    config = config_of(
        tmp_path, qwen, "grpo_8b_fsdp.yaml", use_vllm=False, vllm_enable_sleep_mode=False, per_device_train_batch_size=4,
        steps_per_generation=2, num_generations=4, max_completion_length=8, max_steps=2, learning_rate=1e-2,
    )  # fmt: skip
    overrides = ["num_prompts=4"]
    recipes["grpo"].main([str(config), str(run), str(qwen), str(tmp_path / "out"), *overrides])
    assert len(seen) == 8
    assert {a.case.clauses[0] for a in seen} <= {"P1", "P2", "H1", "H2"}
    assert not {"cot", "text"} & type(seen[0]).model_fields.keys(), "the reasoning reaches no reward"
    made, base = load_file(tmp_path / "out" / "model" / "model.safetensors"), load_file(qwen / "model.safetensors")
    assert any(not torch.equal(made[name], base[name]) for name in base)


def test_an_override_that_is_none_and_a_run_without_examples_are_told(
    recipes: dict[str, ModuleType], run: Path, qwen: Path, tmp_path: Path
) -> None:
    path = config_of(tmp_path, qwen, "sft_8b.yaml")
    with pytest.raises(SystemExit, match="key=value"):
        recipes["sft"].read_config(path, ["lora"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(qwen)
    with pytest.raises(SystemExit, match="precepts align data"):
        recipes["sft"].read_rows(tmp_path, tokenizer, yaml.safe_load(path.read_text()), num_processes=1)
    assert Run(run).stage("data").rows("examples")
