"""Reinforces a fine-tuned model of any size against the policy, with rollouts by vLLM.

    accelerate launch --config_file recipes/config/fsdp.yaml recipes/grpo.py recipes/config/grpo_8b_fsdp.yaml RUN MODEL OUT [key=value …]

RUN gives the policy and the training cases, MODEL is the directory that `recipes/sft.py` wrote. The reward is that of `precepts align rl`:
disposition kept × relevance × style, from the answer alone, 0 for an invalid format, None where the judge fails. Prompts are those on which
MODEL is most uncertain; every process finds the same ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig
from sft import read_config, save
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from precepts.models.engine import SETTINGS
from precepts.models.format import parse
from precepts.pipelines.config import cases_of, policy_of
from precepts.pipelines.rl import RLOptions, reward_of, uncertain_cases
from precepts.runs import Run, write_atomic
from precepts.training.rollouts import Answered, Reward
from precepts.types import Case

RewardFunction = Callable[..., list[float | None]]


def reward_function(reward: Reward, cases: Sequence[Case]) -> RewardFunction:
    """What TRL asks of a reward: completions and the columns of their rows in, one number or None each out."""
    by_id = {case.id: case for case in cases}

    def score(
        completions: Sequence[Any], case_id: Sequence[str], completion_ids: Sequence[Sequence[int]], **unused: Any
    ) -> list[float | None]:
        texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
        parsed = [parse(text) for text in texts]
        answers = [
            Answered(key=f"{i}#{n}", case=by_id[i], answer=p.answer, valid_format=p.valid)
            for n, (i, p) in enumerate(zip(case_id, parsed, strict=True))
        ]
        return [scored.score for scored in reward(answers)]

    return score


def main(argv: Sequence[str]) -> None:
    """Reads the configuration, reinforces and saves."""
    config, run, base, out = read_config(Path(argv[0]), argv[4:]), Run(argv[1]), Path(argv[2]), Path(argv[3])
    args = GRPOConfig(output_dir=str(out / "checkpoints"), disable_tqdm=True, **config["trainer"])
    policy = policy_of(run)
    options = RLOptions(num_prompts=config["num_prompts"], judge=config["judge"])
    pool = [case for case in cases_of(run, "train") if case.clauses]
    cases = uncertain_cases(pool, base=base, policy=policy, options=options)
    tokenizer: Any = AutoTokenizer.from_pretrained(base, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=config["dtype"])
    rows = [{"prompt": [m.model_dump() for m in case.messages], "case_id": case.id} for case in cases]
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=[reward_function(reward_of(options, policy), cases)],
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(**config["lora"]) if config["lora"] else None,
    )
    last = max((out / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]), default=None)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    save(model, tokenizer, trainer, out)
    if trainer.accelerator.is_main_process:
        own = json.loads((base / SETTINGS).read_text("utf-8")) if (base / SETTINGS).exists() else {}
        write_atomic(out / "model" / SETTINGS, json.dumps(own, indent=1))


if __name__ == "__main__":
    if len(sys.argv) < 5:
        raise SystemExit(
            "usage: accelerate launch [--config_file FILE] recipes/grpo.py CONFIG RUN MODEL OUT [key=value …]"
        )
    main(sys.argv[1:])
