"""Fine-tuning: `training.sft` against TRL's SFTTrainer, the same model, data, trainable parameters, optimizer and steps, in one process.

    python bench/sft.py [NUM_EXAMPLES] [EPOCHS]

TRL is set up as its documentation advises for what a CPU has: completions only in the loss, bf16 autocast, sequences grouped by length, the
fused optimizer, no gradient checkpointing, output layer and loss as it ships them; packing needs attention kernels of CUDA. Freed memory is
kept for both, as our trainer does by itself. Lower layers are frozen in both. Ours pays for running them once. The two take turns, three
times each, and the median ratio counts.

Before it, the time to an equal loss on held-out examples is printed: TRL trains for EPOCHS (3), every token of a completion weighing
the same in both and no warm-up in either; ours starts anew with one epoch, two, … until its loss is no higher, and the seconds of
that run alone count: kept activations pay with each epoch.
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
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from precepts.data import load_cases
from precepts.deliberative import OPENINGS, build_examples
from precepts.models.embedded import embedded_path
from precepts.models.format import reasoning
from precepts.models.memory import keep_freed_memory
from precepts.policy import starter_policy
from precepts.runs import Run
from precepts.training.examples import Example, tokenize
from precepts.training.sft import SFTSettings, train_sft
from precepts.types import Completion

TURNS = 3


def training_set(size: int, split: str = "train") -> list[Example]:
    """Examples of the starter pack as the main job makes them: mostly decisions, some with an answer."""
    policy = starter_policy()
    cases = [c for c in load_cases("starter") if c.split == split and c.clauses]
    cases = cases[:: max(1, len(cases) // size)][:size]
    kept: dict[str, Completion] = {}
    for case in cases[::12]:
        clause = policy.clause(case.clauses[0])
        think = reasoning(verdict=clause.kind, clause=clause.id, why=clause.reason)
        answer = f"{OPENINGS[clause.kind]} {clause.reason} {clause.text}"
        kept[case.id] = Completion(
            key=case.id, case_id=case.id, model="bench", text=think + answer, cot=think, answer=answer, verdict=clause.kind,
            clause=clause.id, valid_format=True,
        )  # fmt: skip
    return build_examples(cases, kept, policy=policy)


def plain(examples: Sequence[Example]) -> list[Example]:
    """The same examples, every token of a completion weighing 1, its end too."""
    return [e.model_copy(update={"spans": tuple((text, 1.0) for text, _ in e.spans), "ends": True}) for e in examples]


def held_out_loss(model: Path, held_out: Sequence[Example]) -> float:
    """Mean cross-entropy of the completions' tokens, in nats."""
    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    total, count = 0.0, 0
    for example in held_out:
        head = tokenizer.apply_chat_template(
            [m.model_dump() for m in example.messages], tokenize=False, add_generation_prompt=True
        )
        before = tokenizer(head, add_special_tokens=False)["input_ids"]
        after = tokenizer("".join(text for text, _ in example.spans), add_special_tokens=False)["input_ids"]
        ids = torch.tensor([before + after + [tokenizer.eos_token_id]])
        with torch.inference_mode():
            log_TV = loaded(ids).logits[0, len(before) - 1 : -1].log_softmax(-1)
        total -= float(log_TV.gather(1, ids[0, len(before) :, None]).sum())
        count += len(after) + 1
    return total / count


def ours(
    examples: Sequence[Example], base: Path, settings: SFTSettings, held_out: Sequence[Example] = ()
) -> tuple[float, float | None]:
    """Seconds, frozen layers and writing the model included, and the loss on held-out examples where there are any."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        run.path.mkdir()
        begun = time.perf_counter()
        model = train_sft(examples, base=base, run=run, settings=settings, seed=0)
        seconds = time.perf_counter() - begun
        return seconds, held_out_loss(model, held_out) if held_out else None


def theirs(
    examples: Sequence[Example], base: Path, settings: SFTSettings, held_out: Sequence[Example] = ()
) -> tuple[float, float | None]:
    """The same of TRL's trainer."""
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    begun = time.perf_counter()
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    layers = model.model.layers
    model.get_input_embeddings().requires_grad_(requires_grad=False)
    for layer in layers[: len(layers) - settings.top_layers]:
        layer.requires_grad_(requires_grad=False)
    rows = Dataset.from_list(
        [
            {
                "prompt": [m.model_dump() for m in e.messages],
                "completion": [{"role": "assistant", "content": "".join(text for text, _ in e.spans)}],
            }
            for e in examples
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder, num_train_epochs=settings.epochs, per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            bf16=True, use_cpu=True, completion_only_loss=True, train_sampling_strategy="group_by_length", optim="adamw_torch_fused",
            gradient_checkpointing=False, dataloader_pin_memory=False, save_strategy="no", logging_steps=1000, report_to=[],
            disable_tqdm=True, seed=0,
        )  # fmt: skip
        trainer = SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer)
        trainer.train()
        trainer.save_model(folder)
        seconds = time.perf_counter() - begun
        return seconds, held_out_loss(Path(folder), held_out) if held_out else None


def to_equal_loss(size: int, base: Path, epochs: int) -> None:
    """Prints how long each takes to the loss on held-out examples that TRL's trainer ends at."""
    examples, held_out = plain(training_set(size)), plain(training_set(max(1, size // 4), "dev"))
    wanted_seconds, wanted = theirs(examples, base, SFTSettings(epochs=epochs, warmup_share=0.0), held_out)
    print(
        json.dumps({"trainer": "trl", "epochs": epochs, "held_out_loss": wanted, "seconds": round(wanted_seconds, 1)})
    )
    for count in range(1, 2 * epochs + 1):
        seconds, loss = ours(examples, base, SFTSettings(epochs=count, warmup_share=0.0), held_out)
        print(json.dumps({"trainer": "ours", "epochs": count, "held_out_loss": loss, "seconds": round(seconds, 1)}))
        if loss is not None and wanted is not None and loss <= wanted:
            print(f"ratio of times to an equal held-out loss: {wanted_seconds / seconds:.2f}")
            return
    print(f"no equal held-out loss in {2 * epochs} epochs")


def num_tokens(examples: Sequence[Example], base: Path) -> int:
    """Tokens of the training set, the chat template's included, before padding."""
    tokenizer: Any = AutoTokenizer.from_pretrained(base)

    def ids_of(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    def render(messages: Sequence[Any]) -> str:
        return tokenizer.apply_chat_template(
            [m.model_dump() for m in messages], tokenize=False, add_generation_prompt=True
        )

    return sum(len(tokenize(e, render=render, ids_of=ids_of, end=tokenizer.eos_token_id).ids) for e in examples)


def main(size: int, epochs: int) -> None:
    """Prints what was measured, and the ratio last."""
    logging.disable(logging.WARNING)
    torch.set_num_threads(2)
    keep_freed_memory()  # of use to both
    base, settings = embedded_path(), SFTSettings()
    examples = training_set(size)
    tokens = num_tokens(examples, base)
    seconds: dict[str, list[float]] = {"ours": [], "trl": []}
    for _ in range(TURNS):
        seconds["trl"].append(theirs(examples, base, settings)[0])
        seconds["ours"].append(ours(examples, base, settings)[0])
    for name, found in seconds.items():
        rates = [round(tokens / s) for s in found]
        print(json.dumps({"trainer": name, "examples": len(examples), "tokens": tokens, "tokens_per_second": rates}))
    to_equal_loss(size, base, epochs)
    print(f"ratio: {statistics.median(t / o for t, o in zip(seconds['trl'], seconds['ours'], strict=True)):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 480, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
