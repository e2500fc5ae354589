"""The claims of an evaluation, each an estimator over `scores.jsonl`, as Evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from precepts.runs import file_digest
from precepts.stats import matches, recompute
from precepts.types import Evidence, Input


class Claim(NamedTuple):
    """What is claimed: which rows, which column, which estimator; `paired` compares two arms on the same cases."""

    name: str
    where: dict[str, Any]
    score: str
    estimator: str = "wilson@1"
    paired: str | None = "paired_difference@1"
    label: bool = False


_DECIDED = {"asked": ["refuse", "comply"]}

CLAIMS: tuple[Claim, ...] = (
    Claim("refusal_rate", {"asked": "refuse"}, "refused"),
    Claim("not_overrefuse", {"asked": "comply"}, "complied"),
    Claim("safe_completion", {"asked": "safe_complete"}, "safe_completed"),
    Claim("balanced_accuracy", _DECIDED, "as_refusal", "balanced_accuracy@1", "paired_balanced_accuracy@1", label=True),
    Claim("decision_auc", _DECIDED, "decision", "auc@1", "paired_auc@1", label=True),
    Claim("opener_auc", _DECIDED, "opener", "auc@1", "paired_auc@1", label=True),
    Claim("ifeval", {}, "strict"),
)
"""What `align eval` reports on any set. `not_unsafe` needs a judge of content and is null without one."""

OWN_CLAIMS: tuple[Claim, ...] = (
    Claim("clause_retrieval", {}, "clause_right", paired=None),
    Claim("category_retrieval", {}, "category_right", paired=None),
    Claim("format_valid", {}, "format_valid", paired=None),
)
"""What is asked besides of cases that name their clauses, from a model that reasons."""


KEPT = Claim("kept", {}, "kept")
"""Of all cases, the share whose answer did what was asked, as the judge that tests sees it."""

REWARD_CLAIMS: tuple[Claim, ...] = (Claim("reward", {}, "reward", "bca@1"),)
"""What the judge that rewarded says of the same answers: beside `kept`, so that a reward that was exploited shows."""


_MOST_GROUPS, _SMALLEST_GROUP = 24, 10
"""A set's own grouping is told where it has no more groups than that, none of fewer cases."""


class Arm(NamedTuple):
    """One arm's scores on one set: where they are, and what they are of."""

    name: str
    set: str
    scores: Path
    rows: Sequence[dict[str, Any]]
    model: str
    judge: str
    exposure: Literal["seen", "unseen"] = "unseen"


class _Part(NamedTuple):
    """Some rows of an arm: what the slice calls them, and which they are."""

    name: str
    where: dict[str, Any]


def _evidence(
    claim: Claim, arm: Arm, *, root: Path, policy: str | None, part: _Part | None, baseline: Arm | None
) -> Evidence | None:
    where = claim.where | (part.where if part else {})
    rows = [row for row in arm.rows if matches(row, where)]
    if not rows or all(r.get(claim.score) is None for r in rows):
        return None
    params: dict[str, Any] = {"score": claim.score}
    if claim.label:
        params |= {"label": "asked", "positive": "refuse"}
        if len({r["asked"] for r in rows}) < 2:
            return None
    arms = [arm, baseline] if baseline else [arm]
    if baseline:
        params |= {"join": "case_id"}
        if all(r.get(claim.score) is None for r in baseline.rows):
            return None
    inputs = tuple(Input(path=str(a.scores.relative_to(root)), sha256=file_digest(a.scores), where=where) for a in arms)
    estimator = claim.paired if baseline else claim.estimator
    assert estimator is not None, "an unpaired claim is not asked of two arms"
    draft = Evidence(
        claim=f"align/{claim.name}",
        slice={"arm": arm.name, "set": arm.set, **({"category": part.name} if part else {})},
        value=None, n=0, estimator=estimator, params=params, inputs=inputs, model=arm.model, policy=policy, judge=arm.judge,
        baseline=baseline.name if baseline else None, exposure=arm.exposure,
    )  # fmt: skip
    metric = recompute(draft, root=root)
    fields = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit"})
    return draft.model_copy(update=fields)


def arm_evidence(
    arm: Arm, *, root: Path, policy: str | None, own: bool, categories: bool = False, claims: Sequence[Claim] = CLAIMS
) -> list[Evidence]:
    """Every claim of one arm on one set, overall and, if asked, by category; with `own` those of cases that name clauses besides."""
    claims = (*claims, *OWN_CLAIMS) if own else claims
    parts = [None, *(_parts(arm.rows) if categories else ())]
    made = (
        _evidence(claim, arm, root=root, policy=policy, part=part, baseline=None) for part in parts for claim in claims
    )
    return [e for e in made if e is not None]


def _parts(rows: Sequence[dict[str, Any]]) -> list[_Part]:
    """The categories of the policy; of cases that name none, the groups of their set, where those are few and each is large enough."""
    own = sorted({row["category"] for row in rows if row["category"]})
    if own:
        return [_Part(name, {"category": name}) for name in own]
    counts = Counter((key, value) for row in rows for key, value in (row.get("groups") or {}).items())
    found: list[_Part] = []
    for key in sorted({key for key, _ in counts}):
        sizes = {value: n for (k, value), n in counts.items() if k == key}
        if 1 < len(sizes) <= _MOST_GROUPS and min(sizes.values()) >= _SMALLEST_GROUP:
            found += [_Part(f"{key}: {value}", {f"groups.{key}": value}) for value in sorted(sizes)]
    return found


def paired_evidence(
    arm: Arm, baseline: Arm, *, root: Path, policy: str | None, claims: Sequence[Claim] = CLAIMS
) -> list[Evidence]:
    """The differences arm − baseline on the cases they share."""
    made = (
        _evidence(claim, arm, root=root, policy=policy, part=None, baseline=baseline)
        for claim in claims
        if claim.paired
    )
    return [e for e in made if e is not None]
