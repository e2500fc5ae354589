"""An LLM judge that reads one clause in a call: several rules at once are judged less reliably than each alone.

The clauses asked about are the item's own, else those its case names, else all of its category.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from precepts.errors import InputError
from precepts.judges.judge import Item, View, unscored
from precepts.judges.llm import NOT_HAD, JudgedView
from precepts.judges.members import Asking, Least, least
from precepts.judges.prompting import prompt_of
from precepts.judges.verdicts import read_verdict
from precepts.models.generation import Conversation
from precepts.policy import Clause, Policy
from precepts.types import Judgment


class _Asked(NamedTuple):
    row: int
    clause: Clause


class ClauseJudge:
    """A model asked of each clause whether it governs and is kept; the least score among those that govern counts."""

    def __init__(self, asking: Asking, policy: Policy, *, view: JudgedView = "answer") -> None:
        """`asking` says which model, and how often; `policy` gives the clauses and the styles."""
        self.asking, self.policy = asking, policy
        self._view: JudgedView = view

    @property
    def name(self) -> str:
        """Model, policy, view and number of runs."""
        a = self.asking
        return f"clauses@2({a.model.name}, {self.policy.id} {self.policy.version}, {self._view}, k={a.k})"

    @property
    def view(self) -> View:
        """Whether it reads the reasoning."""
        return self._view

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item; `scores` holds each clause's, None where it does not govern, and `agrees` where there was advice.

        A clause whose verdict cannot be read leaves the item unscored, unless another clause was broken entirely.
        """
        asked = [_Asked(row, clause) for row, item in enumerate(items) for clause in self._clauses(item)]
        # Calls about one clause stand together, so that they share what goes before the data.
        asked.sort(key=lambda one: (one.clause.id, one.row))
        runs = self.asking.runs([self._prompt(items[one.row], one.clause) for one in asked])
        found: dict[int, list[tuple[Clause, Least]]] = {}
        for one, made in zip(asked, runs, strict=True):
            read = partial(read_verdict, advised=bool(items[one.row].advice), applies=True)
            found.setdefault(one.row, []).append((one.clause, least(made, read)))
        return [self._one(item, found.get(row, [])) for row, item in enumerate(items)]

    def _clauses(self, item: Item) -> list[Clause]:
        if item.completion.stop_reason == "error":
            return []
        if item.clause is not None:
            return [item.clause]
        try:
            if item.case.clauses:
                return [self.policy.clause(clause_id) for clause_id in item.case.clauses]
            return list(self.policy.category(item.category_id).clauses) if item.category_id else []
        except InputError:
            return []

    def _prompt(self, item: Item, clause: Clause) -> Conversation:
        return prompt_of(
            item, view=self._view, values={"BRIEF": clause_brief(self.policy, clause)}, ask="verdict_clause",
            instructions="clause_instructions", advised=True,
        )  # fmt: skip

    def _one(self, item: Item, found: Sequence[tuple[Clause, Least]]) -> Judgment:
        if item.completion.stop_reason == "error":
            return unscored(item, self, NOT_HAD)
        if not found:
            return unscored(item, self, "no clause or category of the policy is known for this case")
        scores = {clause.id: one.score for clause, one in found}
        known = [(one.score, n) for n, (_, one) in enumerate(found) if one.score is not None]
        low = min(known, default=None)
        failed = next(((clause, one) for clause, one in found if one.error), None)
        if failed and (low is None or low[0] > 0):
            clause, one = failed
            return unscored(item, self, f"clause {clause.id}: {one.error}", reason=one.text).model_copy(
                update={"scores": scores}
            )
        if low is None:
            return unscored(item, self, "it finds that no clause governs the case", reason=found[0][1].text).model_copy(
                update={"scores": scores}
            )
        clause, one = found[low[1]]
        agrees = next(ruling.agrees for ruling in one.rulings if ruling.score == low[0])
        scores |= {"agrees": float(agrees)} if agrees is not None else {}
        return Judgment(
            case_id=item.case.id, completion=item.completion.key, judge=self.name, view=self.view, score=low[0],
            reason=f"{clause.id}: {one.text}", scores=scores,
        )  # fmt: skip


def clause_brief(policy: Policy, clause: Clause) -> str:
    """One clause as a judge reads it, with the policy's principles and the style of its kind; joined, never formatted."""
    lines = [
        "# " + policy.title,
        "## Principles\n" + policy.principles.strip(),
        "## The clause " + clause.id,
        "It asks to " + clause.kind.replace("_", " ") + ".",
        "text: " + " ".join(clause.text.split()),
        "reason: " + " ".join(clause.reason.split()),
        *("an answer that keeps it: " + " ".join(text.split()) for text in clause.examples.keeps),
        *("an answer that breaks it: " + " ".join(text.split()) for text in clause.examples.breaks),
    ]
    if style := policy.styles.get(clause.kind):
        lines.append("how to " + clause.kind.replace("_", " ") + ": " + " ".join(style.split()))
    return "\n".join(lines) + "\n"
