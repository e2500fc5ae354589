"""Fine-tuning on TRL: the minimal file's algorithm, whatever interrupts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from safetensors.torch import load_file  # noqa: E402

from precepts.models.engine import SETTINGS, Engine  # noqa: E402
from precepts.models.format import OPENING  # noqa: E402
from precepts.runs import Run  # noqa: E402
from precepts.training import minimal, sft  # noqa: E402
from precepts.training.checkpoints import last_checkpoint  # noqa: E402
from precepts.training.examples import Example, Tokens  # noqa: E402
from precepts.training.sft import SFTSettings, train_sft  # noqa: E402

FEW = SFTSettings(mode="full", learning_rate=1e-2, batch_size=6, epochs=3, num_checkpoints=3)
"""Twelve steps, a checkpoint every third. The rate is high so that what is learned stands out from bfloat16's rounding."""

Weights = dict[str, Any]


def trained(examples: list[Example], base: Path, path: Path, settings: SFTSettings = FEW, *, seed: int = 0) -> Weights:
    model = train_sft(examples, base=base, run=Run(path), settings=settings, seed=seed)
    assert model == path / "model"
    return load_file(model / "model.safetensors")


def change(weights: Weights, base: Path) -> Any:
    """Everything that moved, as one vector."""
    before = load_file(base / "model.safetensors")
    return torch.cat([(weights[k].float() - before[k].float()).flatten() for k in sorted(before)])


def apart(one: Any, other: Any) -> float:
    return float((one - other).norm() / other.norm())


