"""What a judge is: items in, judgments out, and a view that says what it was shown.

One `Judge` has four uses: it filters training data, rewards, scores evaluations and decides whether an attack worked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

from precepts.errors import InputError
from precepts.policy import Clause
from precepts.types import Case, Completion, Disposition, Judgment

View = Literal["answer", "full", "prompt"]
"""What a judge reads of a completion: the answer alone, the reasoning too, or nothing but the prompt."""


class Item(NamedTuple):
    """One completion to judge, the clause that governs its case, and what other annotators said of it, which may be wrong."""

    case: Case
    completion: Completion
    clause: Clause | None = None
    category: str | None = None
    advice: tuple[str, ...] = ()

    @property
    def category_id(self) -> str | None:
        """The category given, else the case's own."""
        return self.category or self.case.category

    @property
    def asked(self) -> Disposition | None:
        """What the clause asks for; never the case's own disposition, for what trains follows the policy alone."""
        return self.clause.kind if self.clause else None


@runtime_checkable
class Judge(Protocol):
    """Anything that judges completions."""

    @property
    def name(self) -> str:
        """What reports and judgments call it."""
        ...

    @property
    def view(self) -> View:
        """What it reads."""
        ...

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item, in order. One that cannot be judged gets score None and an error; nothing is raised."""
        ...


@runtime_checkable
class Comparing(Protocol):
    """A judge that holds an answer against the prompts of other cases too: what it says depends on which cases there are."""

    def among(self, cases: Sequence[Case]) -> Judge:
        """The judge that compares with the prompts of these cases, whichever of their answers it is then given."""
        ...


AnyJudge = TypeVar("AnyJudge", bound=Judge)


def for_reward(judge: AnyJudge) -> AnyJudge:
    """The same judge, once it is sure that it reads the answer alone.

    A reward that reads the chain of thought teaches the model to write what the reward likes to read (Guan et al. 2024,
    arXiv 2412.16339, section on RL).

    Raises:
        InputError: If the judge's view is anything but `answer`.
    """
    if judge.view != "answer":
        raise InputError(
            f"The judge {judge.name} reads {judge.view!r}, and a reward may read only 'answer'. "
            f"Use the judge with view='answer', or keep this one for filtering and testing."
        )
    return judge


def unscored(item: Item, judge: Judge, error: str, *, reason: str = "") -> Judgment:
    """The judgment of a judge that failed on this item: score None, with the error."""
    return Judgment(
        case_id=item.case.id,
        completion=item.completion.key,
        judge=judge.name,
        view=judge.view,
        score=None,
        reason=reason,
        error=error,
    )
