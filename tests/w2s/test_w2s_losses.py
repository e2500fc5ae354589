"""Losses by hand, by finite differences, and what their targets promise."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from precepts.w2s import losses  # noqa: E402
from precepts.w2s.methods import METHODS, confident_half, methods_named  # noqa: E402

SMOOTH = {
    "naive": losses.naive,
    "hard": losses.hard,
    "entropy": partial(losses.entropy, weight=0.6),
}
DETACHED = {
    "confidence": partial(losses.confidence, weight=0.6),
    "reference": partial(losses.confidence_reference, weight=0.6),
    "product": losses.product,
    "window": losses.confidence_window,
}


def batch(seed, rows=6, classes=2):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=draw, dtype=torch.float64)
    return logits, torch.randn(rows, classes, generator=draw, dtype=torch.float64).softmax(-1)


def numeric_gradient(function, at, step=1e-2):
    out = torch.zeros_like(at)
    for i in range(at.numel()):
        shift = torch.zeros(at.numel(), dtype=at.dtype)
        shift[i] = step
        shift = shift.reshape(at.shape)
        out.view(-1)[i] = (function(at + shift) - function(at - shift)) / (2 * step)
    return out


def analytic_gradient(function, at):
    at = at.clone().requires_grad_(True)
    function(at).backward()
    return at.grad


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_is_that_of_finite_differences(name, seed):
    logits, weak = batch(seed)
    loss = partial(SMOOTH[name], weak_BC=weak, progress=0.9)
    torch.testing.assert_close(analytic_gradient(loss, logits), numeric_gradient(loss, logits), atol=2e-4, rtol=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", DETACHED)
def test_no_gradient_flows_through_the_students_own_guess(name, classes, seed):
    """The gradient of cross-entropy to a fixed target is (f − target) / B; the target is read off where f is held."""
    if name == "reference" and classes == 3:
        pytest.skip("two classes only")
    logits, weak = batch(seed, classes=classes)
    gradient = analytic_gradient(partial(DETACHED[name], weak_BC=weak, progress=0.9), logits)
    implied_sums = gradient.sum(-1)
    torch.testing.assert_close(implied_sums, torch.zeros_like(implied_sums), atol=1e-6, rtol=0)
    if name == "confidence":
        target = 0.4 * weak.float() + 0.6 * losses.hardened(logits)
        fixed = partial(losses.cross_entropy, targets_BC=target)
        torch.testing.assert_close(gradient, numeric_gradient(fixed, logits), atol=2e-4, rtol=0)


def test_confidence_by_hand():
    logits = torch.tensor([[0.0, 2.0], [0.0, 1.0]])  # both lean to class 1; the prior lets only the surer one be
    weak = torch.tensor([[0.7, 0.3], [0.2, 0.8]])
    p = [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-1))]
    target1 = [0.5 * 0.3 + 0.5, 0.5 * 0.8]  # share of class 1 at weight 0.5
    by_hand = sum(-(t * math.log(q) + (1 - t) * math.log(1 - q)) for t, q in zip(target1, p, strict=True)) / 2
    assert float(losses.confidence(logits, weak, weight=0.5)) == pytest.approx(by_hand, abs=1e-6)


def test_confidence_without_weight_or_at_the_start_is_naive():
    logits, weak = batch(3)
    naive = losses.naive(logits, weak)
    assert float(losses.confidence(logits, weak, weight=0.0)) == pytest.approx(float(naive))
    assert float(losses.confidence(logits, weak, weight=0.7, progress=0.0)) == pytest.approx(float(naive))


def own_share(loss, progress):
    """How much of the target is the student's guess: read from the loss, which is linear in it."""
    logits, weak = torch.tensor([[0.0, 3.0], [0.0, -1.0]]), torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    start, full = float(losses.naive(logits, weak)), float(losses.cross_entropy(logits, losses.hardened(logits)))
    return (float(loss(logits, weak, progress=progress)) - start) / (full - start)


def test_warmup_rises_linearly_and_does_not_jump():
    loss = partial(losses.confidence, weight=0.5, warmup=0.2)
    assert own_share(loss, 0.05) == pytest.approx(0.125, abs=1e-5)
    assert own_share(loss, 0.1) == pytest.approx(0.25, abs=1e-5)
    steps = [own_share(loss, p / 1000) for p in range(0, 1000, 5)]
    assert max(b - a for a, b in itertools.pairwise(steps)) < 0.013
    assert steps[-1] == pytest.approx(0.5, abs=1e-5)


