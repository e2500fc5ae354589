"""How good the judges of a card are: what a gate's floor and the card's table of judges read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from precepts.types import Evidence, Metric

SENSITIVITY, SPECIFICITY = "judge/sensitivity", "judge/specificity"


class JudgeQuality(NamedTuple):
    """A judge on one labelled set: the share it called right of each label."""

    judge: str
    labels: str
    sensitivity: Metric | None
    specificity: Metric | None


def judge_qualities(
    evidence: Sequence[Evidence], measured: Sequence[Mapping[str, object]] = ()
) -> tuple[JudgeQuality, ...]:
    """The qualities that evidence gives, and those measured beside it.

    Args:
        evidence: Rows of `judge/sensitivity` and `judge/specificity` say a judge in `slice.judge` and a labelled set
            in `slice.labels` (or `set`); other rows are passed over.
        measured: Rows with `judge`, `data`, and in `calibration` the metrics `sensitivity` and `specificity`.
    """
    found: dict[tuple[str, str], dict[str, Metric]] = {}
    for row in evidence:
        if row.claim in (SENSITIVITY, SPECIFICITY) and "judge" in row.slice and row.baseline is None:
            labels = row.slice.get("labels") or row.slice.get("set", "")
            fields = row.model_dump(include=set(Metric.model_fields))
            found.setdefault((row.slice["judge"], labels), {})[row.claim] = Metric.model_validate(fields)
    qualities = [
        JudgeQuality(judge, labels, both.get(SENSITIVITY), both.get(SPECIFICITY))
        for (judge, labels), both in found.items()
    ]
    for row in measured:
        both = cast("Mapping[str, object]", row.get("calibration") or {})
        sensitivity, specificity = (
            Metric.model_validate(both[key]) if both.get(key) is not None else None
            for key in ("sensitivity", "specificity")
        )
        labels = ", ".join(str(row[key]) for key in ("data", "question") if row.get(key))
        qualities.append(JudgeQuality(str(row.get("judge", "")), labels, sensitivity, specificity))
    return tuple(qualities)


def quality_of(judge: str, qualities: Sequence[JudgeQuality]) -> tuple[JudgeQuality, ...]:
    """The qualities of a judge, by its name or by the part of it that decides: `rules@1` of `rules@1+relevance(…)`."""
    return tuple(one for one in qualities if one.judge and (judge == one.judge or judge.startswith(one.judge + "+")))
