"""Simulated supervisors: equal accuracy, unequal effect."""

from __future__ import annotations

import numpy as np
import pytest

from precepts.errors import InputError
from precepts.w2s.simulate import simulated_labels, simulated_ref

KINDS = ("independent", "imitable", "long")


def planted(seed, rows=1200, width=10):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, width)).astype(np.float32)
    return x, (x[:, :2].sum(1) > 0).astype(int), rng.integers(5, 60, rows).astype(float)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_classes", [2, 4])
def test_every_kind_has_the_accuracy_asked_for_in_every_class(kind, num_classes):
    x, _, lengths = planted(0)
    labels = np.arange(len(x)) % num_classes
    weak = simulated_labels(
        labels, accuracy=0.7, kind=kind, num_classes=num_classes, seed=1, features_ND=x, lengths_N=lengths
    )
    np.testing.assert_allclose(weak.sum(1), 1)
    for label in range(num_classes):
        rows = labels == label
        assert (weak[rows].argmax(1) == label).mean() == pytest.approx(0.7, abs=0.005)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_student_averages_independent_errors_out_and_follows_imitable_ones(seed):
    pytest.importorskip("torch")
    from precepts.w2s.heads import Arm, HeadSettings, train_heads
    from precepts.w2s.methods import METHODS

    x, labels, lengths = planted(seed)
    accuracy = {}
    for kind in KINDS:
        weak = simulated_labels(
            labels, accuracy=0.7, kind=kind, num_classes=2, seed=seed, features_ND=x, lengths_N=lengths
        )
        arm = Arm(METHODS["naive"], weak[None], np.ones((1, len(x))))
        heads = train_heads([x], [arm], seeds=[seed], settings=HeadSettings(epochs=8, learning_rate=0.02))
        fresh, truth, _ = planted(seed + 50)
        accuracy[kind] = (heads.probabilities(fresh)[0, 0].argmax(1) == truth).mean()
    assert accuracy["independent"] > 0.9
    assert accuracy["imitable"] < accuracy["independent"] - 0.1


def test_what_a_kind_reads_must_be_given():
    labels = np.array([0, 1, 0, 1])
    with pytest.raises(InputError, match="features"):
        simulated_labels(labels, accuracy=0.5, kind="imitable", num_classes=2, seed=0)
    with pytest.raises(InputError, match="lengths"):
        simulated_labels(labels, accuracy=0.5, kind="long", num_classes=2, seed=0)
    with pytest.raises(InputError, match="0 to 1"):
        simulated_labels(labels, accuracy=1.5, kind="independent", num_classes=2, seed=0)


@pytest.mark.parametrize("ref", ["simulated:imitable", "simulated:odd@0.7", "simulated:long@1.2", "simulated:long@x"])
def test_a_reference_that_names_no_simulated_supervisor_is_refused(ref):
    with pytest.raises(InputError, match="no simulated supervisor"):
        simulated_ref(ref)


def test_a_simulated_supervisor_by_reference():
    assert simulated_ref("simulated:long@0.7") == ("long", 0.7)
    assert simulated_ref("tfidf") is None


@pytest.mark.parametrize("kind", ["independent", "imitable", "long"])
def test_a_run_with_a_simulated_supervisor_has_its_accuracy(csv_task, tiny_path, tmp_path, monkeypatch, kind):
    pytest.importorskip("torch")
    from precepts.pipelines.w2s import W2SConfig, run_w2s
    from precepts.runs import Run

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    config = W2SConfig(
        tasks=(str(csv_task),), weak=f"simulated:{kind}@0.75", strong=f"{tiny_path}@2", seeds=2, rows=None
    )
    evidence = run_w2s(Run(tmp_path / "run"), config)
    (row,) = (e for e in evidence if e.claim == "w2s/accuracy" and e.slice["arm"] == "supervisor")
    assert row.value == pytest.approx(0.75, abs=0.15)