def test_the_released_warmup_jumps_tenfold():
    loss = partial(losses.confidence_reference, weight=0.5, warmup=0.1)
    assert own_share(loss, 0.0999) == pytest.approx(0.05, abs=1e-3)
    assert own_share(loss, 0.1001) == pytest.approx(0.5, abs=1e-3)


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(2, 40))
def test_hardened_guesses_match_the_prior(seed, tenths, rows):
    logits, _ = batch(seed, rows=rows)
    prior = torch.tensor([1 - tenths / 10, tenths / 10])
    guess = losses.hardened(logits, prior)
    assert float(guess[:, 1].sum()) == round(float(prior[1]) * rows)
    chosen = (logits[:, 1] - logits[:, 0])[guess[:, 1] > 0]
    others = (logits[:, 1] - logits[:, 0])[guess[:, 1] == 0]
    assert not len(chosen) or not len(others) or chosen.min() >= others.max()


def test_hardened_guesses_of_many_classes_come_near_the_prior_where_the_likeliest_class_would_be_one():
    draw = torch.Generator().manual_seed(5)
    logits = torch.randn(3000, 4, generator=draw) + torch.tensor([3.0, 0.0, 0.0, 0.0])
    assert losses.one_hot_like(logits.softmax(-1)).mean(0)[0] > 0.9
    shares = losses.hardened(logits).mean(0)
    assert (shares - 0.25).abs().max() < 0.06


@pytest.mark.parametrize("loss", [losses.product, losses.confidence])
@pytest.mark.parametrize("prior", [None, torch.tensor([0.5, 0.25, 0.25])])
def test_a_prior_follows_the_logits_to_their_device(loss, prior):
    logits, weak = torch.zeros(4, 3, device="meta"), torch.zeros(4, 3, device="meta")
    assert loss(logits, weak, prior_C=prior).device.type == "meta"


def test_product_by_hand():
    logits, weak = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.4, 0.6], [0.5, 0.5]])
    p = 1 / (1 + math.exp(-1))  # the batch is symmetric: its mean is the prior already
    first = 0.6 * p / (0.6 * p + 0.4 * (1 - p))
    by_hand = -(first * math.log(p) + (1 - first) * math.log(1 - p)) / 2
    by_hand += -(p * math.log(p) + (1 - p) * math.log(1 - p)) / 2
    assert float(losses.product(logits, weak)) == pytest.approx(by_hand, abs=1e-5)


def test_window_leaves_out_rows_of_which_the_student_is_sure():
    logits = torch.tensor([[0.0, 9.0], [0.0, 0.1]])
    weak = torch.tensor([[0.3, 0.7], [0.3, 0.7]])
    assert float(losses.confidence_window(logits, weak)) == pytest.approx(float(losses.naive(logits[1:], weak[1:])))
    assert float(losses.confidence_window(logits[:1], weak[:1])) == 0.0


@pytest.mark.parametrize("name", METHODS)
def test_seeds_of_one_call_do_not_touch_each_other(name):
    pairs = [batch(seed) for seed in (7, 8, 9)]
    together = METHODS[name].loss(torch.stack([x for x, _ in pairs]), torch.stack([w for _, w in pairs]), progress=0.6)
    alone = torch.stack([METHODS[name].loss(x, w, progress=0.6) for x, w in pairs])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize(("weight", "progress"), [(-0.1, 0.5), (1.1, 0.5), (0.5, -0.1), (0.5, 1.1)])
def test_weights_and_progress_outside_their_range_are_refused(weight, progress):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        losses.confidence(*batch(0), weight=weight, progress=progress)


def test_other_shapes_and_more_classes_than_the_released_loss_knows_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        losses.naive(torch.zeros(2, 2), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="two classes"):
        losses.confidence_reference(*batch(0, classes=3))
    with pytest.raises(ValueError, match="two classes"):
        methods_named(["logconf-reference"], num_classes=3)
    with pytest.raises(ValueError, match="did you mean `logconf`"):
        methods_named(["logcnf"], num_classes=2)


def test_confident_half_keeps_the_surer_half_of_each_class():
    weak = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55], [0.3, 0.7]])
    assert confident_half(weak).tolist() == [1, 0, 1, 0, 1]
