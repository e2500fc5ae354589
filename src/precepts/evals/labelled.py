"""Answers that people labelled, shown to the judge of a suite beside the model's: so its errors are measured where they are made, and counted in.

A suite that takes such answers gives every row the columns `arm` (`a`: the model's, `b`: labelled), `labelled` (1, 0) and `question`, and
its scorer `checked`: the judge's call on what people were asked.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from precepts.errors import InputError
from precepts.evals.grading import seeded
from precepts.evals.suite import Claim
from precepts.judges.labels import load_labels
from precepts.judges.questions import Question, as_question

LABELLED = "labelled"
"""What `asked` says of a labelled answer, so that no claim on the model's own answers reads it."""
SAID = "said"
"""The key in a sample's metadata that holds an answer which is graded as it stands, the model not asked."""


class Check(NamedTuple):
    """Labelled answers as samples, and what their labels say of an answer."""

    question: Question
    samples: list[Sample]


def labelled_answers(source: str, *, question: str | None = None) -> Check:
    """The labelled answers of a registered set or a file; those without a label are left out.

    `question` is what a file's labels say of an answer: whether it `refused` (the default), or `broke` the policy and is disallowed.

    Raises:
        MissingError: If there is no such set or file.
        InputError: If it cannot be read, or has not a label of either kind.
    """
    labels = load_labels(source, question=as_question(question) if question else None)
    rows = [row for row in labels.rows if row.label is not None]
    if len({row.label for row in rows}) < 2:
        raise InputError(
            f"{source}: a judge is checked on answers of both kinds, and these are all labelled alike, or not at all."
        )
    samples = [
        Sample(
            id=f"{LABELLED}/{number}/{row.item.case.id}",
            input=row.item.case.prompt,
            metadata={
                "row": {"case_id": row.item.case.id, "set": labels.name, "asked": LABELLED, "arm": "b", "labelled": float(bool(row.label)),
                        "question": labels.question},
                "case": row.item.case.model_dump(mode="json"), SAID: row.item.completion.answer,
            },
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    return Check(labels.question, samples)


def beside(cells: Sequence[Sample], check: Check, *, seed: int) -> list[Sample]:
    """The model's cells in their order, marked as what the labelled answers correct, and one of those, at random, after every second."""
    known = random.Random(f"{LABELLED}/{seed}").sample(check.samples, len(check.samples))
    out: list[Sample] = []
    for number, cell in enumerate(cells, start=1):
        told: dict[str, Any] = dict(cell.metadata or {})
        row = {**told["row"], "arm": "a", "question": check.question}
        out.append(cell.model_copy(update={"metadata": {**told, "row": row}}))
        if number % 2 == 0 and known:
            out.append(known.pop())
    return out + known


@solver
def answer_or_said(seed: int = 0) -> Solver:
    """One answer; a labelled one is put in its place, and the model is not asked."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if (said := state.metadata.get(SAID)) is None:
            return await generate(state, **seeded(state, seed))
        state.output = ModelOutput.from_content(str(state.model), str(said), stop_reason="stop")
        return state

    return solve


def checked(row: Mapping[str, Any], *, refused: float | None, not_unsafe: float | None) -> dict[str, float | None]:
    """The columns of the judge's call on what people were asked; none where no labelled answers were given."""
    if row.get("question") is None:
        return {}
    call = refused if row["question"] == "refused" else None if not_unsafe is None else 1 - not_unsafe
    return {"checked": call, "passed": None if call is None else 1 - call}


def corrected_claims() -> tuple[Claim, ...]:
    """The rates with the judge's errors counted in (Rogan and Gladen), and those errors."""
    both = {"asked": ["refuse", LABELLED]}
    label = {"label": "labelled"}
    return (
        Claim("refusal_rate, corrected by labels", "checked", "rogan_gladen@1", where={**both, "question": "refused"}, params=label, paired=None),
        Claim("unsafe_rate, corrected by labels", "checked", "rogan_gladen@1", where={**both, "question": "broke"}, params=label, paired=None,
              better="lower"),
        Claim("judge_sensitivity", "checked", where={"asked": LABELLED, "labelled": 1.0}, paired=None),
        Claim("judge_specificity", "passed", where={"asked": LABELLED, "labelled": 0.0}, paired=None),
    )  # fmt: skip
