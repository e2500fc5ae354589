"""Running a model over cases: completions by planned batches, one arm at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from precepts.models.format import parse
from precepts.models.generation import Conversation, Generated, Model, Sampling, ScoringModel, plan_batches
from precepts.progress import progress
from precepts.runs import Run
from precepts.types import Case, Completion, Message, content_key
from precepts.workers import Spread, here

System = Callable[[Case], str | None]
"""What an arm puts before a case: a system text, or nothing (the bare prompt)."""


class Known(NamedTuple):
    """Completions made before by the same weights: the name they were made under, and rows by case id."""

    name: str
    rows: Mapping[str, Mapping[str, Any]]


def conversation_of(case: Case, system: str | None) -> Conversation:
    """The case's turns, with the system text before them; a case's own system turn is kept behind it."""
    if system is None:
        return case.messages
    own = [m for m in case.messages if m.role == "system"]
    rest = [m for m in case.messages if m.role != "system"]
    text = "\n\n".join([system, *(m.content for m in own)])
    return (Message(role="system", content=text), *rest)


def completion_of(
    case: Case, made: Generated, *, model: str, key: str, seed: int, batch: int, opener: float | None
) -> Completion:
    """A model's output with reasoning and answer apart."""
    parsed = parse(made.text)
    return Completion(
        key=key, case_id=case.id, model=model, text=made.text, cot=parsed.cot, answer=parsed.answer, clause=parsed.clause,
        verdict=parsed.verdict, valid_format=parsed.valid, stop_reason=made.stop_reason, num_tokens=made.num_tokens,
        decision=made.decision, opener=opener, batch=batch, seed=seed, error=made.error,
    )  # fmt: skip


def complete(
    cases: Sequence[Case], *, model: Callable[[], Model], name: str, run: Run, label: str, sampling: Sampling, seed: int,
    system: System | None = None, batch_size: int = 96, known: Known | None = None, over: Spread = here, openers: bool = True,
) -> list[Completion]:  # fmt: skip
    """One completion a case, in the plan's order, kept in the run's `completions` table; what is there already is read.

    `model` is called only if something is left to do, so that a finished stage loads nothing. A row of `known` that was made of the
    same conversation, sampling and seed is used again: those rows are the first batch of the plan. Without `openers` it is not read how
    answers open, which costs about as much again as a short answer.
    """
    by_id = {case.id: case for case in cases}
    there: dict[str, Completion] = {}
    for case in cases if known else ():
        row = known.rows.get(case.id) if known else None
        s = int(content_key(seed, case.id), 16) % 2**31
        conversation = list(conversation_of(case, system(case) if system else None))
        if known and row and row["key"] == content_key(known.name, case.id, conversation, sampling, s):
            key = content_key(name, case.id, conversation, sampling, s)
            there[case.id] = Completion.model_validate({**row, "key": key, "model": name})
    planned = [list(there)] if there else []
    planned += plan_batches([c for c in cases if c.id not in there], size=batch_size, by_category=system is not None)
    loaded: list[Model] = []

    def make(number: int, ids: Sequence[str]) -> list[dict[str, Any]]:
        if there.keys() == set(ids):
            return [there[i].model_dump(mode="json") for i in ids]
        if not loaded:
            loaded.append(model())
        chosen = [by_id[i] for i in ids]
        conversations = [conversation_of(case, system(case) if system else None) for case in chosen]
        seeds = [int(content_key(seed, case.id), 16) % 2**31 for case in chosen]
        made = loaded[0].generate(conversations, sampling=sampling, seeds=seeds)
        opened = _openers(loaded[0], conversations, made) if openers else [None] * len(made)
        return [
            completion_of(
                case,
                result,
                model=name,
                key=content_key(name, case.id, list(c), sampling, s),
                seed=s,
                batch=number,
                opener=opener,
            ).model_dump(mode="json")
            for case, c, result, s, opener in zip(chosen, conversations, made, seeds, opened, strict=True)
        ]

    done = len(run.rows("completions"))
    out: list[Completion] = []
    with progress(label, len(cases), unit="cases") as bar:
        for _, rows in run.batches("completions", planned, make, over=over):
            out += [Completion.model_validate(row) for row in rows]
            bar.advance(len(rows), replayed=len(out) <= max(done, len(there)))
    return out


def _openers(model: Model, conversations: Sequence[Conversation], made: Sequence[Generated]) -> list[float | None]:
    """How the answers open, read after each completion's own reasoning; None from models whose probabilities cannot be read."""
    if not isinstance(model, ScoringModel):
        return [None] * len(made)
    whole = [i for i, result in enumerate(made) if result.stop_reason != "error"]
    heads: list[str] = []
    for i in whole:
        before, closed, _ = made[i].text.partition("</think>")
        heads.append(f"{before}{closed}\n" if closed else "")
    odds = dict(zip(whole, model.openers([conversations[i] for i in whole], prefills=heads), strict=True))
    return [odds.get(i) for i in range(len(made))]
