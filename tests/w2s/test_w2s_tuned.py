"""Fine-tuned supervisors and students on a tiny random model: what is trained, what is refused, and the whole command."""

from __future__ import annotations

import numpy as np
import pytest

from precepts.errors import InputError

pytest.importorskip("torch")
pytest.importorskip("peft")

import torch
from w2s_words import sentences

from precepts.w2s.decoders import Below, above, check_cut, load_causal
from precepts.w2s.heads import Arm, HeadSettings, train_heads
from precepts.w2s.methods import METHODS
from precepts.w2s.reading import tune_on_texts
from precepts.w2s.references import tuned_ref
from precepts.w2s.tuned import Classifier, Tuning, tune

NAIVE = METHODS["naive"]
FAST = Tuning(epochs=4, batch_size=16, learning_rate=3e-3, head_rate=1e-2, rank=4)


def rows_of(num_rows):
    found = sentences(num_rows)
    return [(text,) for text, _ in found], np.eye(2)[[int(name == "pleasant") for _, name in found]]


def accuracy(model, rows, targets):
    return float((model.probabilities(rows).argmax(1) == targets.argmax(1)).mean())


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_tuned_student_learns_what_the_words_tell(tiny_path, kind):
    rows, targets = rows_of(160)
    model = tune(tiny_path, kind, rows[:96], targets[:96], np.ones(96), NAIVE, settings=FAST, seed=0)
    assert accuracy(model, rows[96:], targets[96:]) > 0.75


@pytest.mark.parametrize("pairwise", [False, True])
def test_a_student_begins_where_a_head_on_frozen_features_ends(tiny_path, pairwise):
    rows, targets = rows_of(96)
    if pairwise:
        rows, targets = [(*a, *b) for a, b in zip(rows[::2], rows[1::2], strict=True)], targets[:48]
    model = Classifier(tiny_path, kind="lora", num_classes=2, pairwise=pairwise, settings=FAST, seed=0)
    states, arm = model.states(rows), Arm(NAIVE, targets[None], np.ones((1, len(rows))))
    heads = train_heads([states], [arm], seeds=[3], settings=HeadSettings(epochs=40), antisymmetric=pairwise)
    model.begin(rows, arm, epochs=40, seed=3)
    there, here = heads.probabilities(states)[0, 0], model.probabilities(rows)
    np.testing.assert_allclose(here, there, atol=1e-4)
    assert np.ptp(here[:, 1]) > 0.1, "it is not where it was"


def test_training_begins_with_the_head_alone(tiny_path):
    rows, targets = rows_of(96)
    still = FAST.model_copy(update={"learning_rate": 1e-12, "head_rate": 1e-12, "weight_decay": 0.0})
    model = tune(tiny_path, "lora", rows, targets, np.ones(96), NAIVE, settings=still, seed=3)
    untrained = Classifier(tiny_path, kind="lora", num_classes=2, pairwise=False, settings=FAST, seed=3)
    states, arm = untrained.states(rows), Arm(NAIVE, targets[None], np.ones((1, 96)))
    heads = train_heads([states], [arm], seeds=[3], settings=HeadSettings(epochs=still.head_epochs))
    np.testing.assert_allclose(model.probabilities(rows), heads.probabilities(states)[0, 0], atol=1e-4)


def test_a_text_that_is_longer_than_the_model_reads_is_cut(tiny_path, tmp_path):
    import transformers

    _, tokenizer = load_causal(tiny_path)
    config = transformers.GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=4, n_positions=16)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "short")
    tokenizer.save_pretrained(tmp_path / "short")
    model = Classifier(tmp_path / "short", kind="full", num_classes=2, pairwise=False, settings=FAST, seed=0)
    ends = "nobody asked what it costs and a garden grows by the sea"
    states = model.states([(f"{start} {ends * 4}",) for start in ("a plan", "the sea")])
    np.testing.assert_array_equal(states[0], states[1])
    assert tune_on_texts(tmp_path / "short", [ends * 4] * 4, tmp_path / "read", settings=FAST)


