"""From a suite's table of scores to Evidence: every claim, by slice, and paired with a baseline on the same cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from precepts.evals.outcomes import OUTCOMES
from precepts.evals.suite import Claim, Suite
from precepts.runs import file_digest
from precepts.stats import matches, recompute
from precepts.types import Evidence, Input

ANSWERED = Claim("answered", "answered", paired=None)
"""The share of cells whose answer could be graded at all: read it before any other number of a suite."""

UNDER = "under_attack"
"""The key of a slice that names the technique which every cell was put under."""
OWN_SLICE = frozenset(("suite", "arm", UNDER))
"""Keys that every row of a run has alike: a row with no others is about all cells."""

Row = Mapping[str, Any]


def _answered(suite: Suite) -> Claim:
    """Of the model's own cells: an answer that people labelled was not asked of it."""
    return replace(ANSWERED, where={"labelled": None}) if "labelled" in suite.columns else ANSWERED


class Scores(NamedTuple):
    """One model's rows in one suite, and what they are of; `slice` stands in every row of their evidence."""

    arm: str
    path: Path
    rows: Sequence[Row]
    model: str
    judge: str
    slice: Mapping[str, str] = {}


def evidence_of(suite: Suite, scores: Scores, *, root: Path, baseline: Scores | None = None) -> list[Evidence]:
    """Every claim of the suite on these rows; with a baseline the paired differences instead. Paths are relative to `root`."""
    out: list[Evidence] = []
    for claim in (_answered(suite), *suite.claims):
        if (baseline is not None and claim.paired is None) or (claim.judge and claim.judge != scores.judge):
            continue
        slices: list[dict[str, Any]] = [{}]
        for column in claim.by:
            rest = {key: value for key, value in claim.where.items() if key != column}
            values = {row[column] for row in scores.rows if matches(row, rest) and row.get(column) is not None}
            slices += [{column: value} for value in sorted(values, key=str)]
        for one in slices:
            if (made := _one(suite, claim, scores, one, root=root, baseline=baseline)) is not None:
                out.append(made)
    return out


def _one(
    suite: Suite, claim: Claim, scores: Scores, part: Mapping[str, Any], *, root: Path, baseline: Scores | None
) -> Evidence | None:
    where = {**claim.where, **part}
    arms = [scores, *([baseline] if baseline else [])]
    for arm in arms:
        chosen = [row for row in arm.rows if matches(row, where)]
        if not chosen or all(row.get(claim.score) is None for row in chosen):
            return None
    params: dict[str, Any] = {"score": claim.score, **claim.params}
    estimator = claim.estimator
    if baseline is not None:
        assert claim.paired is not None, "the caller passes over claims without a paired form"
        estimator = claim.paired
        params = {
            "score": claim.score,
            **(claim.params if claim.paired_params is None else claim.paired_params),
            "join": ["id", "epoch"],
        }
    draft = Evidence(
        claim=f"{suite.name}/{claim.name}",
        slice={"suite": suite.name, "arm": scores.arm, **scores.slice, **{key: str(value) for key, value in part.items()}},
        value=None, n=0, better=claim.better, estimator=estimator, params=params,
        inputs=tuple(Input(path=str(a.path.relative_to(root)), sha256=file_digest(a.path), where=where) for a in arms),
        model=scores.model, judge=scores.judge, baseline=baseline.arm if baseline else None,
    )  # fmt: skip
    found = recompute(draft, root=root)
    return draft.model_copy(
        update=found.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit"})
    )


def outcome_counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many cells ended in each outcome; those that none did are left out."""
    counts = {name: sum(1 for row in rows if row["outcome"] == name) for name in OUTCOMES}
    return {name: count for name, count in counts.items() if count}
