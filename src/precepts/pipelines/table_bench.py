"""What the tables of `precepts align table` work with: a model, a policy, cases, a judge, and a place to keep what was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from precepts.evals.arms import Known, System, complete, completion_of
from precepts.evals.languages import Table
from precepts.evals.scores import items_of, score_row
from precepts.judges import Judge
from precepts.models import Model, Sampling, open_model
from precepts.pipelines.config import FREQUENCY_PENALTY
from precepts.policy import Policy
from precepts.runs import Row, Run
from precepts.types import Case, Completion, content_key

_BATCH = 32


class Claim(NamedTuple):
    """A number of a table: which column, over which rows, in which slice; `other` is the second column of a difference.

    With a `label`, the AUC of the column for rows whose label is 1 against 0.
    """

    name: str
    score: str
    where: Mapping[str, Any] = {}
    slice: Mapping[str, str] = {}
    other: str | None = None
    better: str = "higher"
    label: str | None = None


Made = tuple[list[Row], list[Claim]]
"""Rows of a table, and what is claimed of them."""


class Bench(NamedTuple):
    """What a table works with. `loaded` holds the model once a part of the table has needed it."""

    run: Run
    ref: str
    name: str
    policy: Policy
    cases: Sequence[Case]
    max_tokens: int
    judge: Judge
    loaded: list[Model]
    known: Known | None = None
    translations: Table | None = None
    monitor: Judge | None = None

    @property
    def sampling(self) -> Sampling:
        """As in `align eval`."""
        return Sampling(max_tokens=self.max_tokens, frequency_penalty=FREQUENCY_PENALTY)

    def model(self) -> Model:
        """The model, loaded once for all parts of the table."""
        if not self.loaded:
            self.loaded.append(open_model(self.ref))
        return self.loaded[0]

    def write(self, part: str, cases: Sequence[Case], system: System | None = None) -> list[Completion]:
        """Completions of some cases, kept in a stage of that name; a stage that is there is read, and so is what was measured before."""
        stage = self.run.stage(part)
        stage.begin(
            {"model": self.name, "cases": [c.model_dump(mode="json") for c in cases], "max_tokens": self.max_tokens}
        )
        return complete(
            cases, model=self.model, name=self.name, run=stage, label=part, known=self.known, sampling=self.sampling, seed=0,
            system=system, openers=False,
        )  # fmt: skip

    def scored(
        self, cases: Sequence[Case], completions: Sequence[Completion], policy: Policy | None = None
    ) -> list[Row]:
        """What each answer did, as the judge of evaluations sees it."""
        under = policy or self.policy
        items = items_of(cases, completions, under)
        return [score_row(item, judgment, under) for item, judgment in zip(items, self.judge.judge(items), strict=True)]

    def go_on(self, part: str, cases: Sequence[Case], heads: Sequence[str]) -> list[Completion]:
        """Answers written after a given reasoning, one a case, kept in a stage of that name."""
        stage = self.run.stage(part)
        stage.begin(
            {"model": self.name, "cases": [c.id for c in cases], "heads": list(heads), "max_tokens": self.max_tokens}
        )
        at = {case.id: place for place, case in enumerate(cases)}

        def make(number: int, ids: Sequence[str]) -> list[Row]:
            places = [at[i] for i in ids]
            made = self.model().generate(
                [cases[p].messages for p in places], sampling=self.sampling, prefills=[heads[p] for p in places],
            )  # fmt: skip
            keys = [content_key(self.name, cases[p].id, heads[p]) for p in places]
            return [
                completion_of(cases[p], result, model=self.name, key=key, seed=0, batch=number, opener=None).model_dump(
                    mode="json"
                )
                for p, result, key in zip(places, made, keys, strict=True)
            ]

        planned = [[case.id for case in cases[start : start + _BATCH]] for start in range(0, len(cases), _BATCH)]
        return [
            Completion.model_validate(row) for _, found in stage.batches("completions", planned, make) for row in found
        ]