def test_every_arm_learns_from_the_labels_it_is_named_for(csv_task, tiny_path, tmp_path, monkeypatch):
    from precepts.pipelines.w2s import run_w2s
    from precepts.pipelines.w2s_config import W2SConfig
    from precepts.runs import Run
    from precepts.w2s import tuned_experiment

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    inner, given = tuned_experiment.tune, []

    def noted(path, kind, rows, targets, keep, method, **options):
        given.append((method.name, [row[0] for row in rows], np.asarray(targets)))
        return inner(path, kind, rows, targets, keep, method, **options)

    monkeypatch.setattr(tuned_experiment, "tune", noted)
    config = W2SConfig(
        tasks=(str(csv_task),), weak=f"lora:{tiny_path}", strong=f"lora:{tiny_path}", methods=("logconf",), seeds=1, rows=None,
        tuning=FAST.model_copy(update={"epochs": 1}), zero_shot=False,
    )  # fmt: skip
    run = Run(tmp_path / "run")
    run_w2s(run, config)
    truth = {text: int(label == "unpleasant") for text, label in sentences(160)}
    weak = {row["key"]: row["weak"] for row in run.stage("days").rows("weak_labels")}
    (supervisor, *students, ceiling) = given
    assert [name for name, _, _ in given] == ["naive", "naive", "logconf", "naive"]
    for _, texts, targets in (supervisor, ceiling):
        assert targets.tolist() == np.eye(2)[[truth[text] for text in texts]].tolist()
    for _, texts, targets in students:
        assert texts == ceiling[1]
        assert sorted(np.round(targets, 6).tolist()) == sorted(weak.values())
    assert not set(supervisor[1]) & set(ceiling[1])


def test_lora_leaves_the_models_own_weights_as_they_were(tiny_path):
    rows, targets = rows_of(32)
    before = load_causal(tiny_path)[0].base_model.state_dict()
    model = tune(tiny_path, "lora", rows, targets, np.ones(32), NAIVE, settings=FAST, seed=0)
    after = {
        k.replace("base_model.model.", "").replace(".base_layer", ""): v for k, v in model.decoder.state_dict().items()
    }
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight.to(after[name].dtype), rtol=0, atol=0)
    assert any(v.abs().sum() > 0 for k, v in after.items() if "lora_B" in k)


def test_a_seed_gives_one_student_and_rows_left_out_do_not_move_it(tiny_path):
    rows, targets = rows_of(48)
    keep = np.r_[np.ones(32), np.zeros(16)]
    flipped = targets.copy()
    flipped[32:] = flipped[32:, ::-1]
    settings = FAST.model_copy(update={"epochs": 1})
    one, two = (tune(tiny_path, "lora", rows, t, keep, NAIVE, settings=settings, seed=3) for t in (targets, flipped))
    np.testing.assert_array_equal(one.probabilities(rows[:8]), two.probabilities(rows[:8]))


def test_swapping_a_pair_swaps_its_classes(tiny_path):
    model = Classifier(tiny_path, kind="full", num_classes=2, pairwise=True, settings=FAST, seed=0)
    torch.nn.init.normal_(model.head.weight)
    there = model.probabilities([("a garden", "the sea")])
    back = model.probabilities([("the sea", "a garden")])
    np.testing.assert_allclose(there[0], back[0, ::-1], atol=1e-6)
    assert abs(there[0, 0] - 0.5) > 1e-3


def test_padding_and_the_company_of_other_rows_do_not_matter(tiny_path):
    model = Classifier(tiny_path, kind="full", num_classes=2, pairwise=False, settings=FAST, seed=0)
    torch.nn.init.normal_(model.head.weight)
    rows = [("a garden",), ("a garden grows by the sea and nobody asked what it costs",)]
    together = model.probabilities(rows)
    alone = np.concatenate([model.probabilities([row]) for row in rows])
    np.testing.assert_allclose(together, alone, atol=0.02)  # bfloat16


@pytest.mark.parametrize("pairwise", [False, True])
def test_a_cut_model_reads_as_the_whole_and_runs_what_is_below_once(tiny_path, pairwise):
    texts = [text for text, _ in sentences(24)]
    rows = [(a, b) for a, b in zip(texts[::2], texts[1::2], strict=True)] if pairwise else [(text,) for text in texts]
    whole, cut = (
        Classifier(tiny_path, kind="full", num_classes=2, pairwise=pairwise, settings=FAST, seed=0, below=below)
        for below in (None, Below(tiny_path, 1))
    )
    there, here = whole.states(rows), cut.states(rows)
    alike = (there * here).sum(1) / np.linalg.norm(there, axis=1) / np.linalg.norm(here, axis=1)
    assert alike.min() > 0.99, "as far as bfloat16 below the cut allows"
    run = []
    cut.below._run = run.append
    cut.states(rows)
    assert not run, "every text was known"


