"""Single raters who treat one group unlike the other raters do: the first thing to look at when a group stands out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from precepts.audits.decision import Decision
from precepts.audits.tables import is_missing
from precepts.stats import benjamini_hochberg, wilson_interval
from precepts.stats.exact import fisher_mid_p
from precepts.types import Evidence, Frozen, Input


class Rater(Frozen):
    """A rater's answers to one group's signal (or noise), beside the other raters' in the same group."""

    rater: str
    grouping: str
    group: str
    measure: str
    """`hit_rate` or `correct_rejection_rate`."""
    evidence: Evidence
    others: float
    elsewhere: float | None
    """The same rater's rate in all other groups."""
    p: float
    p_bh: float
    """Mid-p value against the other raters, adjusted by Benjamini-Hochberg over all raters, groups and both measures."""


def screen_raters(
    rows: Sequence[Mapping[str, Any]], groupings: Sequence[str], decision: Decision, source: Input
) -> list[Rater]:
    """Every rater × group whose rate differs from that of the other raters, the smallest p value first.

    Raters are compared as if the items they got were alike; with few items, or items assigned by difficulty, look first.
    """
    found: list[tuple[Any, ...]] = []
    for grouping in groupings:
        counts: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0])
        for row in rows:
            group = row["groups"][grouping]
            if row["label"] is None or row["gold"] is None or row["rater"] is None or is_missing(group):
                continue
            cell = counts[row["rater"], group, row["gold"]]
            cell[0] += row["count"] * int(row["label"] == row["gold"])
            cell[1] += row["count"]
        by_group: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        by_rater: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        for (rater, group, gold), (right, n) in counts.items():
            for total in (by_group[group, gold], by_rater[rater, gold]):
                total[0] += right
                total[1] += n
        for (rater, group, gold), (right, n) in sorted(counts.items()):
            all_right, all_n = by_group[group, gold]
            own_right, own_n = by_rater[rater, gold]
            if all_n == n:
                continue
            p = fisher_mid_p(right, n, all_right - right, all_n - n)
            others = (all_right - right) / (all_n - n)
            elsewhere = (own_right - right) / (own_n - n) if own_n > n else None
            found.append((grouping, rater, group, gold, right, n, others, elsewhere, p))
    adjusted = benjamini_hochberg([one[-1] for one in found])
    out = [_rater(one, p_bh, decision, source) for one, p_bh in zip(found, adjusted, strict=True)]
    return sorted((one for one in out if one.p_bh <= decision.alpha), key=lambda one: one.p)


def _rater(found: tuple[Any, ...], p_bh: float, decision: Decision, source: Input) -> Rater:
    grouping, rater, group, gold, right, n, others, elsewhere, p = found
    measure = "hit_rate" if gold == 1 else "correct_rejection_rate"
    low, high = wilson_interval(right, n, level=1 - decision.alpha)
    where = {f"groups.{grouping}": group, "rater": rater, "gold": gold}
    evidence = Evidence(
        claim=f"audit/labels/rater_{measure}", slice={"grouping": grouping, "group": group, "rater": rater}, value=right / n,
        low=low, high=high, level=1 - decision.alpha, n=n, unit="rate", better="higher", estimator="group_rate@1",
        params={"score": "right", "count": "count"}, inputs=(source.model_copy(update={"where": where}),), model="raters",
        policy=decision.digest,
    )  # fmt: skip
    return Rater(
        rater=rater, grouping=grouping, group=group, measure=measure, evidence=evidence, others=others, elsewhere=elsewhere,
        p=p, p_bh=p_bh,
    )  # fmt: skip
