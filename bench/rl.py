"""Reinforcement: `training.grpo` against TRL's GRPOTrainer, the same model, prompts, reward, trainable parameters and updates, in one process.

    python bench/rl.py [NUM_PROMPTS] [TURNS]

TRL is set up as well as its documentation allows on a CPU: weights and generation in bfloat16 (the faster of its choices here), one
generation for several updates, the fused optimizer, no gradient checkpointing, no reference model (beta 0, in both). Its vLLM and Liger
paths need a GPU. Freed memory is kept for both, as our trainer does by itself. The same layers are frozen in both. The reward is a
program's, so that no judge is timed. Loading the model and writing it count for both; the two take turns, and the median ratio of wall
times counts: rollouts and updates are equally many.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
warnings.filterwarnings("ignore")

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from precepts.data import load_cases
from precepts.models.embedded import embedded_path
from precepts.models.memory import keep_freed_memory
from precepts.runs import Run
from precepts.training.grpo import GRPOSettings, train_grpo
from precepts.training.rollouts import Answered, Scored
from precepts.types import Case

SETTINGS = GRPOSettings(max_tokens=64, beta=0.0, num_checkpoints=1)


def variety(answer: str) -> float:
    """The share of an answer's words that are not repeated: a reward in [0, 1] that costs nothing and differs within a group."""
    words = answer.lower().split()
    return len(set(words)) / len(words) if words else 0.0


def ours(cases: Sequence[Case], base: Path) -> tuple[float, int]:
    """Seconds for the whole job, and the tokens that were sampled."""

    def reward(answers: Sequence[Answered]) -> list[Scored]:
        return [Scored(score=variety(a.answer)) for a in answers]

    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        run.path.mkdir()
        begun = time.perf_counter()
        train_grpo(cases, base=base, run=run, reward=reward, settings=SETTINGS, seed=0)
        return time.perf_counter() - begun, sum(len(row["ids"]) for row in run.rows("rollouts"))


def theirs(cases: Sequence[Case], base: Path) -> tuple[float, int]:
    """The same of TRL's trainer."""
    sampled = 0

    def reward(completions: Sequence[Any], completion_ids: Sequence[Sequence[int]], **unused: Any) -> list[float]:
        nonlocal sampled
        sampled += sum(map(len, completion_ids))
        return [variety(turns[0]["content"]) for turns in completions]

    tokenizer: Any = AutoTokenizer.from_pretrained(base, padding_side="left")
    begun = time.perf_counter()
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    layers = model.model.layers
    model.get_input_embeddings().requires_grad_(requires_grad=False)
    for layer in layers[: len(layers) - SETTINGS.top_layers]:
        layer.requires_grad_(requires_grad=False)
    rows = Dataset.from_list([{"prompt": [m.model_dump() for m in case.messages]} for case in cases])
    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=SETTINGS.batch_size,
            steps_per_generation=SETTINGS.steps_per_cycle, num_generations=SETTINGS.num_samples,
            max_completion_length=SETTINGS.max_tokens, temperature=SETTINGS.temperature, beta=0.0, epsilon=SETTINGS.epsilon,
            learning_rate=SETTINGS.learning_rate, lr_scheduler_type="constant", bf16=False, use_cpu=True, optim="adamw_torch_fused",
            gradient_checkpointing=False, dataloader_pin_memory=False, save_strategy="no", logging_steps=1000, report_to=[],
            disable_tqdm=True, seed=0, scale_rewards="none", loss_type="dapo",
        )  # fmt: skip
        trainer = GRPOTrainer(
            model=model, reward_funcs=[reward], args=config, train_dataset=rows, processing_class=tokenizer
        )
        trainer.train()
        trainer.save_model(folder)
        updates = trainer.state.global_step
    seconds = time.perf_counter() - begun
    expected = len(cases) // SETTINGS.prompts_per_cycle * SETTINGS.steps_per_cycle
    assert updates == expected, f"TRL made {updates} updates and ours {expected}: they cannot be compared"
    return seconds, sampled


def main(size: int, turns: int) -> None:
    """Prints what was measured, and the ratio last."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(2)
    keep_freed_memory()  # of use to both
    base = embedded_path()
    size -= size % SETTINGS.prompts_per_cycle
    cases = [c for c in load_cases("starter") if c.split == "train" and c.clauses][:: 9000 // size][:size]
    found: dict[str, list[tuple[float, int]]] = {"trl": [], "ours": []}
    for _ in range(turns):
        found["trl"].append(theirs(cases, base))
        found["ours"].append(ours(cases, base))
    rollouts = len(cases) * SETTINGS.num_samples
    updates = len(cases) // SETTINGS.prompts_per_cycle * SETTINGS.steps_per_cycle
    for name, turns_of in found.items():
        print(
            json.dumps(
                {
                    "trainer": name,
                    "rollouts": rollouts,
                    "updates": updates,
                    "tokens": [tokens for _, tokens in turns_of],
                    "seconds": [round(s, 1) for s, _ in turns_of],
                    "rollouts_per_second": [round(rollouts / s, 2) for s, _ in turns_of],
                    "updates_per_second": [round(updates / s, 3) for s, _ in turns_of],
                }
            )
        )
    ratio = statistics.median(t / o for (t, _), (o, _) in zip(found["trl"], found["ours"], strict=True))
    print(f"ratio: {ratio:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 32, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
