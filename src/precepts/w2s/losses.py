"""The losses by which a student is trained on weak labels: functions of logits, weak labels and how far training has come.

Shapes: `...` any leading dimensions (seeds), B rows of a batch, C classes. Every function returns the mean loss of each batch in nats,
shape (...), computed in float32. `progress` is the share of training steps already taken, in [0, 1). `prior_C` is the class prior, by
default uniform, which is right for balanced tasks. Where a target is the student's own guess, no gradient flows through the target.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SINKHORN_STEPS = 100
_TINY = 1e-30


def cross_entropy(logits_BC: Tensor, targets_BC: Tensor, *, keep_B: Tensor | None = None) -> Tensor:
    """Mean cross-entropy to soft targets; `keep_B` weighs rows, and a batch without a kept row has loss 0."""
    rows_B = -(targets_BC.float() * logits_BC.float().log_softmax(-1)).sum(-1)
    if keep_B is None:
        return rows_B.mean(-1)
    return (rows_B * keep_B).sum(-1) / keep_B.sum(-1).clamp_min(1.0)


def naive(logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 0.0) -> Tensor:
    """Cross-entropy to the weak labels as they are. Burns et al. 2023, section 3."""
    _check(logits_BC, weak_BC, progress)
    return cross_entropy(logits_BC, weak_BC)


def hard(logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 0.0) -> Tensor:
    """Cross-entropy to the supervisor's likeliest class."""
    _check(logits_BC, weak_BC, progress)
    return cross_entropy(logits_BC, one_hot_like(weak_BC))


def confidence(
    logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 1.0, weight: float = 0.5, warmup: float = 0.2,
    prior_C: Tensor | None = None, matched: bool = True,
) -> Tensor:  # fmt: skip
    """The auxiliary confidence loss: (1 − α)·CE(f, weak) + α·CE(f, hardened f).

    The hardened guesses of a batch match the class prior: for two classes the adaptive threshold of the paper. α rises linearly from 0
    to `weight` over the first `warmup` of training and stays there, so it never jumps.

    Burns et al. 2023, arXiv 2312.09390, section 4.3.2 and appendix A.4; α and the warm-up as recalled.

    Args:
        logits_BC: The student's.
        weak_BC: The supervisor's probabilities; rows sum to 1.
        progress: Share of training done.
        weight: α at the end of the warm-up, in [0, 1]; 0 is `naive`.
        warmup: Share of training over which α rises; 0 for none.
        prior_C: Class prior that the hardened guesses match.
        matched: False for classes without a prior (moves of chess): the hardened guess is then the likeliest class.

    Raises:
        ValueError: If `weight` or `progress` is outside [0, 1], or shapes differ.
    """
    _check(logits_BC, weak_BC, progress, weight)
    alpha = weight * min(1.0, progress / warmup) if warmup > 0 else weight
    guess_BC = hardened(logits_BC, prior_C) if matched else one_hot_like(logits_BC.detach())
    return cross_entropy(logits_BC, (1 - alpha) * weak_BC.float() + alpha * guess_BC)


def confidence_reference(
    logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 1.0, weight: float = 0.5, warmup: float = 0.1
) -> Tensor:
    """The confidence loss as released with the paper, its warm-up fault kept: for comparison only.

    While warming up, the coefficient is the share of training done (0 to 0.1) instead of that share over the warm-up's; at the end it
    jumps to 1. The threshold is the batch quantile at the mean weak label, and there are two classes. openai/weak-to-strong, pull
    request 33.
    """
    _check(logits_BC, weak_BC, progress, weight)
    if logits_BC.shape[-1] != 2:
        raise ValueError("the released confidence loss knows two classes; use `confidence`")
    alpha = weight * (1.0 if progress > warmup else progress)
    probs_BC = logits_BC.detach().float().softmax(-1)
    share = weak_BC.float().mean(-2)[..., 1]
    thresholds = torch.stack([
        torch.quantile(row, float(1 - s)) for row, s in zip(probs_BC[..., 1].reshape(-1, probs_BC.shape[-2]), share.reshape(-1), strict=True)
    ]).reshape(share.shape)  # fmt: skip
    second_B = (probs_BC[..., 1] >= thresholds[..., None]).float()
    guess_BC = torch.stack([1 - second_B, second_B], -1)
    return cross_entropy(logits_BC, (1 - alpha) * weak_BC.float() + alpha * guess_BC)


