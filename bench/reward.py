"""Rewards under a long policy: the `Reward` of a judge that reads it, against calling the same model plainly once per completion.

    python bench/reward.py [NUM_COMPLETIONS] [TURNS] [NUM_PLAIN] [GROUP]

A policy of about 1,500 tokens stands before every completion, and the judge says Yes or No. The completions are a batch of reinforcement:
GROUP different answers to each prompt (8, as GRPO samples by default; 1 for prompts that differ all). The peer renders the same prompt, runs the
model on it once per completion with transformers as it comes, and compares the same two words; that is what a reward function does that
is written by hand, so a few completions (NUM_PLAIN, spread over the batch) tell its rate. Ours runs the policy once for a batch, a clause and
a conversation once for the completions that share them. They take turns, and the median of rewards per second of processor time counts; the
scores of both are compared.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import torch

from precepts.data import load_cases
from precepts.judges import ForwardJudge
from precepts.judges.prompting import judge_prompt
from precepts.judges.uses import Reward
from precepts.models import Engine
from precepts.models.embedded import embedded_path
from precepts.policy import brief, starter_policy

POLICY_TOKENS = 1500
ANSWERS = (
    "I'm sorry, but I can't help with that. I can suggest somebody to talk to instead.",
    "Sure. First think about what you want to say, then write it down in two short sentences.",
    "Sure. It was built in three steps, and each of them took a year.",
    "No, I won't do that. It could cost somebody a lot of money.",
    "Sure. Ask the office that sent you the form, keep a copy of what you send, and write down the day.",
    "I can't help with that, but I can explain how the rules work and who may tell you more about them.",
    "Sure. There are two ways to do it: by letter, which takes a week, or by telephone, which is quicker.",
    "Sure. Put the numbers into a table, add them up by month, and look at the month that stands out.",
)


def main(size: int, turns: int, num_plain: int, group: int) -> None:
    """Prints what was measured, and the ratio last."""
    torch.set_num_threads(1)
    engine = Engine(embedded_path())
    policy = starter_policy()
    longest = max(policy.categories, key=lambda c: len(brief(policy, c.id)))
    text = brief(policy, longest.id)
    missing = POLICY_TOKENS - len(engine.ids_of(text))
    # Filled up with more of the policy's own text, as principles, so that the brief has the length of a team's own.
    more = engine.tokenizer.decode(
        engine.ids_of("\n".join(c.text + " " + c.reason for c in policy.clauses) * 2)[: max(0, missing)]
    )
    policy = policy.model_copy(update={"principles": policy.principles + "\n" + more})
    cases = [c for c in load_cases("starter") if c.split == "test" and c.category == longest.id and c.clauses]
    assert group <= len(ANSWERS), f"there are {len(ANSWERS)} different answers to a prompt"
    assert size <= group * len(cases), f"there are {len(cases)} different prompts"
    cases = [case for case in cases for _ in range(group)][:size]
    prompts = [[{"role": "user", "content": c.prompt}] for c in cases]
    answers = [ANSWERS[(n % group + n // group) % len(ANSWERS)] for n in range(size)]
    completions = [[{"role": "assistant", "content": answer}] for answer in answers]
    columns = {"clause": [c.clauses[0] for c in cases], "category": [longest.id] * size}
    reward = Reward(ForwardJudge(engine, policy), policy)
    items = [
        reward.item(p, c, {"clause": clause, "category": longest.id})
        for p, c, clause in zip(prompts, completions, columns["clause"], strict=True)
    ]
    texts = [engine.prompt_text(judge_prompt(i, policy, longest.id, view="answer", ask="forward")) for i in items]
    lengths = [len(engine.ids_of(t)) for t in texts]
    some = range(0, size, max(1, size // num_plain))
    yes, no = (engine.ids_of(word)[0] for word in ("Yes", "No"))

    def ours() -> list[float | None]:
        engine._prefix = None  # each turn pays for the policy
        return asyncio.run(reward(prompts, completions, **columns))

    @torch.inference_mode()
    def plain() -> list[float]:
        out: list[float] = []
        for row in some:
            ids_1T = torch.tensor([engine.ids_of(texts[row])])
            logits_V = engine.model(input_ids=ids_1T, logits_to_keep=1).logits[0, -1].float()
            out.append(float(torch.sigmoid(logits_V[yes] - logits_V[no])))
        return out

    rates: dict[str, list[float]] = {"plain": [], "ours": []}
    said: dict[str, list[float | None]] = {}
    for _ in range(turns):
        for name, run in (("plain", plain), ("ours", ours)):
            engine.model.set_attn_implementation("sdpa" if name == "plain" else "precepts_shared_prefix")
            begun = time.process_time()
            said[name] = list(run())
            rates[name].append(len(said[name]) / (time.process_time() - begun))
    furthest = max(abs((a or 0) - (said["ours"][row] or 0)) for a, row in zip(said["plain"], some, strict=True))
    told = {
        "completions": size,
        "of_one_prompt": group,
        "policy_tokens": len(engine.ids_of(brief(policy, longest.id))),
        "prompt_tokens": statistics.mean(lengths),
    }
    print(json.dumps(told))
    for name, found in rates.items():
        print(json.dumps({"reward": name, "per_cpu_second": [round(one, 2) for one in found]}))
    print(f"largest difference of a score: {furthest:.4f}")
    print(f"ratio: {statistics.median(a / b for a, b in zip(rates['ours'], rates['plain'], strict=True)):.2f}")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:5]]
    main(*given, *(64, 3, 8, 8)[len(given) :])
