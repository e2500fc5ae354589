"""Fine-tunes a model of any size on the examples of a run, on as many GPUs as accelerate is told of.

    precepts align data starter --out RUN
    accelerate launch --config_file recipes/config/fsdp.yaml recipes/sft.py recipes/config/sft_8b_fsdp.yaml RUN OUT [key=value …]

The tokens weigh what they weigh in `precepts align sft`, and steps are planned alike. `key=value` overrides a key of the configuration,
`trainer.key=value` one of TRL's SFTConfig. OUT/model is a model directory: `precepts align eval OUT/model --cases FILE --policy RUN/policy.yaml`.

Shapes: B rows of a process's batch, T tokens, K last positions that are scored, V vocabulary.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import Dataset
from peft import LoraConfig
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from precepts.models.engine import SETTINGS
from precepts.models.format import OPENING
from precepts.runs import Run, write_atomic
from precepts.training.examples import Example, Tokens, plan_steps, tokenize
from precepts.types import Message

Config = dict[str, Any]


class WeightedSFTTrainer(SFTTrainer):
    """TRL's trainer with a weight for each token; the loss is that of the whole step, however many processes share it."""

    def __init__(
        self, model: Any, *, rows: Sequence[Tokens], tokenizer: Any, args: SFTConfig, lora: Any = None
    ) -> None:
        """`rows` are in the order in which they are trained on."""
        super().__init__(
            model=model,
            args=args,
            train_dataset=Dataset.from_dict({"row": list(range(len(rows)))}),
            data_collator=lambda batch: collate([rows[b["row"]] for b in batch], pad=tokenizer.eos_token_id),
            processing_class=tokenizer,
            peft_config=lora,
        )
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Weighted cross-entropy in nats: gradients are averaged over processes, so a process's part is divided by the mean weight."""
        wanted = int((inputs["weights"] > 0).any(0).nonzero()[0])
        keep = inputs["input_ids"].shape[1] - wanted + 1
        out = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], logits_to_keep=keep, use_cache=False
        )
        logits_BKV, targets_BK = out.logits[:, :-1].float(), inputs["input_ids"][:, wanted:]
        weights_BK = inputs["weights"][:, wanted:]
        losses_BK = torch.nn.functional.cross_entropy(logits_BKV.transpose(1, 2), targets_BK, reduction="none")
        total = self.accelerator.reduce(weights_BK.sum(), "mean")
        loss = (losses_BK * weights_BK).sum() / total
        return (loss, out) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)


def collate(rows: Sequence[Tokens], *, pad: int) -> dict[str, Tensor]:
    """Left-padded tensors, shape (B, T): completions end together, so that only the last positions need be scored."""
    width = max(len(row.ids) for row in rows)
    fill = [width - len(row.ids) for row in rows]
    return {
        "input_ids": torch.tensor([[pad] * n + row.ids for n, row in zip(fill, rows, strict=True)]),
        "attention_mask": torch.tensor([[0] * n + [1] * len(row.ids) for n, row in zip(fill, rows, strict=True)]),
        "weights": torch.tensor([[0.0] * n + row.weights for n, row in zip(fill, rows, strict=True)]),
    }


def read_config(path: Path, overrides: Sequence[str]) -> Config:
    """The configuration with `key=value` overrides, values in YAML."""
    config: Config = yaml.safe_load(path.read_text("utf-8"))
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise SystemExit(f"An override is key=value, not {override!r}.")
        place, _, last = key.rpartition(".")
        (config[place] if place else config)[last] = yaml.safe_load(value)
    return config


def read_rows(run: Path, tokenizer: Any, config: Mapping[str, Any], *, num_processes: int) -> list[Tokens]:
    """The examples as tokens, in the order of the planned steps; a last step that is not full is filled from the start."""

    def render(messages: Sequence[Message]) -> str:
        turns = [m.model_dump() for m in messages]
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)

    def ids_of(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    examples = [Example.model_validate(row) for row in Run(run).stage("data").rows("examples")]
    if not examples:
        raise SystemExit(f"{run} holds no training examples. Run: precepts align data POLICY --out {run}")
    rows = [tokenize(e, render=render, ids_of=ids_of, end=tokenizer.eos_token_id) for e in examples]
    size = config["trainer"]["per_device_train_batch_size"] * num_processes
    steps = plan_steps(
        [len(r.ids) for r in rows], batch_size=size, epochs=1, seed=config["trainer"].get("seed", 0), pairs=[r.pair for r in rows]
    )  # fmt: skip
    steps.sort(key=lambda step: len(step) < size)  # the one that is not full goes last
    order = [i for step in steps for i in step]
    return [rows[i] for i in order + order[: -len(order) % size]]


def save(model: Any, tokenizer: Any, trainer: Any, out: Path) -> None:
    """A whole model directory with the opening that it was trained to write; every process takes part."""
    if trainer.is_fsdp_enabled:  # checkpoints are in shards, and save_model would write no weights at all
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(out / "model"))
    if not trainer.accelerator.is_main_process:
        return
    merged = getattr(trainer.accelerator.unwrap_model(trainer.model), "merge_and_unload", None)
    if merged is not None:
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            (out / "model" / name).unlink(missing_ok=True)
        merged().save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    write_atomic(out / "model" / SETTINGS, json.dumps({"opening": OPENING}, indent=1))


def main(argv: Sequence[str]) -> None:
    """Reads the configuration, trains and saves."""
    config, run, out = read_config(Path(argv[0]), argv[3:]), Path(argv[1]), Path(argv[2])
    args = SFTConfig(
        output_dir=str(out / "checkpoints"), remove_unused_columns=False, dataset_kwargs={"skip_prepare_dataset": True},
        disable_tqdm=True, packing=False, **config["trainer"],
    )  # fmt: skip
    tokenizer: Any = AutoTokenizer.from_pretrained(config["model"])
    model: Any = AutoModelForCausalLM.from_pretrained(config["model"], dtype=config["dtype"])
    rows = read_rows(run, tokenizer, config, num_processes=args.world_size)
    lora = LoraConfig(**config["lora"]) if config["lora"] else None
    trainer = WeightedSFTTrainer(model, rows=rows, tokenizer=tokenizer, args=args, lora=lora)
    last = max((out / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]), default=None)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    save(model, tokenizer, trainer, out)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit("usage: accelerate launch [--config_file FILE] recipes/sft.py CONFIG RUN OUT [key=value …]")
    main(sys.argv[1:])
