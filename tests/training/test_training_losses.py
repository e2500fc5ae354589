"""The weighted loss by hand and by finite differences."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from precepts.training.losses import weighted_cross_entropy  # noqa: E402


def test_the_loss_is_the_weighted_mean_worked_by_hand() -> None:
    logits_NV = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    loss = weighted_cross_entropy(logits_NV, torch.tensor([0, 1]), torch.tensor([1.0, 3.0]))
    # −ln(1/2) once and −ln(1/4) three times, over a weight of four.
    assert loss.shape == ()
    assert loss.item() == pytest.approx((math.log(2) + 3 * math.log(4)) / 4, rel=1e-6)


def test_the_scale_of_the_weights_does_not_matter_and_weight_zero_is_no_row() -> None:
    torch.manual_seed(0)
    logits_NV, targets_N, weights_N = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0]), torch.rand(5)
    loss = weighted_cross_entropy(logits_NV, targets_N, weights_N)
    assert torch.allclose(weighted_cross_entropy(logits_NV, targets_N, 7 * weights_N), loss)
    weights_N[2] = 0
    kept = [0, 1, 3, 4]
    assert torch.allclose(
        weighted_cross_entropy(logits_NV, targets_N, weights_N),
        weighted_cross_entropy(logits_NV[kept], targets_N[kept], weights_N[kept]),
    )


def test_the_gradient_agrees_with_finite_differences() -> None:
    torch.manual_seed(1)
    logits_NV = torch.randn(4, 5).requires_grad_()
    targets_N, weights_N = torch.tensor([0, 4, 2, 2]), torch.tensor([0.02, 1.0, 0.1, 4.0])
    weighted_cross_entropy(logits_NV, targets_N, weights_N).backward()
    step = 1e-2
    for n in range(4):
        for v in range(5):
            up, down = logits_NV.detach().clone(), logits_NV.detach().clone()
            up[n, v] += step
            down[n, v] -= step
            change = weighted_cross_entropy(up, targets_N, weights_N) - weighted_cross_entropy(
                down, targets_N, weights_N
            )
            assert logits_NV.grad[n, v].item() == pytest.approx(change.item() / (2 * step), abs=2e-4)


def test_low_precision_logits_are_computed_in_float32() -> None:
    logits_NV = (torch.randn(3, 400) * 5).bfloat16()
    targets_N, weights_N = torch.tensor([1, 2, 3]), torch.ones(3)
    loss = weighted_cross_entropy(logits_NV, targets_N, weights_N)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, weighted_cross_entropy(logits_NV.float(), targets_N, weights_N))
