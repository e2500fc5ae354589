"""Reinforcement on TRL: the policy that is trained is the one that sampled, and only what the reward tells apart moves it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
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
from precepts.training import grpo  # noqa: E402
from precepts.training.examples import Example  # noqa: E402
from precepts.training.grpo import GRPOSettings, train_grpo  # noqa: E402
from precepts.training.rollouts import Answered, Rollout, Scored, answer_mask, prompt_ids  # noqa: E402
from precepts.training.sft import SFTSettings, train_sft  # noqa: E402
from precepts.types import Case  # noqa: E402

BIAS = {"refuse": 1.5, "safe_complete": -2.0}
FEW = GRPOSettings(
    top_layers=2,
    num_samples=4,
    prompts_per_cycle=4,
    rollout_batch=8,
    batch_size=8,
    learning_rate=3e-3,
    max_tokens=48,
    temperature=0.35,
)


@pytest.fixture(scope="session")
def taught(examples: list[Example], deep_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that writes the format, with biases as calibration sets them."""
    settings = SFTSettings(mode="full", learning_rate=1e-2, batch_size=4, epochs=40)
    plain = [e.model_copy(update={"spans": tuple((text, 1.0) for text, _ in e.spans)}) for e in examples if e.ends]
    path = train_sft(plain, base=deep_path, run=Run(tmp_path_factory.mktemp("taught")), settings=settings, seed=0)
    (path / SETTINGS).write_text(json.dumps({"opening": OPENING, "verdict_bias": BIAS}))
    return path


@pytest.fixture(scope="session")
def cases(examples: list[Example]) -> list[Case]:
    return [Case(id=e.case_id, messages=e.messages) for e in examples if e.ends]


def likes_gardens(answers: Sequence[Answered]) -> list[Scored]:
    return [Scored(score=float("garden" in a.answer)) for a in answers]


def trained(base: Path, cases: list[Case], path: Path, reward: Any, settings: GRPOSettings = FEW) -> dict[str, Any]:
    train_grpo(cases, base=base, run=Run(path), reward=reward, settings=settings, seed=0)
    return load_file(path / "model" / "model.safetensors")


def first_step(monkeypatch: pytest.MonkeyPatch, look: Callable[[Any, Any, Any], None]) -> None:
    """Has `look(trainer, model, inputs)` called before the first update, and training ended there."""

    def compute(self: Any, model: Any, inputs: Any) -> Any:
        look(self, model, inputs)
        raise KeyboardInterrupt

    monkeypatch.setattr(grpo.PolicyTrainer, "_compute_loss", compute)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_log_probabilities_are_those_of_the_whole_model_with_the_bias_and_penalty_that_sampled(
    taught: Path, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, penalty: float
) -> None:
    found: dict[str, Any] = {}

    def look(trainer: Any, model: Any, inputs: Any) -> None:
        found["old"], found["ref"] = inputs["old_per_token_logps"], inputs["ref_per_token_logps"]
        found["ids"], found["mask"] = inputs["completion_ids"], inputs["completion_mask"]
        found["prompts"] = [ids[m.bool()] for ids, m in zip(inputs["prompt_ids"], inputs["prompt_mask"], strict=True)]

    first_step(monkeypatch, look)
    with pytest.raises(KeyboardInterrupt):
        trained(taught, cases, tmp_path, likes_gardens, FEW.model_copy(update={"frequency_penalty": penalty}))
    assert torch.equal(found["old"], found["ref"]), "before the first update the policy is the reference"
    whole = transformers.AutoModelForCausalLM.from_pretrained(taught, dtype=torch.float32).eval()
    engine = Engine(taught)
    opening = engine.ids_of(OPENING)
    biased = 0
    for b, prompt in enumerate(found["prompts"]):
        ids = found["ids"][b][found["mask"][b].bool()]
        with torch.no_grad():
            logits_TV = whole(input_ids=torch.cat([prompt, ids])[None]).logits[0, len(prompt) - 1 : -1]
        if prompt[-len(opening) :].tolist() == opening:
            biased += 1
            for verdict, nats in BIAS.items():
                logits_TV[0, engine.verdict_ids[verdict]] += nats
        for t in range(len(ids)):
            for earlier in ids[:t]:
                logits_TV[t, earlier] -= penalty
        expected = (logits_TV / FEW.temperature).log_softmax(-1).gather(-1, ids[:, None])[:, 0]
        assert float((found["old"][b, : len(ids)] - expected).abs().max()) < 0.3, "bfloat16, and nothing else"
        assert float(found["old"][b, len(ids) :].abs().sum()) == 0
    assert biased > 0, "else the bias was not looked at"


def test_a_reward_is_learned_and_the_curve_tells(taught: Path, cases: list[Case], tmp_path: Path) -> None:
    settings = FEW.model_copy(update={"num_samples": 16, "rollout_batch": 64, "batch_size": 32, "beta": 0.0})
    more = [case.model_copy(update={"id": f"{case.id}-{n}"}) for n in range(5) for case in cases]
    trained(taught, more, tmp_path, likes_gardens, settings)
    rewards = [row["reward"] for row in Run(tmp_path).rows("curve")]
    assert len(rewards) == 10
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.2


@pytest.mark.parametrize("score", [None, 0.5], ids=["unscored", "without variance"])
def test_groups_that_tell_nothing_apart_move_nothing(
    taught: Path, cases: list[Case], tmp_path: Path, score: float | None
) -> None:
    weights = trained(taught, cases, tmp_path, lambda answers: [Scored(score=score) for _ in answers])
    base = load_file(taught / "model.safetensors")
    assert all(torch.equal(weights[name], base[name]) for name in base)
    assert {row["zero_variance"] for row in Run(tmp_path).rows("curve")} == {1.0}


