"""How to reinforce: the settings of GRPO, and how they are fitted to a number of prompts."""

from __future__ import annotations

from precepts.types import Frozen


class GRPOSettings(Frozen):
    """How to reinforce. Defaults are for the embedded model.

    `beta` is the weight of the KL term against the start model (0.04 in the paper); `answer_only` updates the answer's tokens alone.
    `temperature` and `frequency_penalty` are part of the policy: it is trained as it samples. Advantages are not divided by a group's
    deviation (Liu et al. 2025, arXiv 2503.20783): a group split by what it did weighs more than one split by style.
    """

    top_layers: int = 10
    num_samples: int = 8
    prompts_per_cycle: int = 16
    rollout_batch: int = 64
    batch_size: int = 32
    num_iterations: int = 1
    learning_rate: float = 3e-5
    beta: float = 0.04
    epsilon: float = 0.2
    temperature: float = 1.0
    frequency_penalty: float = 0.0
    max_tokens: int = 96
    max_grad_norm: float = 1.0
    answer_only: bool = False
    num_checkpoints: int = 3

    @property
    def steps_per_cycle(self) -> int:
        """Optimiser steps between two generations."""
        return self.prompts_per_cycle * self.num_samples // self.batch_size * self.num_iterations


def fitted(settings: GRPOSettings, num_prompts: int) -> GRPOSettings:
    """The settings with cycles of equal size, so that few of `num_prompts` prompts are left over, and steps that divide a cycle."""
    prompts = num_prompts // -(-num_prompts // settings.prompts_per_cycle)
    rollouts = prompts * settings.num_samples
    batch = next(b for b in range(min(settings.batch_size, rollouts), 0, -1) if rollouts % b == 0)
    return settings.model_copy(update={"prompts_per_cycle": prompts, "batch_size": batch})