def test_above_a_cut_a_student_learns_and_nothing_below_moves(tiny_path):
    rows, targets = rows_of(160)
    below = Below(tiny_path, 1)
    model = tune(tiny_path, "lora", rows[:96], targets[:96], np.ones(96), NAIVE, settings=FAST, seed=0, below=below)
    assert accuracy(model, rows[96:], targets[96:]) > 0.7
    assert {k.split(".layers.")[1][0] for k, _ in model.decoder.named_parameters() if ".layers." in k} == {"0"}
    own = load_causal(tiny_path)[0].base_model.layers[0].self_attn.q_proj.weight
    torch.testing.assert_close(below._model.layers[0].self_attn.q_proj.weight, own.bfloat16(), rtol=0, atol=0)


@pytest.mark.parametrize("layer", [0, 2, 7])
def test_a_cut_that_leaves_nothing_to_tune_is_refused(tiny_path, layer):
    with pytest.raises(InputError, match="Give 1 to 1"):
        check_cut(tiny_path, layer)


@pytest.mark.parametrize("changed", [lambda states: states * 0 + 3, lambda states: states * 1.05])
def test_a_model_that_does_more_before_its_first_layer_is_not_cut(tiny_path, changed):
    decoder = load_causal(tiny_path)[0].base_model
    inner = decoder.forward

    def scaled(*args, inputs_embeds=None, **given):
        return inner(*args, inputs_embeds=None if inputs_embeds is None else changed(inputs_embeds), **given)

    decoder.forward = scaled
    with pytest.raises(InputError, match="cannot be cut"):
        above(decoder, Below(tiny_path, 1))


def test_a_student_that_cannot_be_cut_is_told_before_its_supervisor_is_trained(
    csv_task, tiny_path, tmp_path, monkeypatch
):
    import transformers

    from precepts.pipelines.w2s import W2SConfig, run_w2s
    from precepts.runs import Run

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    _, tokenizer = load_causal(tiny_path)
    config = transformers.GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=4, n_positions=64)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "other")
    tokenizer.save_pretrained(tmp_path / "other")
    lora = W2SConfig(
        tasks=(str(csv_task),), weak=f"lora:{tiny_path}@1", strong=f"lora:{tmp_path / 'other'}@1", rows=None
    )
    with pytest.raises(InputError, match="Leave off @1"):
        run_w2s(Run(tmp_path / "run"), lora)
    assert not (tmp_path / "cache" / "w2s-tuned").exists()


def test_a_model_whose_kinds_of_layers_are_derived_is_not_cut(tiny_path):
    decoder = load_causal(tiny_path)[0].base_model

    class Derived(type(decoder.config)):
        layer_types = property(lambda self: ["full_attention"] * self.num_hidden_layers)

    decoder.config.__class__ = Derived
    with pytest.raises(InputError, match="cannot be cut"):
        above(decoder, Below(tiny_path, 1))


def test_labels_that_teach_nothing_are_refused(tiny_path):
    rows, targets = rows_of(16)
    for bad, keep, message in (
        (np.eye(2)[np.zeros(16, dtype=int)], np.ones(16), "one class"),
        (np.full((16, 2), np.nan), np.ones(16), "NaN"),
        (targets, np.zeros(16), "keeps no row"),
    ):
        with pytest.raises(InputError, match=message):
            tune(tiny_path, "lora", rows, bad, keep, NAIVE, settings=FAST, seed=0)


