"""The guard on planted cases: what it keeps, what it drops, and agreement beyond chance against scikit-learn's kappa."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from precepts.w2s.guard import rank_correlation, verdict


def answers(rate, weak, seed):
    """A student that agrees with the weak labels at a rate."""
    agrees = np.random.default_rng(seed).random(len(weak)) < rate
    return np.eye(2)[np.where(agrees, weak, 1 - weak)]


def excess(student, weak):
    """The numerator of Cohen's kappa, from scikit-learn's kappa and the shares of classes."""
    a, b = student.argmax(1), weak.argmax(1)
    chance = sum(np.mean(a == c) * np.mean(b == c) for c in range(weak.shape[1]))
    return cohen_kappa_score(a, b) * (1 - chance)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_guard_keeps_a_method_that_agrees_and_drops_one_that_drifts_to_chance(seed):
    weak = np.random.default_rng(seed).integers(0, 2, 2000)
    labels = np.eye(2)[weak]
    assert verdict(answers(0.70, weak, seed + 10), answers(0.73, weak, seed + 20), labels).use_method
    assert not verdict(answers(0.66, weak, seed + 10), answers(0.53, weak, seed + 20), labels).use_method
    assert not verdict(answers(0.48, weak, seed + 10), answers(0.70, weak, seed + 20), labels).use_method


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_to_give_the_commonest_class_is_no_agreement(seed):
    weak = (np.random.default_rng(seed).random(600) < 0.19).astype(int)
    labels, constant, good = np.eye(2)[weak], np.eye(2)[np.zeros(600, int)], answers(0.9, weak, seed + 10)
    learned_nothing = verdict(constant, good, labels)
    assert learned_nothing.naive_agreement > 0.7
    assert not learned_nothing.use_method
    collapsed = verdict(good, constant, labels)
    assert collapsed.score == pytest.approx(-1)
    assert not collapsed.use_method
    assert verdict(constant, constant, labels).z == 0


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_share_given_up_is_of_agreement_beyond_chance(num_classes):
    rng = np.random.default_rng(5)
    draw = np.eye(num_classes)[rng.choice(num_classes, size=(3, 900), p=rng.dirichlet(np.full(num_classes, 3.0)))]
    weak = draw[0]
    naive, method = (
        np.where(rng.random((900, 1)) < rate, weak, other) for rate, other in ((0.7, draw[1]), (0.5, draw[2]))
    )
    said = verdict(naive, method, weak)
    before, after = excess(naive, weak), excess(method, weak)
    assert said.score == pytest.approx((after - before) / before)
    assert said.naive_agreement == np.mean(naive.argmax(1) == weak.argmax(1))


def test_a_small_loss_of_agreement_counts_once_there_are_rows_enough_to_see_it():
    weak = np.random.default_rng(0).integers(0, 2, 4000)
    labels = np.eye(2)[weak]
    naive = answers(0.66, weak, 1)
    method = naive.copy()
    dropped = np.flatnonzero(naive.argmax(1) == weak)[:120]
    method[dropped] = 1 - method[dropped]
    said = verdict(naive, method, labels)
    assert said.score > -0.25
    assert said.z < -1.645
    assert not said.use_method


def test_rows_that_seeds_share_count_once():
    weak = np.random.default_rng(3).integers(0, 2, 500)
    labels, naive, method = np.eye(2)[weak], answers(0.66, weak, 4), answers(0.64, weak, 5)
    once = verdict(naive, method, labels)
    nine = verdict(*(np.tile(a, (9, 1)) for a in (naive, method, labels)), rows_N=list(range(500)) * 9)
    assert nine.z == pytest.approx(once.z)
    rng = np.random.default_rng(6)
    drawn = [rng.integers(0, 500, 500) for _ in range(2000)]
    error = np.std([excess(method[i], labels[i]) - excess(naive[i], labels[i]) for i in drawn])
    assert once.z == pytest.approx((excess(method, labels) - excess(naive, labels)) / error, rel=0.1), (
        "as a bootstrap has it"
    )


def test_rank_correlation_by_hand():
    assert rank_correlation([1.0, 2.0, 3.0], [0.1, 0.3, 0.2]) == pytest.approx(0.5)


def test_ranks_that_cannot_be_compared_have_no_correlation():
    assert rank_correlation([0.1, 0.2], [0.1, 0.2]) is None
    assert rank_correlation([0.1, 0.1, 0.1], [0.1, 0.2, 0.3]) is None
    assert rank_correlation([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]) == pytest.approx(-1)
