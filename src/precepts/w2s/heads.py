"""Linear heads on frozen features, of all seeds and all methods at once: one batched problem instead of a run a head.

Shapes: S seeds, M arms (methods and the ceiling), N rows, B rows of a batch, D features, C classes, E epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from precepts.errors import InputError
from precepts.stats import FloatArray
from precepts.types import Frozen
from precepts.w2s.methods import Method, batch_loss


class HeadSettings(Frozen):
    """How a head is trained: AdamW with a cosine schedule; the defaults are those of the CPU pilots."""

    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01


class Arm(NamedTuple):
    """What one head of every seed is trained on: targets, shape (S, N, C), and row weights, shape (S, N), 0 leaves a row out."""

    method: Method
    targets_SNC: FloatArray
    keep_SN: FloatArray


class Heads(NamedTuple):
    """Trained weights after every epoch, shape (E, S, M, D, C), biases (E, S, M, 1, C), and the standardisation of each seed."""

    weights: Tensor
    biases: Tensor
    mean_SD: Tensor
    scale_SD: Tensor

    def probabilities(self, features_ND: FloatArray, *, epoch: int = -1) -> FloatArray:
        """Class probabilities of the same rows by every head, shape (S, M, N, C), float64."""
        rows_ND = torch.from_numpy(features_ND).float()
        out: list[Tensor] = []
        for seed in range(self.weights.shape[1]):
            x_ND = (rows_ND - self.mean_SD[seed]) / self.scale_SD[seed]
            logits = torch.einsum("nd,mdc->mnc", x_ND, self.weights[epoch, seed]) + self.biases[epoch, seed]
            out.append(logits.double().softmax(-1))
        return torch.stack(out).numpy()


def train_heads(
    features_SND: Sequence[FloatArray], arms: Sequence[Arm], *, seeds: Sequence[int], settings: HeadSettings,
    antisymmetric: bool = False,
) -> Heads:  # fmt: skip
    """Trains a head for every seed and arm, in the same order of rows for all arms of a seed.

    A row that an arm leaves out is replaced by the arm's next kept row, so every arm takes as many steps over as many rows.

    Args:
        features_SND: The rows of each seed, S arrays of shape (N, D); N is the same for all.
        arms: M of them.
        seeds: S of them; they draw the order of rows.
        settings: Of the optimiser.
        antisymmetric: For differences of two texts: no bias and no centring, so that swapping the texts swaps the classes.

    Raises:
        InputError: If a feature is NaN or infinite, or an arm keeps no row or has targets of one class only.
    """
    x_SND = torch.from_numpy(np.stack(features_SND)).float()
    if not torch.isfinite(x_SND).all():
        raise InputError("Some features are NaN or infinite. Compute them again, or use another layer or model.")
    num_seeds, num_rows, num_features = x_SND.shape
    num_classes = arms[0].targets_SNC.shape[-1]
    for arm in arms:
        _check(arm)
    mean_SD = torch.zeros(num_seeds, num_features) if antisymmetric else x_SND.mean(1)
    scale_SD = (x_SND - mean_SD[:, None]).square().mean(1).sqrt().clamp_min(1e-6)
    x_SND = (x_SND - mean_SD[:, None]) / scale_SD[:, None]
    targets = torch.from_numpy(np.stack([arm.targets_SNC for arm in arms], 1)).float()
    kept = [[np.flatnonzero(arm.keep_SN[s] > 0) for arm in arms] for s in range(num_seeds)]
    weights = torch.zeros(num_seeds, len(arms), num_features, num_classes, requires_grad=True)
    biases = torch.zeros(num_seeds, len(arms), 1, num_classes, requires_grad=not antisymmetric)
    trained = [weights] if antisymmetric else [weights, biases]
    batch_size = min(settings.batch_size, num_rows)
    steps_an_epoch = num_rows // batch_size
    total = settings.epochs * steps_an_epoch
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    draws = [np.random.default_rng([seed, 29]) for seed in seeds]
    seed_S11 = torch.arange(num_seeds)[:, None, None]
    arm_1M1 = torch.arange(len(arms))[None, :, None]
    history: list[tuple[Tensor, Tensor]] = []
    for epoch in range(settings.epochs):
        order_SMN = torch.from_numpy(
            np.stack([
                np.stack([np.resize(rows, num_rows)[shuffled] for rows in kept[s]])
                for s, shuffled in enumerate(draw.permutation(num_rows) for draw in draws)
            ])
        )  # fmt: skip
        for step in range(steps_an_epoch):
            index_SMB = order_SMN[:, :, step * batch_size : (step + 1) * batch_size]
            x_SMBD = x_SND[seed_S11, index_SMB]
            target_SMBC = targets[seed_S11, arm_1M1, index_SMB]
            logits = torch.einsum("smbd,smdc->smbc", x_SMBD, weights) + biases
            progress = (epoch * steps_an_epoch + step) / total
            loss = torch.zeros(())
            for m, arm in enumerate(arms):
                loss = loss + batch_loss(arm.method, logits[:, m], target_SMBC[:, m], progress=progress).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        history.append((weights.detach().clone(), biases.detach().clone()))
    return Heads(torch.stack([w for w, _ in history]), torch.stack([b for _, b in history]), mean_SD, scale_SD)


def _check(arm: Arm) -> None:
    if not np.isfinite(arm.targets_SNC).all():
        raise InputError(f"{arm.method.name}: some labels are NaN or infinite.")
    for s, keep in enumerate(arm.keep_SN):
        if not keep.any():
            raise InputError(f"{arm.method.name} keeps no row of seed number {s + 1}. Use another method.")
        if len(np.unique(arm.targets_SNC[s].argmax(1))) < 2:
            raise InputError(
                f"All labels of seed number {s + 1} are of one class, so nothing can be learned from them. "
                f"Use another supervisor, or more rows for it."
            )
