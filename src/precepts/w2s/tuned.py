"""Models that are fine-tuned, by LoRA or in every weight: as supervisors, as students, and on a task's texts alone.

A fine-tuned classifier is a causal language model whose last token's final state goes through a linear head that starts at zero; of a pair
the head reads the difference of both texts' states, without a bias. Weights are kept in float32, computed in bfloat16 autocast.

Shapes: N rows, B rows of a batch, T tokens, D hidden size, C classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from precepts.errors import InputError
from precepts.models.batching import by_length, right_padded
from precepts.models.memory import keep_freed_memory
from precepts.stats import FloatArray
from precepts.types import Frozen
from precepts.w2s.methods import Method, batch_loss

Kind = Literal["lora", "full"]
KINDS: tuple[Kind, ...] = ("lora", "full")
_RATES: dict[Kind, float] = {"lora": 2e-4, "full": 1e-5}

Tick = Callable[[int], Any]


class Tuning(Frozen):
    """How a model is fine-tuned; two epochs of batches of 32 as Burns et al. 2023 (NLP tasks), as recalled.

    `learning_rate` is of the model, by default 2e-4 for LoRA and 1e-5 for every weight; the head has its own. Longer texts are cut to their
    last `most_tokens`.
    """

    epochs: int = 2
    batch_size: int = 32
    learning_rate: float | None = None
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    rank: int = 16
    most_tokens: int = 512


class TunedRef(NamedTuple):
    """A reference such as `lora:precepts/smollm2-135m`."""

    kind: Kind
    model: str


def tuned_ref(ref: str) -> TunedRef | None:
    """`lora:MODEL` or `full:MODEL` in its parts; None for anything else."""
    kind, colon, model = ref.partition(":")
    return TunedRef(kind, model) if colon and kind in KINDS else None


class Classifier(torch.nn.Module):
    """A decoder and a linear head; `forward` reads rows of one or two texts and gives logits, shape (B, C)."""

    def __init__(
        self, path: Path, *, kind: Kind, num_classes: int, pairwise: bool, settings: Tuning, seed: int
    ) -> None:
        """Loads a model directory; the seed draws LoRA's first weights."""
        super().__init__()
        decoder, self.tokenizer = load_causal(path)
        decoder = decoder.base_model
        if kind == "lora":
            decoder = _with_lora(decoder, rank=settings.rank, seed=seed)
        self.decoder: Any = decoder
        self.head = torch.nn.Linear(decoder.config.hidden_size, num_classes, bias=not pairwise)
        torch.nn.init.zeros_(self.head.weight)
        if not pairwise:
            torch.nn.init.zeros_(self.head.bias)
        self.pairwise, self.most_tokens = pairwise, settings.most_tokens

    def forward(self, rows: Sequence[tuple[str, ...]]) -> Tensor:
        """The rows' logits, float32."""
        return self.head(self.read(rows))

    def read(self, rows: Sequence[tuple[str, ...]]) -> Tensor:
        """What the head reads of each row, shape (B, D), float32: the last token's state, of a pair the second's less the first's."""
        ids = [token_ids(self.tokenizer, text, self.most_tokens) for row in rows for text in row]
        ids_BT, mask_BT = right_padded(ids, self.head.weight.device)
        with half():
            states_BTD = self.decoder(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
        last_BD = states_BTD[torch.arange(len(ids)), torch.tensor([len(row) - 1 for row in ids])].float()
        return last_BD[1::2] - last_BD[0::2] if self.pairwise else last_BD

    @torch.no_grad()
    def states(self, rows: Sequence[tuple[str, ...]]) -> FloatArray:
        """As `read`, of any number of rows, shape (N, D), float64."""
        self.eval()
        out = np.zeros((len(rows), self.head.in_features))
        for batch in by_length([sum(len(text) for text in row) for row in rows]):
            out[batch] = self.read([rows[i] for i in batch]).double().numpy()
        return out

    @torch.no_grad()
    def probabilities(self, rows: Sequence[tuple[str, ...]]) -> FloatArray:
        """Class probabilities, shape (N, C), float64."""
        self.eval()
        out = np.zeros((len(rows), self.head.out_features))
        for batch in by_length([sum(len(text) for text in row) for row in rows]):
            out[batch] = self([rows[i] for i in batch]).double().softmax(-1).numpy()
        return out


def tune(
    path: Path, kind: Kind, rows: Sequence[tuple[str, ...]], targets_NC: FloatArray, keep_N: FloatArray, method: Method, *, settings: Tuning,
    seed: int, after_epoch: Callable[[Classifier, int], None] | None = None, tick: Tick | None = None,
) -> Classifier:  # fmt: skip
    """A model fine-tuned on the rows by the method.

    Args:
        path: Model directory.
        kind: LoRA or every weight.
        rows: One or two texts a row.
        targets_NC: Weak labels or truth.
        keep_N: 0 leaves a row out; its place is taken by the next kept row.
        method: Its loss is given the share of training done.
        settings: Of training.
        seed: Draws the order of rows and LoRA's first weights.
        after_epoch: Called with the classifier and the epoch's number after every epoch.
        tick: Called with the number of rows after every step.

    Raises:
        InputError: If a label is not finite, all are of one class, or no row is kept.
    """
    kept = np.flatnonzero(keep_N > 0)
    if not len(kept):
        raise InputError(f"{method.name} keeps no row. Use another method.")
    if not np.isfinite(targets_NC).all():
        raise InputError(f"{method.name}: some labels are NaN or infinite.")
    if len(np.unique(targets_NC[kept].argmax(1))) < 2:
        raise InputError("All labels are of one class, so nothing can be learned from them. Use another supervisor.")
    model = Classifier(
        path, kind=kind, num_classes=targets_NC.shape[1], pairwise=len(rows[0]) == 2, settings=settings, seed=seed
    )  # fmt: skip
    inner = [p for p in model.decoder.parameters() if p.requires_grad]
    rate = settings.learning_rate or _RATES[kind]
    optimizer = torch.optim.AdamW(
        [{"params": inner, "lr": rate}, {"params": list(model.head.parameters()), "lr": settings.head_rate}],
        weight_decay=settings.weight_decay,
    )  # fmt: skip
    size = min(settings.batch_size, len(rows))
    steps = len(rows) // size
    total = steps * settings.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    draw = np.random.default_rng([seed, 29])
    for epoch in range(settings.epochs):
        order = np.resize(kept, len(rows))[draw.permutation(len(rows))]
        model.train()
        for step in range(steps):
            picked = order[step * size : (step + 1) * size]
            logits = model([rows[i] for i in picked])
            targets = torch.from_numpy(targets_NC[picked]).float()
            loss = batch_loss(method, logits, targets, progress=(epoch * steps + step) / total)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if tick is not None:
                tick(len(picked))
        if after_epoch is not None:
            after_epoch(model, epoch)
    return model


def tune_on_texts(
    path: Path, texts: Sequence[str], out: Path, *, settings: Tuning, seed: int = 0, tick: Tick | None = None
) -> list[float]:  # fmt: skip
    """Fine-tunes every weight to predict the texts, without any label, saves the model to `out` and gives the loss of every step in nats.

    Generative fine-tuning, Burns et al. 2023, section 5.2.2: what the task is about becomes easier to read before weak labels are seen.
    """
    model, tokenizer = load_causal(path)
    ids = [token_ids(tokenizer, text, settings.most_tokens) for text in texts]
    ids = [row for row in ids if len(row) > 1]
    if not ids:
        raise InputError("There is no text to fine-tune on.")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate or 2e-5, weight_decay=settings.weight_decay
    )
    size = min(settings.batch_size, len(ids))
    steps = len(ids) // size
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps * settings.epochs)
    draw = np.random.default_rng([seed, 59])
    found: list[float] = []
    model.train()
    for _ in range(settings.epochs):
        order = draw.permutation(len(ids))
        for step in range(steps):
            batch = [ids[i] for i in order[step * size : (step + 1) * size]]
            ids_BT, mask_BT = right_padded(batch, model.device)
            with half():
                states_BTD = model.base_model(
                    input_ids=ids_BT, attention_mask=mask_BT, use_cache=False
                ).last_hidden_state
                logits_NV = model.get_output_embeddings()(states_BTD[:, :-1][mask_BT[:, 1:] > 0])
            loss = torch.nn.functional.cross_entropy(logits_NV.float(), ids_BT[:, 1:][mask_BT[:, 1:] > 0])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            found.append(float(loss.detach()))
            if tick is not None:
                tick(len(batch))
    half_written = out.with_name(f".{out.name}-half")
    model.to(torch.bfloat16).save_pretrained(half_written)
    tokenizer.save_pretrained(half_written)
    half_written.rename(out)
    return found


def load_causal(path: Path) -> tuple[Any, Any]:
    """A causal language model in float32 and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    keep_freed_memory()
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, trust_remote_code=False)
    return model, AutoTokenizer.from_pretrained(path, trust_remote_code=False)


def token_ids(tokenizer: Any, text: str, most: int) -> list[int]:
    """A text's last tokens, at least one."""
    return tokenizer(text, add_special_tokens=False)["input_ids"][-most:] or [tokenizer.eos_token_id]


def half() -> contextlib.AbstractContextManager[Any]:
    """Matrix products in bfloat16."""
    return torch.autocast("cpu", dtype=torch.bfloat16)


def _with_lora(decoder: Any, *, rank: int, seed: int) -> Any:
    from peft import LoraConfig, get_peft_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", bias="none")
        return get_peft_model(decoder, config)
