"""Stage 1 of `align`: a teacher that reads the policy writes completions, a judge filters them, bare prompts become examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from precepts.deliberative import build_examples, filter_completions, generate
from precepts.evals.arms import completion_of
from precepts.judges import Judge, spread_judge
from precepts.models import Model, Sampling, open_model, plan_batches
from precepts.pipelines.config import FREQUENCY_PENALTY, AlignConfig, cases_of, policy_of, sample
from precepts.pipelines.judging import filter_judge
from precepts.pipelines.since import before_of, known_judgments, known_rows, teaching_key, touched
from precepts.progress import progress
from precepts.runs import Row, Run
from precepts.types import Case, Completion, content_key
from precepts.workers import Spread, here

_BATCH = 96
_REASONING_TOKENS = 80
"""What a teacher that writes its reasoning may add to the answer's limit."""


def data_stage(run: Run, config: AlignConfig, *, over: Spread = here) -> Row:
    """Generates, filters and builds the training set; returns the counts. A finished stage is read, not run again.

    `over` says who generates and judges; what is written is the same.
    """
    stage = run.stage("data")
    if stage.finished:
        return _counts(stage)
    policy = policy_of(run)
    train = sample(cases_of(run, "train"), config.limit, seed=config.seed, pairs=True)
    chosen = to_generate(train, config)
    name = config.teacher or config.model
    most = config.max_answer_tokens + (_REASONING_TOKENS if config.mode == "written" else 0)
    sampling = Sampling(max_tokens=most, temperature=0.6, top_p=0.9, frequency_penalty=FREQUENCY_PENALTY)
    seeds_of = {case.id: int(content_key(config.seed, case.id), 16) % 2**31 for case in chosen}
    keys = {
        c.id: teaching_key(c, policy, teacher=name, mode=config.mode, sampling=sampling, seed=seeds_of[c.id])
        for c in chosen
    }
    before = before_of(run, config.since)
    changed = touched(train, before, policy, mode=config.mode) if before else set[str]()
    if before and before.run is None:
        chosen = [case for case in chosen if case.id in changed]
    reused = known_rows(before, chosen, keys)
    there = {completion.case_id: completion for completion in reused}
    left = [case for case in chosen if case.id not in there]
    planned = [list(there)] if there else []
    planned += plan_batches(left, size=_BATCH, by_category=config.mode == "written")
    stage.begin({"teacher": name, "mode": config.mode, "seed": config.seed, "batches": planned})
    by_id = {case.id: case for case in chosen}
    loaded: list[Model] = []

    def make(number: int, ids: Sequence[str]) -> list[dict[str, Any]]:
        if there.keys() == set(ids):
            return [there[i].model_dump(mode="json") for i in ids]
        if not loaded:
            loaded.append(open_model(name))
        batch = [by_id[i] for i in ids]
        seeds = [seeds_of[case.id] for case in batch]
        made = generate(batch, teacher=loaded[0], policy=policy, mode=config.mode, sampling=sampling, seeds=seeds)
        return [
            completion_of(
                case,
                result,
                model=name,
                key=keys[case.id],
                seed=s,
                batch=number,
                opener=None,
            ).model_dump(mode="json")
            for case, result, s in zip(batch, made, seeds, strict=True)
        ]

    completions: list[Completion] = []
    done = len(stage.rows("completions"))
    with progress("generate with the policy", len(chosen), unit="cases") as bar:
        for _, rows in stage.batches("completions", planned, make, over=over):
            completions += [Completion.model_validate(row) for row in rows]
            bar.advance(len(rows), replayed=len(completions) <= max(done, len(there)))
    loaded.clear()
    judges: list[Judge] = [spread_judge(partial(filter_judge, config.judge, policy), policy, over)]
    known = known_judgments(before, reused, by_id, policy, judge=config.judge)
    with progress(f"filter with {config.judge or 'the shipped probe'}", len(completions), unit="completions") as bar:
        filtered = filter_completions(chosen, completions, policy=policy, judges=judges, known=known)
        bar.advance(len(completions))
    stage.write("judgments", [j for f in filtered for j in f.judgments])
    stage.write(
        "kept",
        [{"case_id": f.completion.case_id, "completion": f.completion.key} for f in filtered if f.reason is None],
    )
    stage.write(
        "dropped",
        [
            {"case_id": f.completion.case_id, "completion": f.completion.key, "reason": f.reason}
            for f in filtered
            if f.reason
        ],
    )
    kept = {f.completion.case_id: f.completion for f in filtered if f.reason is None}
    if config.mode == "written":
        train = [case for case in train if case.id in kept]
    examples = build_examples(train, kept, policy=policy)
    stage.write("examples", examples)
    counts = {
        "cases": len(train), "generated": len(completions), "kept": len(kept), "examples": len(examples),
        "dropped": dict(sorted(Counter(f.reason for f in filtered if f.reason).items())), "filter_judges": [j.name for j in judges],
    }  # fmt: skip
    if before:
        counts |= {"touched": len(changed), "reused": len(reused)}
    stage.finish(counts=counts)
    return counts


def to_generate(train: Sequence[Case], config: AlignConfig) -> list[Case]:
    """The cases for which a teacher writes: in written mode all, in guided mode `num_answers` of those that name a clause.

    Everyday cases come first: their answers teach the student to go on answering as it did.
    """
    if config.mode == "written":
        return list(train)
    named = [case for case in train if case.clauses]
    alone = [case for case in named if case.pair is None]
    twins = [case for case in named if case.pair is not None]
    first = sample(alone, config.num_answers, seed=config.seed)
    rest = sample(twins, max(0, config.num_answers - len(first)), seed=config.seed, pairs=True)
    chosen = {case.id for case in (*first, *rest)}
    return [case for case in train if case.id in chosen]


def _counts(stage: Run) -> Row:
    import json

    return json.loads((stage.path / "run.json").read_text("utf-8"))["counts"]
