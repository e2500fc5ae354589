"""A panel of judges: the least, the mean or the majority of its members, with their disagreement kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal, get_args

from precepts.errors import InputError
from precepts.judges.judge import Item, Judge, View, unscored
from precepts.judges.questions import call
from precepts.types import DISPOSITIONS, Disposition, Judgment

Method = Literal["min", "mean", "majority"]
METHODS: tuple[Method, ...] = get_args(Method)


class Panel:
    """Several judges as one.

    `min`: the least score. `mean`: the mean score. `majority`: 1 or 0 as more than half of *all* members say, a score above one
    half being a vote for 1. The verdict is the one that more than half of all members gave, and whether the answer refused what more than
    half say. A member that failed makes the
    panel unscored, unless it could not have changed the outcome (a 0 under `min`, a majority already there).

    `scores` holds each member's score under `member_0` and so on, and `disagreement`: the share of pairs of scored members that
    call the item differently.
    """

    def __init__(self, members: Sequence[Judge], *, method: Method = "min") -> None:
        """Joins at least two members that read the same view."""
        if len(members) < 2:
            raise InputError(f"A panel has at least two members; got {len(members)}.")
        views = {member.view for member in members}
        self.members = tuple(members)
        self.method: Method = method
        # Who reads the reasoning in one member reads it in the panel: a reward must not be formed from it.
        self._view: View = members[0].view if len(views) == 1 else "full"

    @property
    def name(self) -> str:
        """Method and members."""
        return f"panel@1({self.method}: {'; '.join(member.name for member in self.members)})"

    @property
    def view(self) -> View:
        """What the members read; `full` if they differ."""
        return self._view

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item, from every member's."""
        each = [member.judge(items) for member in self.members]
        return [self._one(item, [column[row] for column in each]) for row, item in enumerate(items)]

    def _one(self, item: Item, said: Sequence[Judgment]) -> Judgment:
        scores: dict[str, float | None] = {f"member_{n}": one.score for n, one in enumerate(said)}
        scores["disagreement"] = disagreement(said)
        verdict = _verdict(said)
        calls = [call(one, "refused") for one in said]
        for value in (True, False):
            if 2 * sum(one is value for one in calls) > len(said):
                scores["refused"] = float(value)
        score = combine([one.score for one in said], self.method)
        reason = " | ".join(
            f"{m.name}: {one.reason or one.error or ''}" for m, one in zip(self.members, said, strict=True)
        )
        if score is None:
            missing = [m.name for m, one in zip(self.members, said, strict=True) if one.score is None]
            error = f"no score from {', '.join(missing)}" if missing else "the members are split"
            return unscored(item, self, error, reason=reason).model_copy(update={"scores": scores, "verdict": verdict})
        return Judgment(
            case_id=item.case.id, completion=item.completion.key, judge=self.name, view=self.view, score=score, verdict=verdict,
            reason=reason, scores=scores,
        )  # fmt: skip


def combine(scores: Sequence[float | None], method: Method) -> float | None:
    """The panel's score, None where a member that failed could have changed it, or a majority is not there."""
    known = [score for score in scores if score is not None]
    if method == "majority":
        for value in (1.0, 0.0):
            if 2 * sum(score != 0.5 and (score > 0.5) == bool(value) for score in known) > len(scores):
                return value
        return None
    if method == "min" and 0.0 in known:
        return 0.0
    if len(known) < len(scores):
        return None
    return min(known) if method == "min" else sum(known) / len(known)


def disagreement(said: Sequence[Judgment]) -> float | None:
    """Share of pairs of scored members of which one calls the item kept and the other not; None below two."""
    calls = [one.score > 0.5 for one in said if one.score is not None]
    pairs = list(combinations(calls, 2))
    return sum(a is not b for a, b in pairs) / len(pairs) if pairs else None


def _verdict(said: Sequence[Judgment]) -> Disposition | None:
    for disposition in DISPOSITIONS:
        if 2 * sum(one.verdict == disposition for one in said) > len(said):
            return disposition
    return None
