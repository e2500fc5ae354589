"""A judge on every worker: items go out in parts, judgments come back in the items' order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from precepts.judges.judge import Comparing, Item, Judge, View
from precepts.judges.llm import by_category
from precepts.policy import Policy
from precepts.types import Case, Judgment
from precepts.workers import Spread, here

_PART = 80
"""Items in a part, all of one category: a multiple of what a judge that runs one to four times puts in one call, so that its calls are
those that it would make here."""


class _Said(NamedTuple):
    name: str
    view: View
    judgments: list[Judgment]


class SpreadJudge:
    """A judge that is made where it judges. Satisfies `Judge`; its name is known once it has judged, else it is made here to tell it."""

    def __init__(self, make: Callable[[], Judge], policy: Policy | None, over: Spread) -> None:
        """`make` loads the judge; it is called once on each worker."""
        self._make, self._policy, self._over = make, policy, over
        self._told: tuple[str, View] | None = None

    @property
    def name(self) -> str:
        """The judge's own."""
        return self._known()[0]

    @property
    def view(self) -> View:
        """The judge's own."""
        return self._known()[1]

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item, in order."""
        make, loaded = self._make, list[Judge]()
        # A judge that compares prompts compares with all of them, whichever part a worker is given.
        cases = [Case(id=item.case.id, messages=item.case.messages, pair=item.case.pair) for item in items]

        def work(part: Sequence[Item]) -> _Said:
            if not loaded:
                judge = make()
                loaded.append(judge.among(cases) if isinstance(judge, Comparing) else judge)
            return _Said(loaded[0].name, loaded[0].view, loaded[0].judge(part))

        parts = self._parts(items)
        out: dict[int, Judgment] = {}
        for rows, said in zip(parts, self._over(work, [[items[i] for i in rows] for rows in parts]), strict=True):
            self._told = (said.name, said.view)
            out.update(zip(rows, said.judgments, strict=True))
        return [out[i] for i in range(len(items))]

    def _parts(self, items: Sequence[Item]) -> list[list[int]]:
        if self._policy is not None:
            return [rows for _, rows in by_category(items, self._policy, size=_PART)]
        return [list(range(start, min(start + _PART, len(items)))) for start in range(0, len(items), _PART)]

    def _known(self) -> tuple[str, View]:
        if self._told is None:
            judge = self._make()
            self._told = (judge.name, judge.view)
        return self._told


def spread_judge(make: Callable[[], Judge], policy: Policy | None, over: Spread) -> Judge:
    """The judge itself where work is done here, else one on every worker."""
    return make() if over is here else SpreadJudge(make, policy, over)