def test_reading_the_texts_lowers_their_loss_and_leaves_a_model(tiny_path, tmp_path):
    texts = [text for text, _ in sentences(64)]
    losses = tune_on_texts(tiny_path, texts, tmp_path / "model", settings=FAST)
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 0.2
    model, _ = load_causal(tmp_path / "model")
    assert model.config.hidden_size == 32
    with pytest.raises(InputError, match="no text"):
        tune_on_texts(tiny_path, [], tmp_path / "none", settings=FAST)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("lora:precepts/smollm2-135m", ("lora", "precepts/smollm2-135m", None)),
        ("full:hf/a/b@16", ("full", "hf/a/b", 16)),
        ("run:x", None),
        ("tfidf", None),
    ],
)
def test_references_of_tuned_models(ref, found):
    assert tuned_ref(ref) == found


def test_the_command_with_lora_on_both_sides_and_with_reading_first(csv_task, tiny_path, tmp_path, monkeypatch):
    from precepts.pipelines.w2s import W2SConfig, run_w2s
    from precepts.runs import Run
    from precepts.stats import verify

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    fast = FAST.model_copy(update={"epochs": 1})
    lora = W2SConfig(
        tasks=(str(csv_task),),
        weak=f"lora:{tiny_path}",
        strong=f"lora:{tiny_path}",
        methods=("logconf",),
        seeds=1,
        rows=None,
        tuning=FAST,
    )
    evidence = run_w2s(Run(tmp_path / "lora"), lora)
    accuracy = {e.slice["arm"]: e.value for e in evidence if e.claim == "w2s/accuracy"}
    probes = {"probe-before", "probe-naive", "probe-logconf"}
    assert {"supervisor", "ceiling", "naive", "logconf", "naive-early", "guarded", "zero-shot"} | probes == set(
        accuracy
    )
    assert accuracy["ceiling"] > 0.6
    saliency = {e.slice["arm"]: e for e in evidence if e.claim == "w2s/saliency"}
    assert set(saliency) == probes - {"probe-before"}
    for arm, row in saliency.items():
        assert row.value == pytest.approx(accuracy[arm] - accuracy["probe-before"])
        assert verify(row, root=tmp_path / "lora") == []
    first = W2SConfig(
        tasks=(str(csv_task),),
        strong=f"{tiny_path}@2",
        methods=("logconf",),
        seeds=2,
        rows=None,
        tuning=fast,
        generative=True,
        prompted=True,
    )
    run = Run(tmp_path / "read")
    evidence = run_w2s(run, first)
    arms = {e.slice["arm"] for e in evidence}
    assert {"generative-naive", "generative-logconf", "zero-shot", "few-shot", "few-shot-weak"} <= arms
    assert {"w2s/gain_over_zero_shot", "w2s/saliency"} <= {e.claim for e in evidence}
    assert (run.path / "days-generative" / "model" / "config.json").exists()
    for row in evidence:
        assert verify(row, root=run.path) == [], row.claim


def test_a_stopped_run_loses_one_fine_tuning_and_another_method_makes_no_other_twice(
    csv_task, tiny_path, tmp_path, monkeypatch
):
    from precepts.pipelines.w2s import run_w2s
    from precepts.pipelines.w2s_config import W2SConfig
    from precepts.runs import Run
    from precepts.w2s import tuned_experiment

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    made = []
    inner = tuned_experiment.tune

    def counted(*args, **options):
        if len(made) == 3:
            made.append("stopped")
            raise KeyboardInterrupt
        found = inner(*args, **options)
        made.append(args[5].name)
        return found

    monkeypatch.setattr(tuned_experiment, "tune", counted)
    config = W2SConfig(
        tasks=(str(csv_task),), weak=f"lora:{tiny_path}", strong=f"lora:{tiny_path}", methods=("logconf",), seeds=1, rows=None,
        tuning=FAST.model_copy(update={"epochs": 1}), zero_shot=False,
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        run_w2s(Run(tmp_path / "run"), config)
    run_w2s(Run(tmp_path / "run"), config)
    assert made == ["naive", "naive", "logconf", "stopped", "naive"]  # supervisor, two students; then the ceiling alone
    more = config.model_copy(update={"methods": ("logconf", "product")})
    run_w2s(Run(tmp_path / "more"), more)
    assert made[5:] == ["product"]
    other = more.model_copy(update={"tuning": more.tuning.model_copy(update={"rank": 2})})
    run_w2s(Run(tmp_path / "other"), other)
    assert len(made) == 6 + 5, "another rank never meets what is kept of this one"