@pytest.fixture(scope="module")
def whole(examples: list[Example], deep_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    """A run that nothing interrupted."""
    path = tmp_path_factory.mktemp("whole")
    return path, trained(examples, deep_path, path)


# --- the same algorithm -----------------------------------------------------------------------------------------------


def test_trl_and_the_minimal_file_follow_the_same_curve_to_the_same_weights(
    examples: list[Example], tokens: list[Tokens], deep_path: Path, whole: tuple[Path, Weights], tmp_path: Path
) -> None:
    path, weights = whole
    model = transformers.AutoModelForCausalLM.from_pretrained(deep_path, dtype=torch.float32)
    losses = list(minimal.train(model, tokens, learning_rate=1e-2, batch_size=6, epochs=3, seed=0))
    curve = Run(path).rows("curve")
    assert [row["step"] for row in curve] == list(range(1, 13))
    assert [row["loss"] for row in curve] == pytest.approx(losses, rel=0.02)
    assert losses[-1] < 0.8 * losses[0], "and it learned"
    ends = {name: weight.bfloat16() for name, weight in model.state_dict().items() if name != "lm_head.weight"}
    moved = change(ends, deep_path)
    assert apart(change(weights, deep_path), moved) < 0.1
    other = trained(examples, deep_path, tmp_path / "other", seed=1)
    assert apart(change(other, deep_path), moved) > 0.3, "another order of steps would be told apart"


def test_the_minimal_file_reads_what_the_run_trains_on(
    examples: list[Example], tokens: list[Tokens], deep_path: Path, tmp_path: Path
) -> None:
    Run(tmp_path).write("examples", examples)
    tokenizer = transformers.AutoTokenizer.from_pretrained(deep_path)
    assert minimal.read_examples(tmp_path / "examples.jsonl", tokenizer) == tokens


def test_the_minimal_schedule_is_the_trainers() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = transformers.get_linear_schedule_with_warmup(optimizer, num_warmup_steps=3, num_training_steps=12)
    for step in range(12):
        assert minimal.schedule(step, steps=12, warmup=3) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


# --- what is trained --------------------------------------------------------------------------------------------------


def test_top_mode_leaves_what_is_below_untouched(examples: list[Example], deep_path: Path, tmp_path: Path) -> None:
    weights = trained(examples, deep_path, tmp_path, FEW.model_copy(update={"mode": "top", "top_layers": 1}))
    base = load_file(deep_path / "model.safetensors")
    assert weights.keys() == base.keys()
    changed = {name for name in base if not torch.equal(weights[name], base[name].bfloat16())}
    assert {name.removeprefix("model.") for name in changed} == {"norm.weight"} | {
        name.removeprefix("model.") for name in base if ".layers.2." in name
    }
    curve = Run(tmp_path).rows("curve")
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_a_lora_run_ends_as_a_plain_model_of_low_rank_change(
    examples: list[Example], deep_path: Path, tmp_path: Path
) -> None:
    weights = trained(examples, deep_path, tmp_path, FEW.model_copy(update={"mode": "lora", "lora_rank": 2}))
    base = load_file(deep_path / "model.safetensors")
    assert weights.keys() == base.keys()
    changed = {name for name in base if not torch.equal(weights[name], base[name].bfloat16())}
    assert changed == {name for name in base if "_proj." in name}
    for name in changed:
        values = torch.linalg.svdvals(weights[name].float() - base[name].float())
        assert values[2] < 0.15 * values[0], name
    curve = Run(tmp_path).rows("curve")
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_a_trained_model_knows_its_opening_and_has_learned_the_verdicts(
    examples: list[Example], deep_path: Path, tmp_path: Path
) -> None:
    trained(examples, deep_path, tmp_path, FEW.model_copy(update={"epochs": 12}))
    engine = Engine(tmp_path / "model")
    assert engine.opening == OPENING
    right = [
        (" refuse" if refuse > comply else " comply") == e.spans[1][0]
        for e, (refuse, comply, _) in zip(examples, engine.decisions([e.messages for e in examples]), strict=True)
    ]
    assert sum(right) >= 20
    assert not (tmp_path / "checkpoints").exists()


def test_training_says_nothing_on_stdout(
    examples: list[Example], deep_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trained(examples, deep_path, tmp_path, FEW.model_copy(update={"max_steps": 2}))
    assert capfd.readouterr().out == ""
    assert len(Run(tmp_path).rows("curve")) == 2


# --- killed and called again ------------------------------------------------------------------------------------------


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Ends training in the middle, the first time; gives the steps that were run after that."""
    run: list[int] = []
    real = sft.ShowProgress.on_step_end
    stopped: list[int] = []

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        real(self, args, state, control, **kwargs)
        if stopped:
            run.append(state.global_step)
        elif state.global_step == step:
            stopped.append(step)
            raise KeyboardInterrupt

    monkeypatch.setattr(sft.ShowProgress, "on_step_end", on_step_end)
    return lambda: run


@pytest.mark.parametrize("mode", ["full", "top", "lora"])
def test_killed_after_a_checkpoint_it_ends_at_the_same_bits(
    examples: list[Example], deep_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    settings = FEW.model_copy(update={"mode": mode, "top_layers": 1})
    expected = trained(examples, deep_path, tmp_path / "whole", settings)
    steps = stop_at(8, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trained(examples, deep_path, tmp_path / "killed", settings)
    found = trained(examples, deep_path, tmp_path / "killed", settings)
    assert steps() == list(range(7, 13)), "it goes on from the checkpoint at step 6"
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    curves = [Run(tmp_path / name).rows("curve") for name in ("whole", "killed")]
    assert curves[0] == curves[1], "each step stands in the curve once"


def test_killed_before_the_first_checkpoint_it_begins_again(
    examples: list[Example],
    deep_path: Path,
    whole: tuple[Path, Weights],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = stop_at(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trained(examples, deep_path, tmp_path)
    found = trained(examples, deep_path, tmp_path)
    assert steps() == list(range(1, 13))
    assert all(torch.equal(found[name], whole[1][name]) for name in found)
    assert Run(tmp_path).rows("curve") == Run(whole[0]).rows("curve")


PARTS = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def overwritten(path: Path) -> None:
    path.write_bytes(b"\x00garbage" * 40)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="module")
def two_checkpoints(examples: list[Example], deep_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        stop_at(8, patch)
        with pytest.raises(KeyboardInterrupt):
            trained(examples, deep_path, path)
    return path


@pytest.mark.parametrize("damage", [torn, emptied, overwritten, flipped, Path.unlink])
@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    two_checkpoints: Path, tmp_path: Path, part: str, damage: Callable[[Path], None]
) -> None:
    import shutil

    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(two_checkpoints / "checkpoints", checkpoints)
    assert last_checkpoint(checkpoints) == str(checkpoints / "checkpoint-6"), "else the test could not fail"
    damage(checkpoints / "checkpoint-6" / part)
    assert last_checkpoint(checkpoints) == str(checkpoints / "checkpoint-3")
    assert not (checkpoints / "checkpoint-6").exists()


def test_with_the_newest_checkpoint_torn_it_still_ends_at_the_same_bits(
    examples: list[Example], deep_path: Path, two_checkpoints: Path, whole: tuple[Path, Weights], tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(two_checkpoints, tmp_path / "run")
    torn(tmp_path / "run" / "checkpoints" / "checkpoint-6" / "model.safetensors")
    found = trained(examples, deep_path, tmp_path / "run")
    assert all(torch.equal(found[name], whole[1][name]) for name in found)


def test_a_finished_model_is_read_and_one_without_its_settings_is_made_again(
    examples: list[Example], deep_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = FEW.model_copy(update={"max_steps": 2})
    first = trained(examples, deep_path, tmp_path, settings)
    (tmp_path / "model" / SETTINGS).unlink()  # killed between the weights and their settings
    again = trained(examples, deep_path, tmp_path, settings)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert json.loads((tmp_path / "model" / SETTINGS).read_text())["opening"] == OPENING
    monkeypatch.setattr(sft, "run_trunk", lambda *args, **kwargs: pytest.fail("trained a finished model"))
    trained(examples, deep_path, tmp_path, settings)
