"""Supervised fine-tuning on TRL: one subclass, three modes (all layers, LoRA, top layers over cached activations).

A row of the trainer's dataset is a planned *step*, so that order, resume and batch composition follow the plan and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import AutoTokenizer, TrainerCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from precepts.models.engine import SETTINGS
from precepts.models.format import OPENING
from precepts.progress import Bar, progress
from precepts.runs import Run, write_atomic
from precepts.training.checkpoints import finish_if_trained, last_checkpoint, seal
from precepts.training.examples import Example, plan_steps, shared_prefix, tokenize
from precepts.training.losses import weighted_cross_entropy
from precepts.training.trunk import Trunk, num_layers, run_trunk, save_joined, upper_model
from precepts.types import Frozen, Message

Mode = Literal["top", "full", "lora"]


class SFTSettings(Frozen):
    """How to fine-tune. Defaults are for the embedded model (docs/log.md says what was measured)."""

    mode: Mode = "top"
    top_layers: int = 10
    lora_rank: int = 32
    learning_rate: float = 3e-4
    batch_size: int = 16
    epochs: int = 1
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    num_checkpoints: int = 3
    max_steps: int | None = None


def train_sft(examples: Sequence[Example], *, base: Path, run: Run, settings: SFTSettings, seed: int) -> Path:
    """Fine-tunes `base` on the examples and returns the trained model's directory (`run.path/model`).

    Killed and called again, it goes on from the last whole checkpoint and ends at the same weights.
    """
    target = run.path / "model"
    if finish_if_trained(run.path):
        return target
    quiet()
    torch.manual_seed(seed)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)

    def render(messages: Sequence[Message]) -> str:
        return tokenizer.apply_chat_template(
            [m.model_dump() for m in messages], tokenize=False, add_generation_prompt=True
        )

    def ids_of(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    tokens = [tokenize(e, render=render, ids_of=ids_of, end=tokenizer.eos_token_id) for e in examples]
    prefix = shared_prefix(tokens)
    steps = plan_steps(
        [len(t.ids) for t in tokens],
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=seed,
        pairs=[t.pair for t in tokens],
    )
    steps = steps[: settings.max_steps]
    frozen = num_layers(base) - settings.top_layers if settings.mode == "top" else 0
    frozen = max(frozen, 0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with progress("run frozen layers once", len(tokens), unit="examples") as bar:
        trunk = run_trunk(base, tokens, prefix, layers=frozen, advance=bar.advance, device=device)
    model = upper_model(base, layers=frozen)
    if settings.mode == "lora":
        _add_lora(model, rank=settings.lora_rank)
    # A checkpoint falls on a point of the curve, so that a resumed run goes on with the same points.
    logging_steps = max(1, len(steps) // 40)
    every = -(-len(steps) // ((settings.num_checkpoints + 1) * logging_steps)) * logging_steps
    checkpoints = run.path / "checkpoints"
    last = last_checkpoint(checkpoints)
    begun = int(last.rpartition("-")[2]) if last else 0
    run.write("curve", [row for row in run.rows("curve") if row["step"] <= begun])
    trainer = WeightedTrainer(
        model,
        trunk=trunk,
        steps=steps,
        run=run,
        tokenizer=tokenizer,
        settings=settings,
        seed=seed,
        every=every,
        logging_steps=logging_steps,
        checkpoints=checkpoints,
    )
    with progress("fine-tune", len(steps), unit="steps") as bar:
        trainer.add_callback(ShowProgress(bar))
        trainer.train(resume_from_checkpoint=last)
    if settings.mode == "lora":
        _merge_lora(model)
    save_joined(base, model, target, layers=frozen)
    write_atomic(target / SETTINGS, json.dumps({"opening": OPENING}, indent=1))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return target


class WeightedTrainer(SFTTrainer):  # pyright: ignore[reportUntypedBaseClass]
    """TRL's SFTTrainer with our batches (a planned step each) and a loss that weighs tokens."""

    def __init__(
        self, model: Any, *, trunk: Trunk, steps: list[list[int]], run: Run, tokenizer: Any, settings: SFTSettings, seed: int, every: int,
        logging_steps: int, checkpoints: Path,
    ) -> None:  # fmt: skip
        """Sets TRL up for one pass over the planned steps."""
        self._run, self._checkpoints = run, checkpoints
        config = SFTConfig(
            output_dir=str(checkpoints), num_train_epochs=1, per_device_train_batch_size=1, learning_rate=settings.learning_rate,
            lr_scheduler_type="linear", warmup_steps=round(settings.warmup_share * len(steps)), weight_decay=settings.weight_decay,
            adam_beta2=0.98, max_grad_norm=settings.max_grad_norm, bf16=True, use_cpu=not torch.cuda.is_available(), seed=seed,
            data_seed=seed, save_strategy="steps", save_steps=every, save_total_limit=2, logging_steps=logging_steps,
            report_to=[], disable_tqdm=True, dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
            gradient_checkpointing=False, dataloader_pin_memory=False, optim="adamw_torch_fused", packing=False,
        )  # fmt: skip
        super().__init__(
            model=model,
            args=config,
            train_dataset=Dataset.from_dict({"step": list(range(len(steps)))}),
            data_collator=lambda rows: trunk.batch(steps[rows[0]["step"]])._asdict(),  # pyright: ignore[reportUnknownLambdaType]
            processing_class=tokenizer,
        )
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Weighted cross-entropy at the positions that weigh anything."""
        with torch.autocast(self.args.device.type, torch.bfloat16):
            logits_NV = model(inputs["prefix_PD"], inputs["hidden_BTD"], inputs["rows_N"], inputs["columns_N"])
        loss = weighted_cross_entropy(logits_NV, inputs["targets_N"], inputs["weights_N"])
        return (loss, {"logits": logits_NV}) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        steps: Any = train_dataset if train_dataset is not None else self.train_dataset
        return SequentialSampler(steps)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        seal(self._checkpoints / f"checkpoint-{self.state.global_step}")

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keeps the training curve in the run directory."""
        if "loss" in logs:
            self._run.append(
                "curve",
                [
                    {
                        "step": self.state.global_step,
                        **{k: logs[k] for k in ("loss", "grad_norm", "learning_rate") if k in logs},
                    }
                ],
            )


class ShowProgress(TrainerCallback):
    """Moves a bar by the trainer's steps; those before a resumed checkpoint count as replayed."""

    def __init__(self, bar: Bar) -> None:
        """The bar to move."""
        self.bar = bar

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Steps done before."""
        if state.global_step:
            self.bar.advance(state.global_step, replayed=True)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One more."""
        self.bar.advance()


def _add_lora(model: Any, *, rank: int) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets), model.model)


def _merge_lora(model: Any) -> None:
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.model.named_modules()):
        if isinstance(module, LoraLayer):
            merged: Any = module
            merged.merge()
            parent, _, child = name.rpartition(".")
            setattr(model.model.get_submodule(parent), child, merged.get_base_layer())


def quiet() -> None:
    """Trainers talk on stdout, which is for results."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in ("transformers", "trl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*", category=FutureWarning)