def test_a_row_without_a_reward_has_no_advantage_and_moves_no_baseline(
    taught: Path, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reward(answers: Sequence[Answered]) -> list[Scored]:
        given = {"0": 1.0, "1": 0.0, "2": 0.0, "3": None}
        return [Scored(score=given[a.key[-1]], error=None if given[a.key[-1]] is not None else "down") for a in answers]

    found: dict[str, Any] = {}
    real = grpo.PolicyTrainer._generate_and_score_completions

    def generate(self: Any, inputs: Any) -> Any:
        out = real(self, inputs)
        found["advantages"] = out["advantages"].view(-1, 4)
        return out

    monkeypatch.setattr(grpo.PolicyTrainer, "_generate_and_score_completions", generate)
    trained(taught, cases, tmp_path, reward)
    assert torch.allclose(found["advantages"], torch.tensor([2 / 3, -1 / 3, -1 / 3, 0.0]).expand(4, 4))


def test_the_switch_updates_the_answers_tokens_alone(
    taught: Path, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []

    def look(trainer: Any, model: Any, inputs: Any) -> None:
        for ids, mask, on in zip(inputs["completion_ids"], inputs["completion_mask"], inputs["tool_mask"], strict=True):
            whole = trainer._decode(ids[mask.bool()].tolist())
            seen.append((whole, trainer._decode(ids[(mask * on).bool()].tolist())))

    first_step(monkeypatch, look)
    with pytest.raises(KeyboardInterrupt):
        trained(taught, cases, tmp_path, likes_gardens, FEW.model_copy(update={"answer_only": True}))
    assert any("</think>" in whole for whole, _ in seen)
    for whole, learned in seen:
        assert learned.strip() == whole.partition("</think>")[2].strip()


def test_what_was_sampled_is_what_the_text_says(taught: Path, cases: list[Case], tmp_path: Path) -> None:
    trained(taught, cases, tmp_path, likes_gardens)
    engine = Engine(taught)
    rows = [Rollout.model_validate(row) for row in Run(tmp_path).rows("rollouts")]
    assert len(rows) == 8 * 4
    for row in rows:
        case = next(c for c in cases if c.id == row.case_id)
        head = prompt_ids(engine, case, decided=row.decided)
        assert head[: -len(engine.ids_of(OPENING))] == prompt_ids(engine, case, decided=False) or not row.decided
        body = engine.tokenizer.decode(row.ids, skip_special_tokens=True)
        assert row.text == (OPENING if row.decided else "") + body
        assert (row.stop_reason == "stop") == (row.ids[-1] in engine.eos_ids)
        assert len(answer_mask(row, lambda ids: engine.tokenizer.decode(ids))) == len(row.ids)


def test_weights_given_to_the_engine_are_used_and_the_old_prefix_is_forgotten(
    taught: Path, deep_path: Path, cases: list[Case]
) -> None:
    engine, other = Engine(taught), Engine(deep_path)
    conversations = [case.messages for case in cases]
    before = engine.decisions(conversations)
    from precepts.models.generation import Sampling

    made = engine.generate(conversations, sampling=Sampling(max_tokens=8))
    engine.refresh(other.model.model.state_dict().items())
    other.opening, other.bias = engine.opening, engine.bias
    assert engine.generate(conversations, sampling=Sampling(max_tokens=8)) == other.generate(
        conversations, sampling=Sampling(max_tokens=8)
    )
    assert engine.decisions(conversations) != before
    assert made


@pytest.mark.parametrize(
    ("prompts", "cycle", "left_over"), [(64, 16, 0), (24, 12, 0), (25, 12, 1), (9, 9, 0), (17, 8, 1), (2, 2, 0)]
)
def test_few_prompts_are_left_over(prompts: int, cycle: int, left_over: int) -> None:
    found = grpo.fitted(GRPOSettings(), prompts)
    assert found.prompts_per_cycle == cycle
    assert prompts % cycle == left_over
    assert cycle * found.num_samples % found.batch_size == 0
    assert found.batch_size <= GRPOSettings().batch_size


@pytest.mark.slow
def test_the_embedded_model_learns_from_what_it_sampled(embedded: Path, cases: list[Case], tmp_path: Path) -> None:
    """A handful of rollouts: tied embeddings, thirty layers, the model's own system turn as the shared prefix."""
    base = tmp_path / "base"
    shutil.copytree(embedded, base)
    (base / SETTINGS).write_text(json.dumps({"opening": OPENING, "verdict_bias": BIAS}))
    settings = GRPOSettings(
        num_samples=2, prompts_per_cycle=2, batch_size=4, max_tokens=12, learning_rate=1e-4, num_checkpoints=1
    )

    def reward(answers: Sequence[Answered]) -> list[Scored]:
        return [Scored(score=float(a.key[-1])) for a in answers]

    weights = trained(base, cases[:4], tmp_path / "run", reward, settings)
    before = load_file(embedded / "model.safetensors")
    changed = {name for name in before if not torch.equal(weights[name], before[name].bfloat16())}
    assert changed
    assert all(any(f".layers.{n}." in name for n in range(20, 30)) or name.endswith("norm.weight") for name in changed)
    rows = Run(tmp_path / "run").rows("curve")
    assert [row["zero_variance"] for row in rows] == [0.0, 0.0]
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-3)
    assert rows[0]["clipped"] == 0
