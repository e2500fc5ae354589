"""Self-distillation: the student comes nearer to the model that reads the policy, only above the frozen layers, and a kill changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from safetensors.torch import load_file  # noqa: E402

from precepts.runs import Run  # noqa: E402
from precepts.training import distill  # noqa: E402
from precepts.training.distill import DistillSettings, Told, train_distilled  # noqa: E402
from precepts.types import Message  # noqa: E402

POLICY = "answer that the garden grows by the sea"
FEW = DistillSettings(
    top_layers=2, batch_size=4, epochs=10, learning_rate=3e-3, max_tokens=6, top_k=50, num_checkpoints=2
)
PROMPTS = [Told((Message(role="user", content=f"please name a garden and {n}"),), POLICY) for n in range(12)]


def divergence(student: Path, teacher: Path) -> float:
    """Mean KL of the student's first answer token from that of the teacher who reads the policy, in nats."""
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(teacher)
    models = [transformers.AutoModelForCausalLM.from_pretrained(p, dtype=torch.float32) for p in (student, teacher)]
    found = []
    for told in PROMPTS:
        bare = [m.model_dump() for m in told.messages]
        turns = (bare, [{"role": "system", "content": told.system}, *bare])
        with torch.no_grad():
            ids = [
                torch.tensor([tokenizer.apply_chat_template(t, add_generation_prompt=True, return_dict=False)])
                for t in turns
            ]
            p_V, q_V = (
                m(i).logits[0, -1].log_softmax(-1) for m, i in zip(reversed(models), reversed(ids), strict=True)
            )
        found.append(float((p_V.exp() * (p_V - q_V)).sum()))
    return sum(found) / len(found)


def test_the_student_comes_nearer_to_itself_with_the_policy(deep_path: Path, tmp_path: Path) -> None:
    model = train_distilled(PROMPTS, base=deep_path, run=Run(tmp_path), settings=FEW, seed=0)
    before, after = divergence(deep_path, deep_path), divergence(model, deep_path)
    assert after < 0.7 * before, (before, after)
    curve = Run(tmp_path).rows("curve")
    assert [row["step"] for row in curve] == list(range(1, 31))
    old, new = load_file(deep_path / "model.safetensors"), load_file(model / "model.safetensors")
    layers = [name for name in new if "layers" in name]
    changed = {name.split(".")[2] for name in layers if not torch.equal(old[name].to(new[name].dtype), new[name])}
    assert changed == {"1", "2"}, "the layer below was frozen"
    assert not (tmp_path / "checkpoints").exists()


def test_a_kill_changes_nothing(deep_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = FEW.model_copy(update={"epochs": 3})
    whole = train_distilled(PROMPTS, base=deep_path, run=Run(tmp_path / "whole"), settings=settings, seed=1)

    class Killed(distill.DistillTrainer):
        def training_step(self, *given: Any, **named: Any) -> Any:
            if self.state.global_step == 5:
                raise KeyboardInterrupt
            return super().training_step(*given, **named)

    run = Run(tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(distill, "DistillTrainer", Killed)
        with pytest.raises(KeyboardInterrupt):
            train_distilled(PROMPTS, base=deep_path, run=run, settings=settings, seed=1)
    assert not (run.path / "model").exists()
    again = train_distilled(PROMPTS, base=deep_path, run=run, settings=settings, seed=1)
    assert run.rows("curve") == Run(tmp_path / "whole").rows("curve")
    one, other = load_file(whole / "model.safetensors"), load_file(again / "model.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)
