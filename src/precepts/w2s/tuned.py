"""Models that are fine-tuned, by LoRA or in every weight, as supervisors and as students.

A fine-tuned classifier is a causal language model whose last token's final state, standardised, goes through a linear head; of a pair the head
reads the difference of both texts' states, without a bias. The head is trained alone first, on the states as they are, and then all together
(linear probing, then fine-tuning: Kumar et al. 2022, arXiv 2202.10054), so that a student begins where one on frozen features ends.

Weights that are trained are kept in float32, computed in bfloat16 autocast; linear maps that LoRA freezes, and the layers below a cut, are
kept in bfloat16.

Shapes: N rows, B rows of a batch, T tokens, D hidden size, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from precepts.errors import InputError
from precepts.models.batching import by_length, right_padded, tight
from precepts.stats import FloatArray
from precepts.types import Frozen
from precepts.w2s.decoders import Below, above, device, half, load_causal, token_ids, with_lora
from precepts.w2s.heads import Arm, HeadSettings, train_heads
from precepts.w2s.methods import Method, batch_loss
from precepts.w2s.references import TunedKind, most_positions

_RATES: dict[TunedKind, float] = {"lora": 2e-4, "full": 1e-5}

Tick = Callable[[int], Any]


class Tuning(Frozen):
    """How a model is fine-tuned; two epochs of batches of 32 as Burns et al. 2023 (NLP tasks), as recalled.

    `learning_rate` is of the model, by default 2e-4 for LoRA and 1e-5 for every weight; the head has its own. It is first trained alone for
    `head_epochs`, as heads on frozen features are. Longer texts are cut to their last `most_tokens`, or to what the model can read.
    """

    epochs: int = 2
    batch_size: int = 32
    learning_rate: float | None = None
    head_rate: float = 1e-3
    head_epochs: Annotated[int, Field(ge=1)] = 8
    weight_decay: float = 0.01
    rank: int = 16
    most_tokens: int = 512


class Classifier(torch.nn.Module):
    """A decoder and a linear head; `forward` reads rows of one or two texts and gives logits, shape (B, C)."""

    def __init__(
        self, path: Path, *, kind: TunedKind, num_classes: int, pairwise: bool, settings: Tuning, seed: int,
        below: Below | None = None,
    ) -> None:  # fmt: skip
        """Loads a model directory; the seed draws LoRA's first weights. With `below` only the layers above it are here and are tuned."""
        super().__init__()
        decoder, self.tokenizer = load_causal(path)
        decoder = decoder.base_model
        if below is not None:
            decoder = above(decoder, below)
        if kind == "lora":
            decoder = with_lora(decoder, rank=settings.rank, seed=seed)
        self.below = below
        self.decoder: Any = decoder
        self.head = torch.nn.Linear(decoder.config.hidden_size, num_classes, bias=not pairwise)
        torch.nn.init.zeros_(self.head.weight)
        if not pairwise:
            torch.nn.init.zeros_(self.head.bias)
        self.mean_D = torch.nn.Buffer(torch.zeros(self.head.in_features))
        self.scale_D = torch.nn.Buffer(torch.ones(self.head.in_features))
        self.pairwise, self.most_tokens = (
            pairwise,
            min(settings.most_tokens, most_positions(path) or settings.most_tokens),
        )
        self.to(device())

    def forward(self, rows: Sequence[tuple[str, ...]]) -> Tensor:
        """The rows' logits, float32."""
        return self.head((self.read(rows) - self.mean_D) / self.scale_D)

    def begin(self, rows: Sequence[tuple[str, ...]], arm: Arm, *, epochs: int, seed: int) -> None:
        """Trains the head alone, on the rows' states as they are; the standardisation found there stays.

        Args:
            rows: One or two texts a row.
            arm: Of one seed: the method, targets, shape (1, N, C), and row weights, shape (1, N).
            epochs: Over the rows.
            seed: Draws their order.
        """
        found = train_heads(
            [self.states(rows)], [arm], seeds=[seed], settings=HeadSettings(epochs=epochs), antisymmetric=self.pairwise
        )  # fmt: skip
        with torch.no_grad():
            self.mean_D.copy_(found.mean_SD[0])
            self.scale_D.copy_(found.scale_SD[0])
            self.head.weight.copy_(found.weights[-1, 0, 0].T)
            if not self.pairwise:
                self.head.bias.copy_(found.biases[-1, 0, 0, 0])

    def read(self, rows: Sequence[tuple[str, ...]]) -> Tensor:
        """What the head reads of each row, shape (B, D), float32: the last token's state, of a pair the second's less the first's."""
        ids = self._ids(rows)
        found: list[Tensor] = [self.head.weight] * len(ids)
        for part in tight([len(row) for row in ids], self.head.weight.device):
            with half(self.head.weight.device):
                states_BTD = self.decoder(**self._given([ids[i] for i in part]), use_cache=False).last_hidden_state
            for row_TD, i in zip(states_BTD, part, strict=True):
                found[i] = row_TD[len(ids[i]) - 1].float()
        last_BD = torch.stack(found)
        return last_BD[1::2] - last_BD[0::2] if self.pairwise else last_BD

    def meet(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Runs what stays as it is over all rows at once, where anything does: batches of similar length pad least."""
        if self.below is not None:
            self.below.states(self._ids(rows))

    def _ids(self, rows: Sequence[tuple[str, ...]]) -> list[list[int]]:
        return [token_ids(self.tokenizer, text, self.most_tokens) for row in rows for text in row]

    def _given(self, ids: list[list[int]]) -> dict[str, Tensor]:
        # A causal model never looks at what stands behind a token, so padding on the right needs no mask.
        if self.below is None:
            return {"input_ids": right_padded(ids, self.head.weight.device)[0]}
        return {"inputs_embeds": pad_sequence(self.below.states(ids), batch_first=True)}

    @torch.no_grad()
    def states(self, rows: Sequence[tuple[str, ...]]) -> FloatArray:
        """As `read`, of any number of rows, shape (N, D), float64."""
        self.eval()
        self.meet(rows)
        out = np.zeros((len(rows), self.head.in_features))
        for batch in by_length([sum(len(text) for text in row) for row in rows]):
            out[batch] = self.read([rows[i] for i in batch]).double().cpu().numpy()
        return out

    @torch.no_grad()
    def probabilities(self, rows: Sequence[tuple[str, ...]]) -> FloatArray:
        """Class probabilities, shape (N, C), float64."""
        self.eval()
        self.meet(rows)
        out = np.zeros((len(rows), self.head.out_features))
        for batch in by_length([sum(len(text) for text in row) for row in rows]):
            out[batch] = self([rows[i] for i in batch]).double().softmax(-1).cpu().numpy()
        return out


def tune(
    path: Path, kind: TunedKind, rows: Sequence[tuple[str, ...]], targets_NC: FloatArray, keep_N: FloatArray, method: Method, *, settings: Tuning,
    seed: int, below: Below | None = None, after_epoch: Callable[[Classifier, int], None] | None = None, tick: Tick | None = None,
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
        below: The layers that stay as they are, if not all are tuned.
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
        path, kind=kind, num_classes=targets_NC.shape[1], pairwise=len(rows[0]) == 2, settings=settings, seed=seed,
        below=below,
    )  # fmt: skip
    model.begin(rows, Arm(method, targets_NC[None], keep_N[None]), epochs=settings.head_epochs, seed=seed)
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
            targets = torch.from_numpy(targets_NC[picked]).float().to(logits.device)
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
