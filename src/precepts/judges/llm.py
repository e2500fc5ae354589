"""LLM judges that are given the policy: one that reasons and then says its verdict, one that is only read forward.

Guan et al. 2024 (arXiv 2412.16339), section on filtering: the judge is prompted with the policy of the category, is run
k times, and the completion's score is the least of the k, for one run may overlook a fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from precepts.errors import InputError
from precepts.judges.judge import Item, View, unscored
from precepts.judges.members import KEPT_TEXT
from precepts.judges.prompting import judge_prompt
from precepts.judges.verdicts import Ruling, no_text, read_verdict
from precepts.models.generation import Generated, Model, Sampling, ScoringModel
from precepts.policy import Policy
from precepts.types import Judgment

JudgedView = Literal["answer", "full"]


class LlmJudge:
    """A model given the brief of the category and asked for a reason, then a verdict; the least of k runs counts."""

    def __init__(
        self,
        model: Model,
        policy: Policy,
        *,
        view: JudgedView = "answer",
        k: int = 1,
        seed: int = 0,
        batch_size: int = 16,
        max_tokens: int = 256,
        temperature: float = 0.7,
    ) -> None:
        """Prepares a judge.

        Args:
            model: Any model that answers conversations.
            policy: Given to the judge category by category.
            view: `answer` for rewards; `full` shows the reasoning too.
            k: Runs per item; with 1 the judge is greedy. The paper does not give its k.
            seed: Run number r of every item samples with seed + r.
            batch_size: Prompts in one call of the model; all of one category, so that they share the brief.
            max_tokens: For reason and verdict.
            temperature: Of the runs, where k > 1.
        """
        assert min(k, batch_size) > 0, "a judge runs at least once, on at least one item"
        self.model, self.policy, self.k, self.seed, self.batch_size = model, policy, k, seed, batch_size
        self._view: JudgedView = view
        self._sampling = Sampling(max_tokens=max_tokens, temperature=temperature if k > 1 else 0.0)

    @property
    def name(self) -> str:
        """Model, policy, view and number of runs."""
        return f"llm@2({self.model.name}, {self.policy.id} {self.policy.version}, {self._view}, k={self.k})"

    @property
    def view(self) -> View:
        """Whether it reads the reasoning."""
        return self._view

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item; score None, with the judge's text, where a run has no verdict that can be read."""
        out: dict[int, Judgment] = {}
        for category, rows in by_category(items, self.policy, size=max(1, self.batch_size // self.k)):
            if category is None:
                out.update(
                    (i, unscored(items[i], self, "no category of the policy is known for this case")) for i in rows
                )
                continue
            prompts = [judge_prompt(items[i], self.policy, category, view=self._view, ask="verdict") for i in rows]
            made = self.model.generate(
                [prompt for prompt in prompts for _ in range(self.k)],
                sampling=self._sampling,
                seeds=[self.seed + run for _ in rows for run in range(self.k)],
            )
            for place, i in enumerate(rows):
                out[i] = self._one(items[i], made[place * self.k : (place + 1) * self.k])
        return [out[i] for i in range(len(items))]

    def _one(self, item: Item, runs: Sequence[Generated]) -> Judgment:
        if item.completion.stop_reason == "error":
            return unscored(item, self, NOT_HAD)
        rulings = [ruling_of(run, advised=bool(item.advice)) for run in runs]
        scores = {f"run_{n}": ruling.score for n, ruling in enumerate(rulings)}
        failed = [n for n, ruling in enumerate(rulings) if ruling.score is None]
        known = [(ruling.score, n) for n, ruling in enumerate(rulings) if ruling.score is not None]
        least = min(known, default=None)
        if failed and (least is None or least[0] > 0):
            # The run that failed might have been the least: unless another found nothing kept, the least is not known.
            text = runs[failed[0]].text[-KEPT_TEXT:]
            return unscored(item, self, f"run {failed[0]}: {rulings[failed[0]].error}", reason=text).model_copy(
                update={"scores": scores}
            )
        assert least is not None
        return Judgment(
            case_id=item.case.id,
            completion=item.completion.key,
            judge=self.name,
            view=self.view,
            score=least[0],
            reason=runs[least[1]].text[-KEPT_TEXT:],
            scores=scores | ({"agrees": float(agrees)} if (agrees := rulings[least[1]].agrees) is not None else {}),
        )


class ForwardJudge:
    """A small local model read forward: how much likelier Yes is than No. Nothing is generated or parsed."""

    def __init__(
        self,
        scorer: ScoringModel,
        policy: Policy,
        *,
        view: JudgedView = "answer",
        words: tuple[str, str] = ("Yes", "No"),
    ) -> None:
        """`words` are the two answers compared, kept first; each should be one token of the model."""
        self.scorer, self.policy, self.words = scorer, policy, words
        self._view: JudgedView = view

    @property
    def name(self) -> str:
        """Model, policy and view."""
        return f"forward@2({self.scorer.name}, {self.policy.id} {self.policy.version}, {self._view})"

    @property
    def view(self) -> View:
        """Whether it reads the reasoning."""
        return self._view

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item; the score is the probability of the first word among the two, not calibrated."""
        out: dict[int, Judgment] = {}
        for category, rows in by_category(items, self.policy, size=len(items)):
            if category is None:
                out.update(
                    (i, unscored(items[i], self, "no category of the policy is known for this case")) for i in rows
                )
                continue
            prompts = [judge_prompt(items[i], self.policy, category, view=self._view, ask="forward") for i in rows]
            found = self.scorer.log_probs(
                [prompt for prompt in prompts for _ in self.words], list(self.words) * len(rows)
            )
            for place, i in enumerate(rows):
                out[i] = self._one(items[i], found[2 * place] - found[2 * place + 1])
        return [out[i] for i in range(len(items))]

    def _one(self, item: Item, log_odds: float) -> Judgment:
        if item.completion.stop_reason == "error":
            return unscored(item, self, NOT_HAD)
        if not math.isfinite(log_odds):
            return unscored(item, self, "the model gives no probability to its two answers")
        return Judgment(
            case_id=item.case.id,
            completion=item.completion.key,
            judge=self.name,
            view=self.view,
            score=1 / (1 + math.exp(-max(-500.0, min(500.0, log_odds)))),
            reason=f"log-odds {log_odds:.2f} of {self.words[0]} against {self.words[1]}",
            scores={"log_odds": log_odds},
        )


NOT_HAD = "the completion could not be had"


def ruling_of(run: Generated, *, advised: bool = False) -> Ruling:
    """The verdict that a run ends with; an error where its text was cut or could not be had."""
    if run.stop_reason == "stop":
        return read_verdict(run.text, advised=advised)
    return Ruling(None, no_text(run))


def by_category(items: Sequence[Item], policy: Policy, *, size: int) -> Iterator[tuple[str | None, list[int]]]:
    """Rows of one category at a time, at most `size`; None for those whose category the policy does not have."""
    known = {category.id for category in policy.categories}
    groups: dict[str | None, list[int]] = {}
    for i, item in enumerate(items):
        category = item.category_id
        if category not in known:
            category = _home(item, policy)
        groups.setdefault(category, []).append(i)
    for category, rows in groups.items():
        for start in range(0, len(rows), size):
            yield category, rows[start : start + size]


def _home(item: Item, policy: Policy) -> str | None:
    """The category of the clause that governs: the item's, else the first that its case names."""
    named = item.clause.id if item.clause is not None else next(iter(item.case.clauses), None)
    if named is None:
        return None
    try:
        return policy.category_of(named).id
    except InputError:
        return None
