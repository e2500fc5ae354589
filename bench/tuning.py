"""Fine-tuning a student by LoRA: ours, of all layers and of those above a cut, against the usual recipe.

The usual recipe, written for this bench: transformers' sequence classifier under peft's LoRA of the same rank and rate, batches in the
order drawn, padded to their longest row, with a mask, in bfloat16 autocast. Ours takes a batch in pieces of like length, without a mask,
keeps frozen maps in bfloat16, and above a cut runs what is below once a text; its head is trained alone first, inside its clock. The same
model, rows, order of rows and number of steps of the whole.

Loading stands outside the recipe's clock and inside ours, and so does what is below the cut. Beside wall time the time of the processor
is printed: on a machine that does other work only that can be compared. Accuracy is on movie reviews that were not
trained on.

    python bench/tuning.py [--rows 256] [--epochs 2] [--layer 20]
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from precepts.models.embedded import embedded_path
from precepts.models.memory import keep_freed_memory
from precepts.w2s.decoders import Below
from precepts.w2s.methods import METHODS
from precepts.w2s.splits import pool
from precepts.w2s.tasks import load_task
from precepts.w2s.tuned import Tuning, tune

RATE, RANK, BATCH, TESTED = 2e-4, 16, 32, 200


class Clock:
    """Wall and processor time of what runs between `start` and `stop`."""

    def start(self):
        """Begins."""
        self.began = (time.perf_counter(), time.process_time())

    def stop(self):
        """Ends."""
        self.wall, self.processor = time.perf_counter() - self.began[0], time.process_time() - self.began[1]


def ours(path, texts, labels, tested, epochs, layer):
    """The clock and the share of tested rows that are right; `layer` None tunes all."""
    clock = Clock()
    below = None if layer is None else Below(path, layer)
    settings = Tuning(epochs=epochs, batch_size=BATCH, learning_rate=RATE, rank=RANK)
    clock.start()
    model = tune(
        path, "lora", [(t,) for t in texts], np.eye(2)[labels], np.ones(len(texts)), METHODS["naive"], settings=settings,
        seed=0, below=below, after_epoch=lambda _, epoch: clock.stop() if epoch == epochs - 1 else None,
    )  # fmt: skip
    right = model.probabilities([(t,) for t, _ in tested]).argmax(1) == np.array([label for _, label in tested])
    return clock, float(right.mean())


def usual(path, texts, labels, tested, epochs):
    """As `ours`, by the usual recipe."""
    keep_freed_memory()
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.padding_side = "right"
    base = AutoModelForSequenceClassification.from_pretrained(path, num_labels=2, dtype=torch.float32)
    base.config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(0)
    model = get_peft_model(
        base, LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="SEQ_CLS")
    )
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.01)
    steps = len(texts) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps * epochs)
    draw = np.random.default_rng([0, 29])
    clock = Clock()
    clock.start()
    model.train()
    for _ in range(epochs):
        order = draw.permutation(len(texts))
        for step in range(steps):
            picked = order[step * BATCH : (step + 1) * BATCH]
            batch = tokenizer([texts[i] for i in picked], padding=True, return_tensors="pt", add_special_tokens=False)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(**batch).logits
            loss = torch.nn.functional.cross_entropy(logits.float(), torch.tensor([labels[i] for i in picked]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    clock.stop()
    model.eval()
    right = []
    with torch.inference_mode():
        for text, label in tested:
            batch = tokenizer([text], return_tensors="pt", add_special_tokens=False)
            right.append(int(model(**batch).logits.argmax(-1)) == label)
    return clock, float(np.mean(right))


def main():
    """Runs all three and prints their times and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--layer", type=int, default=20)
    asked = parser.parse_args()
    examples, test, rest = pool(load_task("movie-reviews"), rows=None)
    chosen = rest[: asked.rows]
    texts, labels = [examples[i].texts[0] for i in chosen], [examples[i].label for i in chosen]
    tested = [(examples[i].texts[0], examples[i].label) for i in test[:TESTED]]
    path = embedded_path()
    done = {
        "usual": usual(path, texts, labels, tested, asked.epochs),
        "all layers": ours(path, texts, labels, tested, asked.epochs, None),
        f"above layer {asked.layer}": ours(path, texts, labels, tested, asked.epochs, asked.layer),
    }
    base = done["usual"][0]
    for name, (clock, accuracy) in done.items():
        rate = asked.rows * asked.epochs / clock.processor
        print(
            f"{name}: {clock.wall:.1f} s, of the processor {clock.processor:.1f} s ({rate:.1f} rows a second), ratio "
            f"{base.wall / clock.wall:.2f}, of processor time {base.processor / clock.processor:.2f}; accuracy {accuracy:.3f}"
        )


if __name__ == "__main__":
    main()
