"""On-policy self-distillation on TRL: the model answers the bare prompt and is drawn towards itself with the policy in its prompt.

Shenfeld et al. 2026 (arXiv 2601.19897); of a policy, the context distillation of Askell et al. 2021 (arXiv 2112.00861), on what
the student itself writes. No judge and no label takes part: what is learned is what the policy in the prompt would have done,
its faults included.
"""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TRL says at import that the trainer is experimental
    from trl.experimental.sdft.sdft_config import SDFTConfig
    from trl.experimental.sdft.sdft_trainer import DemonstrationTeacherContextBuilder, SDFTTrainer

from precepts.errors import InputError
from precepts.models.engine import SETTINGS
from precepts.progress import progress
from precepts.runs import Run, write_atomic
from precepts.training.checkpoints import finish_if_trained, last_checkpoint, seal
from precepts.training.sft import ShowProgress, quiet
from precepts.training.trunk import num_layers, save_joined
from precepts.types import Frozen, Message, content_key


class Told(NamedTuple):
    """A prompt of the student, and what the teacher reads before it."""

    messages: tuple[Message, ...]
    system: str


class DistillSettings(Frozen):
    """How to distil. `top_k` tokens of each position carry the loss, half forward and half backward divergence (`alpha`)."""

    top_layers: int = 10
    batch_size: int = 8
    epochs: int = 1
    learning_rate: float = 3e-5
    max_tokens: int = 64
    temperature: float = 1.0
    top_k: int = 100
    alpha: float = 0.5
    max_grad_norm: float = 1.0
    num_checkpoints: int = 3


def train_distilled(prompts: Sequence[Told], *, base: Path, run: Run, settings: DistillSettings, seed: int) -> Path:
    """Distils `base` reading the policy into `base` without it; returns the trained model's directory (`run.path/model`).

    Killed and called again, it goes on from the last whole checkpoint.
    """
    target = run.path / "model"
    if finish_if_trained(run.path):
        return target
    quiet()
    torch.manual_seed(seed)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    _freeze_below(model, num_layers(base) - settings.top_layers)
    steps = settings.epochs * len(prompts) // settings.batch_size
    checkpoints = run.path / "checkpoints"
    last = last_checkpoint(checkpoints)
    begun = int(last.rpartition("-")[2]) if last else 0
    run.write("curve", [row for row in run.rows("curve") if row["step"] <= begun])
    every = -(-steps // (settings.num_checkpoints + 1))
    trainer = DistillTrainer(
        model, prompts=prompts, base=base, run=run, settings=settings, seed=seed, every=every, checkpoints=checkpoints
    )
    with progress("distil the policy", steps, unit="steps") as bar:
        trainer.add_callback(ShowProgress(bar))
        trainer.train(resume_from_checkpoint=last)
    save_joined(base, model, target, layers=0)
    own = json.loads((base / SETTINGS).read_text("utf-8")) if (base / SETTINGS).exists() else {}
    write_atomic(target / SETTINGS, json.dumps(own, indent=1))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return target


def check_room(prompts: Sequence[Told], base: Path, settings: DistillSettings) -> None:
    """Whether policy, prompt and answer fit into the model's context.

    Raises:
        InputError: If one of them does not.
    """
    room = AutoConfig.from_pretrained(base).max_position_embeddings - settings.max_tokens
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    longest = max(
        len(tokenizer("\n".join([told.system, *(m.content for m in told.messages)]))["input_ids"]) for told in prompts
    )
    if longest > room:
        raise InputError(
            f"Policy and prompt take up to {longest} tokens and the model has room for {room}. Shorten the policy's texts, or take a model "
            f"with a longer context."
        )


def _planned(prompts: Sequence[Told], *, epochs: int, seed: int) -> list[Told]:
    """All passes over the prompts in one order, so that a resumed run goes on in it."""
    rng = random.Random(seed)
    return [told for _ in range(epochs) for told in rng.sample(prompts, len(prompts))]


def _freeze_below(model: Any, layers: int) -> None:
    """Leaves the layers from `layers` on, and the last norm, to be trained."""
    kept = [model.model.norm, *model.model.layers[max(0, layers) :]]
    model.requires_grad_(False)
    for module in kept:
        module.requires_grad_(True)


class DistillTrainer(SDFTTrainer):  # pyright: ignore[reportUntypedBaseClass]
    """TRL's SDFTTrainer whose teacher reads the policy as a system message; curve and checkpoints are those of a run."""

    def __init__(
        self, model: Any, *, prompts: Sequence[Told], base: Path, run: Run, settings: DistillSettings, seed: int, every: int,
        checkpoints: Path,
    ) -> None:  # fmt: skip
        """Sets TRL up for one pass over the prompts."""
        self._run, self._checkpoints, self._seed = run, checkpoints, seed
        tokenizer: Any = AutoTokenizer.from_pretrained(base, padding_side="left")
        config = SDFTConfig(
            output_dir=str(checkpoints), num_train_epochs=1, shuffle_dataset=False, per_device_train_batch_size=settings.batch_size,
            num_generations=1, max_prompt_length=None, max_completion_length=settings.max_tokens, temperature=settings.temperature,
            distillation_topk=settings.top_k, distillation_alpha=settings.alpha, teacher_model_kind="base",
            learning_rate=settings.learning_rate, lr_scheduler_type="constant", weight_decay=0.0, adam_beta2=0.98,
            max_grad_norm=settings.max_grad_norm, bf16=True, use_cpu=not torch.cuda.is_available(), seed=seed, data_seed=seed,
            save_strategy="steps", save_steps=every, save_total_limit=2, logging_steps=1, report_to=[], disable_tqdm=True,
            gradient_checkpointing=False, dataloader_pin_memory=False, dataloader_drop_last=True, optim="adamw_torch_fused",
        )  # fmt: skip
        rows = [
            {"prompt": [m.model_dump() for m in told.messages], "privileged_context": told.system}
            for told in _planned(prompts, epochs=settings.epochs, seed=seed)
        ]
        super().__init__(model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
        self.teacher_context_builder = PolicyContext(self)

    def sample_rollouts(self, inputs: list[dict[str, Any]]) -> Any:
        """Answers to the bare prompts, by a seed of the step's own: a resumed run samples as the whole one did."""
        torch.manual_seed(int(content_key(self._seed, "step", self.state.global_step), 16) % 2**31)
        return super().sample_rollouts(inputs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        seal(self._checkpoints / f"checkpoint-{self.state.global_step}")

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Keeps the divergence from the teacher, step by step, in the run directory."""
        if "loss" in logs:
            self._run.append("curve", [{"step": self.state.global_step, "loss": logs["loss"]}])


class PolicyContext(DemonstrationTeacherContextBuilder):  # pyright: ignore[reportUntypedBaseClass]
    """The teacher's prompt: the policy as a system message, then the student's own."""

    def _compose_teacher_prompt(self, prompt: Any, privileged_context: Any) -> Any:
        return [{"role": "system", "content": privileged_context}, *prompt]
