"""Small intersections in an audit of labels: rates drawn together, each towards what its parts predict; and how far groups lie apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from precepts.audits.decision import Decision
from precepts.audits.label_cells import View
from precepts.audits.tables import JOINED
from precepts.audits.verdicts import BETWEEN, SPREADS
from precepts.stats import Statistic, Trading, estimate
from precepts.stats.crossed import Sampled
from precepts.stats.pooled import MOST_GROUPS
from precepts.stats.spread import detection_spread, detection_spread_metric
from precepts.types import Evidence, Input

_FIELDS = {"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"}
_RATES = (("hit_rate_pooled", 1, "higher"), ("false_alarm_rate_pooled", 0, "lower"))
_FEWEST = 4  # with fewer there is nothing to learn of how large parts are


def pooled_levels(
    rows: Sequence[Mapping[str, Any]], grouping: str, names: Sequence[str], view: View, decision: Decision, source: Input
) -> list[Evidence]:  # fmt: skip
    """Hit and false alarm rates of intersections, partially pooled over them; nothing for a grouping by one column.

    Ratings are taken as independent, as `pooled_rate@1` has it: with raters or items that differ much, the intervals are too
    narrow, and these rates get no verdict.
    """
    if JOINED not in grouping or not _FEWEST <= len(names) <= MOST_GROUPS:
        return []
    out: list[Evidence] = []
    key, level = f"groups.{grouping}", 1 - decision.alpha
    for claim, truth, better in _RATES:
        counts: Counter[tuple[str, int | None]] = Counter()
        for row in rows:
            if row[view.gold] == truth and row["groups"][grouping] in names:
                counts[row["groups"][grouping], row[view.label]] += row["count"]
        fields = [{"arm": name, "score": answer, "count": n} for (name, answer), n in counts.items()]
        where = {key: list(names), view.gold: truth}
        for name in names if fields else ():
            params = {"score": view.label, "count": "count", "arm": key, "of": name}
            metric = estimate("pooled_rate@1", fields, params={"of": name}, level=level)
            out.append(
                Evidence(
                    claim=f"audit/labels/{claim}", slice=_slice(grouping, name, view), better="higher" if better == "higher" else "lower",
                    params=params, inputs=(source.model_copy(update={"where": where}),), model="raters", policy=decision.digest,
                    **metric.model_dump(include=_FIELDS),
                )
            )  # fmt: skip
    return out


def spread_rows(
    found: Trading, arms: Sequence[int], grouping: str, view: View, decision: Decision, source: Input, *, sampled: Sampled,
    params: Mapping[str, Any], num_unscored: int,
) -> list[Evidence]:  # fmt: skip
    """How far the groups lie apart in d′ and in c: standard deviation between them, and the unbiased variance."""
    out: list[Evidence] = []
    level, n = 1 - decision.alpha, int(found.totals.sum())
    statistics: tuple[Statistic, ...] = ("dprime", "criterion")
    for statistic in statistics if len(arms) > 1 else ():
        made = detection_spread(found, statistic, arms, sampled=sampled, level=level)
        for what, end in SPREADS.items():
            metric = detection_spread_metric(made, what, n=n, num_unscored=num_unscored, level=level)
            out.append(
                Evidence(
                    claim=f"audit/labels/{statistic}{end}", slice=_slice(grouping, BETWEEN, view), better="lower",
                    params={**params, "statistic": statistic, "dispersion": what}, inputs=(source,), model="raters",
                    policy=decision.digest, **metric.model_dump(include=_FIELDS),
                )
            )  # fmt: skip
    return out


def _slice(grouping: str, group: str, view: View) -> dict[str, str]:
    return {"grouping": grouping, "group": group} | ({"label": view.name} if view.name else {})
