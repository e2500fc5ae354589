"""Reinforcement learning on TRL: GRPO (Shao et al. 2024, arXiv 2402.03300) by one subclass.

What TRL does here: groups and advantages (a reward of None is masked), the clipped loss, the KL term, minibatches, the optimiser,
checkpoints. What is ours: rollouts by the engine, in planned batches; and log-probabilities by a cut model, whose frozen lower layers run
once a rollout and never again, whatever the number of updates.

Shapes: B rollouts of a minibatch, C completion tokens, N their scored positions, V vocabulary.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from precepts.models.engine import SETTINGS, Engine
from precepts.models.generation import Sampling
from precepts.progress import progress
from precepts.runs import Run, write_atomic
from precepts.training.checkpoints import finish_if_trained, last_checkpoint, seal
from precepts.training.examples import Tokens, shared_prefix
from precepts.training.grpo_settings import GRPOSettings, fitted
from precepts.training.log_probs import as_sampled, entropy
from precepts.training.rollouts import (
    CyclePlan,
    Reward,
    Rollout,
    answer_mask,
    key_of,
    plan_cycles,
    prompt_ids,
    sample_batch,
    summary,
)  # fmt: skip
from precepts.training.sft import quiet
from precepts.training.trunk import (
    Trunk,
    lower_decoder,
    num_layers,
    run_lower,
    save_joined,
    score_selected,
    upper_model,
    whole_names,
)  # fmt: skip
from precepts.types import Case, content_key

Measure = Callable[[Engine], Mapping[str, float | None]]
"""What is measured of the policy before each cycle and after the last, such as decision AUC on dev."""


def train_grpo(
    cases: Sequence[Case], *, base: Path, run: Run, reward: Reward, settings: GRPOSettings, seed: int, measure: Measure | None = None,
    label: str = "reinforce",
) -> Path:  # fmt: skip
    """Reinforces `base` on the cases' prompts and returns the trained model's directory (`run.path/model`).

    Killed and called again, it goes on from the last whole checkpoint, which stands between two cycles, reads the rollouts already made
    and ends at the same weights.
    """
    target = run.path / "model"
    if finish_if_trained(run.path):
        return target
    quiet()
    settings = fitted(settings, len(cases))
    cycles = plan_cycles(
        cases, prompts_per_cycle=settings.prompts_per_cycle, num_samples=settings.num_samples, batch_size=settings.rollout_batch, seed=seed
    )  # fmt: skip
    frozen = max(0, num_layers(base) - settings.top_layers)
    engine = Engine(base)
    model = upper_model(base, layers=frozen)
    reference = upper_model(base, layers=frozen).requires_grad_(requires_grad=False).eval()
    checkpoints = run.path / "checkpoints"
    last = last_checkpoint(checkpoints)
    begun = int(last.rpartition("-")[2]) if last else 0
    done = begun // settings.steps_per_cycle
    made = run.rows("rollouts")
    if [row["key"] for row in made[: _count(cycles[:done])]] != _keys(cycles[:done]):
        # Rollouts behind a checkpoint are gone: what they were made from cannot be had again but from the start.
        shutil.rmtree(checkpoints, ignore_errors=True)
        last, begun, done, made = None, 0, 0, []
        run.write("rollouts", made)
    run.write("curve", [row for row in run.rows("curve") if row["step"] <= begun])
    total = len(cycles) * settings.steps_per_cycle
    with progress(label, _count(cycles), unit="rollouts") as bar:
        trainer = PolicyTrainer(
            model, reference=reference, engine=engine, lower=lower_decoder(base, layers=frozen, device=str(engine.device)), layers=frozen,
            cycles=cycles, cases={case.id: case for case in cases}, run=run, reward=reward, settings=settings, seed=seed, begun=done,
            checkpoints=checkpoints, measure=measure, advance=lambda n: bar.advance(n, replayed=bar.done < len(made)),
        )  # fmt: skip
        bar.advance(_count(cycles[:done]), replayed=True)
        trainer.train(resume_from_checkpoint=last)
    trainer.finish(total)
    save_joined(base, model, target, layers=frozen)
    own = json.loads((base / SETTINGS).read_text("utf-8")) if (base / SETTINGS).exists() else {}
    write_atomic(target / SETTINGS, json.dumps(own, indent=1))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return target


class PolicyTrainer(GRPOTrainer):  # pyright: ignore[reportUntypedBaseClass]
    """TRL's GRPOTrainer with planned rollouts and a cut model."""

    def __init__(
        self, model: Any, *, reference: Any, engine: Engine, lower: Any, layers: int, cycles: Sequence[CyclePlan], cases: dict[str, Case],
        run: Run, reward: Reward, settings: GRPOSettings, seed: int, begun: int, checkpoints: Path, measure: Measure | None,
        advance: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Sets TRL up for one pass over the planned cycles."""
        self._engine, self._lower, self._layers, self._plan, self._cases = engine, lower, layers, cycles, cases
        self._run, self._reward, self._settings, self._seed = run, reward, settings, seed
        self._measure, self._advance, self._checkpoints = measure, advance, checkpoints
        self._batches = self._planned_batches(begun)
        self._begin = shared_prefix([Tokens(ids, [0.0] * len(ids)) for ids in map(self._prompt, cases.values())])
        self._trunk: Trunk | None = None
        self._place: dict[tuple[tuple[int, ...], int], int] = {}
        self._decided: list[bool] = []
        self._about: dict[str, Any] = {}
        every = settings.steps_per_cycle * -(-len(cycles) // (settings.num_checkpoints + 1))
        config = GRPOConfig(
            output_dir=str(checkpoints), num_train_epochs=1, per_device_train_batch_size=settings.batch_size,
            steps_per_generation=settings.steps_per_cycle // settings.num_iterations, num_generations=settings.num_samples,
            num_iterations=settings.num_iterations, max_completion_length=settings.max_tokens, shuffle_dataset=False, beta=0.0,
            epsilon=settings.epsilon, temperature=settings.temperature, loss_type="dapo", scale_rewards="none",
            learning_rate=settings.learning_rate, lr_scheduler_type="constant", weight_decay=0.0, adam_beta2=0.98,
            max_grad_norm=settings.max_grad_norm, bf16=True, use_cpu=not torch.cuda.is_available(), seed=seed, data_seed=seed,
            save_strategy="steps", save_steps=every, save_total_limit=2, logging_steps=settings.steps_per_cycle, report_to=[],
            disable_tqdm=True, remove_unused_columns=False, gradient_checkpointing=False, dataloader_pin_memory=False,
            optim="adamw_torch_fused",
        )  # fmt: skip
        order = [case_id for cycle in cycles for case_id in cycle.case_ids]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*rollout_func.*")
            super().__init__(
                model=model,
                reward_funcs=[_reward_of_rollout],
                args=config,
                train_dataset=Dataset.from_dict({"prompt": [[{"role": "user", "content": i}] for i in order]}),
                processing_class=engine.tokenizer,
                rollout_func=_planned_rollouts,
            )
        score_selected(model)
        # TRL would load a whole reference model; ours shares the lower layers' output.
        self.beta, self.ref_model = settings.beta, reference

    # --- rollouts -------------------------------------------------------------------------------------------------

    def _planned_batches(self, begun: int) -> Iterator[list[dict[str, Any]]]:
        """The rows of each planned batch after the first `begun` cycles: read where they were made before, else made now."""
        cycle_of = [number for number, cycle in enumerate(self._plan) for _ in cycle.batches]
        sampling = Sampling(
            max_tokens=self._settings.max_tokens, temperature=self._settings.temperature,
            frequency_penalty=self._settings.frequency_penalty,
        )  # fmt: skip

        def make(number: int, keys: Sequence[str]) -> list[dict[str, Any]]:
            rows = sample_batch(
                keys, cycle=cycle_of[number], cases=self._cases, engine=self._engine, reward=self._reward, sampling=sampling,
                seed=self._seed,
            )  # fmt: skip
            return [row.model_dump(mode="json") for row in rows]

        planned = [batch for cycle in self._plan for batch in cycle.batches]
        for number, rows in self._run.batches("rollouts", planned, make, key="key"):
            if cycle_of[number] >= begun:
                yield rows

    def rollouts(self) -> dict[str, Any]:
        """What TRL asks of a rollout function, for the cycle that begins now."""
        cycle = self.state.global_step // self._settings.steps_per_cycle
        plan = self._plan[cycle]
        # Minibatches are shuffled by the global generator: a resumed run must shuffle as the whole one did.
        torch.manual_seed(int(content_key(self._seed, "cycle", cycle), 16) % 2**31)
        self._engine.refresh(whole_names(self.model, layers=self._layers))
        measured = dict(self._measure(self._engine)) if self._measure else {}
        by_key: dict[str, Rollout] = {}
        for _ in plan.batches:
            rows = [Rollout.model_validate(row) for row in next(self._batches)]
            by_key.update((row.key, row) for row in rows)
            self._advance(len(rows))
        ordered = [by_key[key_of(i, k)] for i in plan.case_ids for k in range(self._settings.num_samples)]
        self._about = {"cycle": cycle, **summary(ordered), **measured}
        prompts = [self._prompt(self._cases[row.case_id], decided=row.decided) for row in ordered]
        self._run_lower(prompts, ordered)
        out: dict[str, Any] = {
            "prompt_ids": prompts, "completion_ids": [list(row.ids) for row in ordered], "logprobs": None,
            "rollout_reward": [row.reward for row in ordered],
        }  # fmt: skip
        if self._settings.answer_only:
            out["env_mask"] = [answer_mask(row, self._decode) for row in ordered]
        return out

    def _prompt(self, case: Case, *, decided: bool = False) -> list[int]:
        return prompt_ids(self._engine, case, decided=decided)

    def _decode(self, ids: Sequence[int]) -> str:
        return self._engine.tokenizer.decode(ids, skip_special_tokens=True)

    def _run_lower(self, prompts: Sequence[list[int]], rollouts: Sequence[Rollout]) -> None:
        """Runs the frozen layers over the cycle's rollouts, once."""
        tokens = [
            Tokens(prompt + list(row.ids), [0.0] * len(prompt) + [1.0] * len(row.ids))
            for prompt, row in zip(prompts, rollouts, strict=True)
        ]
        self._trunk = run_lower(self._lower, tokens, self._begin, advance=lambda _: None)
        self._place = {(tuple(row.ids), len(p)): i for i, (row, p) in enumerate(zip(tokens, prompts, strict=True))}
        self._decided = [row.decided for row in rollouts]

    # --- what TRL computes with ------------------------------------------------------------------------------------

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int, batch_size: int | None = None,
        compute_entropy: bool = False, **unused: Any,
    ) -> tuple[Tensor, Tensor | None, None]:  # fmt: skip
        """Log-probabilities of the completion's tokens, shape (B, C), and entropies in nats; 0 at padding."""
        starts = attention_mask[:, :-logits_to_keep].sum(1).tolist()
        rows = [
            self._place[tuple(ids[mask.bool()].tolist()), start]
            for ids, mask, start in zip(input_ids, attention_mask, starts, strict=True)
        ]
        size = batch_size or len(rows)
        parts = [
            self._log_probs(model, rows[i : i + size], starts[i : i + size], logits_to_keep)
            for i in range(0, len(rows), size)
        ]
        log_probs_BC = torch.cat([log_probs for log_probs, _ in parts])
        return log_probs_BC, torch.cat([entropy for _, entropy in parts]) if compute_entropy else None, None

    def _log_probs(self, model: Any, rows: Sequence[int], starts: Sequence[int], width: int) -> tuple[Tensor, Tensor]:
        assert self._trunk is not None, "log-probabilities are asked of rollouts that were run"
        device = self.args.device
        batch = [t.to(device) for t in self._trunk.batch(rows)]
        prefix_PD, hidden_BTD, rows_N, columns_N, targets_N, _ = batch
        with torch.autocast(device.type, torch.bfloat16):
            logits_NV = model(prefix_PD, hidden_BTD, rows_N, columns_N)
        first_B = torch.tensor(starts, device=device)
        decided_B = torch.tensor([self._decided[i] for i in rows], device=device)
        place_N = columns_N + 1 + len(self._begin) - first_B[rows_N]
        logits_NV = logits_NV.float()
        verdict_N = (place_N == 0) & decided_B[rows_N]
        logits_NV[verdict_N] = logits_NV[verdict_N] + self._bias(logits_NV)
        written = [self._trunk.tokens[i].ids[start:] for i, start in zip(rows, starts, strict=True)]
        rule = self._engine.answering
        logits_NV = as_sampled(
            logits_NV, written, temperature=self._settings.temperature, frequency_penalty=self._settings.frequency_penalty,
            forbidden=[rule.forbidden_in(ids) if self._decided[i] else () for i, ids in zip(rows, written, strict=True)],
        )  # fmt: skip
        shape = (len(rows), width)
        log_probs_N = -torch.nn.functional.cross_entropy(logits_NV, targets_N, reduction="none")
        log_probs_BC = log_probs_N.new_zeros(shape).index_put((rows_N, place_N), log_probs_N)
        entropy_BC = log_probs_N.new_zeros(shape)
        entropy_BC[rows_N, place_N] = entropy(logits_NV.detach())
        return log_probs_BC, entropy_BC

    def _bias(self, logits_NV: Tensor) -> Tensor:
        """The calibrated biases of a sampled verdict, shape (V,): the policy that is trained is the one that is used."""
        ids, bias = self._engine.verdict_ids, self._engine.bias
        row_V = logits_NV.new_zeros(logits_NV.shape[-1])
        row_V[ids["refuse"]] += bias.refuse
        row_V[ids["safe_complete"]] += bias.safe_complete
        return row_V

    # --- what is kept ----------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        seal(self._checkpoints / f"checkpoint-{self.state.global_step}")

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """A row a cycle in the run's curve; what the policy was measured at is the policy that wrote the cycle's rollouts."""
        metrics: dict[str, list[float]] = self._metrics["train"]
        if "loss" in logs:
            found = {
                name: sum(values) / len(values)
                for name, key in (("kl", "kl"), ("entropy", "entropy"), ("clipped", "clip_ratio/region_mean"))
                if (values := [v for v in metrics[key] if v == v])
            }
            kept = {key: logs[key] for key in ("loss", "grad_norm", "learning_rate") if key in logs}
            self._run.append("curve", [{"step": self.state.global_step, **self._about, **found, **kept}])
        metrics.clear()

    def finish(self, step: int) -> None:
        """The last row of the curve: what was measured of the policy that training ended at."""
        self._engine.refresh(whole_names(self.model, layers=self._layers))
        measured = dict(self._measure(self._engine)) if self._measure else {}
        if measured:
            rows = [row for row in self._run.rows("curve") if "rollouts" in row]
            self._run.write("curve", [*rows, {"step": step, "cycle": len(self._plan), **measured}])

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: the run's own card says more."""


def _planned_rollouts(prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
    """TRL asks for prompts; what is sampled for them stands in the plan."""
    return trainer.rollouts()


def _reward_of_rollout(rollout_reward: Sequence[float | None], **unused: Any) -> list[float | None]:
    """The reward that stands in the rollout's row; None is masked by TRL."""
    return list(rollout_reward)


def _keys(cycles: Sequence[CyclePlan]) -> list[str]:
    return [key for cycle in cycles for batch in cycle.batches for key in batch]


def _count(cycles: Sequence[CyclePlan]) -> int:
    return len(_keys(cycles))