def product(
    logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 0.0, own: float = 1.0, given: float = 1.0,
    prior_C: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Cross-entropy to the normalised product f^own · weak^given, the student's part brought to the class prior first.

    Burns et al. 2023, appendix on other regularisers, as recalled; `own` = `given` = 1 as in the released code.
    """
    _check(logits_BC, weak_BC, progress)
    probs_BC = _to_prior(logits_BC.detach().float().softmax(-1), prior_C)
    target_BC = (own * probs_BC.clamp_min(_TINY).log() + given * weak_BC.float().clamp_min(_TINY).log()).softmax(-1)
    return cross_entropy(logits_BC, target_BC)


def entropy(
    logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 1.0, weight: float = 0.5, warmup: float = 0.2
) -> Tensor:
    """(1 − α)·CE(f, weak) + α·H(f): the student's own entropy is minimised, gradients included."""
    _check(logits_BC, weak_BC, progress, weight)
    alpha = weight * min(1.0, progress / warmup) if warmup > 0 else weight
    logs_BC = logits_BC.float().log_softmax(-1)
    own = -(logs_BC.exp() * logs_BC).sum(-1).mean(-1)
    return (1 - alpha) * cross_entropy(logits_BC, weak_BC) + alpha * own


def confidence_window(logits_BC: Tensor, weak_BC: Tensor, *, progress: float = 0.0) -> Tensor:
    """Cross-entropy to the weak labels over rows of which the student is no surer than the median weak label of the batch.

    EleutherAI's "Experiments in Weak-to-Strong Generalization" (2024), as recalled.
    """
    _check(logits_BC, weak_BC, progress)
    sure_B = logits_BC.detach().float().softmax(-1).amax(-1)
    median = torch.quantile(weak_BC.float().amax(-1), 0.5, dim=-1, keepdim=True)
    return cross_entropy(logits_BC, weak_BC, keep_B=(sure_B <= median).float())


def hardened(logits_BC: Tensor, prior_C: Tensor | None = None) -> Tensor:
    """One-hot guesses, shape (..., B, C), of which each class has its prior share of the batch as nearly as rows can be shared.

    Two classes: the prior's share of rows with the highest probability of class 1, the median split for a uniform prior. More: the
    likeliest class after Sinkhorn scaling of the probabilities to the prior, whose shares follow the prior but need not equal it.
    """
    probs_BC = logits_BC.detach().float().softmax(-1)
    num_rows, num_classes = probs_BC.shape[-2:]
    if num_classes > 2:
        return one_hot_like(_to_prior(probs_BC, prior_C))
    share = 0.5 if prior_C is None else float(prior_C[1])
    margin_B = (logits_BC.detach()[..., 1] - logits_BC.detach()[..., 0]).float()
    ranks_B = margin_B.argsort(-1, descending=True).argsort(-1)
    second_B = (ranks_B < round(share * num_rows)).float()
    return torch.stack([1 - second_B, second_B], -1)


def one_hot_like(probs_BC: Tensor) -> Tensor:
    """The likeliest class of each row as one-hot float32; the first of equals."""
    return torch.nn.functional.one_hot(probs_BC.argmax(-1), probs_BC.shape[-1]).float()


def _to_prior(probs_BC: Tensor, prior_C: Tensor | None) -> Tensor:
    """Probabilities with class factors such that a batch's mean probabilities are the prior; rows sum to 1 again."""
    num_classes = probs_BC.shape[-1]
    prior = torch.full((num_classes,), 1 / num_classes) if prior_C is None else prior_C.float()
    prior = prior.to(probs_BC.device)
    scaled = probs_BC.clamp_min(_TINY)
    for _ in range(_SINKHORN_STEPS if num_classes > 2 else _SINKHORN_STEPS // 5):
        scaled = scaled * (prior / scaled.mean(-2, keepdim=True))
        scaled = scaled / scaled.sum(-1, keepdim=True)
    return scaled


def _check(logits_BC: Tensor, weak_BC: Tensor, progress: float, weight: float = 0.0) -> None:
    if logits_BC.shape != weak_BC.shape or logits_BC.dim() < 2:
        raise ValueError(
            f"logits and weak labels need one shape (..., B, C); got {tuple(logits_BC.shape)}, {tuple(weak_BC.shape)}"
        )
    if not (0 <= weight <= 1 and 0 <= progress <= 1):
        raise ValueError(f"weight and progress are in [0, 1]; got {weight} and {progress}")
