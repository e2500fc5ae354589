"""Whether an audit can answer what a record asks: said before the record is frozen, and not left out of the page in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from precepts.audits.decision import LABEL_MARGINS, Decision
from precepts.errors import InputError

_NUMBERS = ("mean_error",)
_LISTS = ("exposure_representation", "exposure_merit")
_LABEL_BARS = ("hit_rate", "correct_rejection_rate")
_MODEL_BARS = ("precision", "accuracy")
"""Bars that one kind of audit alone has; both know true positive and true negative rates."""
_FORMS: Mapping[str, str] = {
    "value": "`score: value` (predictions that are numbers)",
    "ranking": "`score: ranking` (lists)",
    "rank": "`score: rank`",
    "probability": "scores that are probabilities",
}


_TAKEN = (
    "bin", "score", "score_sum", "expected", "decision", "rejected", "outcome", "correct", "cost", "near", "stretch", "segment", "lowest",
    "weight", "weight_sq", "bad_weights", "cluster", "raw outcome", "raw decision", "known", "error", "absolute", "squared", "exposure", "merit",
)  # fmt: skip
"""Columns of a model's cells, which no group can be called by; `count` is one of labels too."""


def check_names(kind: str, decision: Decision) -> None:
    """Checks that no group column is called as a column of cells is.

    Raises:
        InputError: If one is.
    """
    taken = ("count", *(_TAKEN if kind == "model" else ()))
    if found := [name for name in decision.groups if name in taken or (kind == "model" and name.startswith("at_"))]:
        raise InputError(
            f"A group column cannot be called {found[0]!r}, as counted cells have a column of that name. Call it otherwise in the table and "
            f"in `groups`, such as {found[0]}_group."
        )


def check_answerable(kind: str, decision: Decision) -> list[str]:
    """What the page must say of margins and bars that are for the other kind of audit.

    One record may speak of a model and of those who label its data, so such margins are no mistake.

    Raises:
        InputError: If the record asks this kind of audit for what it cannot measure as the record stands.
    """
    check_names(kind, decision)
    if kind == "labels":
        other = [name for name in decision.margins if name not in LABEL_MARGINS]
        other += [name for name in decision.minimum if name in _MODEL_BARS]
        return _elsewhere(other, "an audit of the model")
    problems = [problem for name in decision.margins if (problem := _problem(name, decision))]
    if decision.minimum and decision.score in ("value", "ranking"):
        problems.append(f"`minimum` sets bars for decisions, which {_FORMS[decision.score]} has none of")
    shared = [name for name in decision.margins if name in LABEL_MARGINS]
    if decision.columns.cluster is not None and not shared and (why := _unclustered(decision)):
        problems.append(f"`columns: {{cluster: {decision.columns.cluster}}}` does not go with {why}")
    if problems:
        raise InputError(
            f"The record asks for what this audit cannot answer: {'; '.join(problems)}. Correct the record."
        )
    return _elsewhere([*shared, *(name for name in decision.minimum if name in _LABEL_BARS)], "an audit of labels")


def for_model(decision: Decision, columns: Sequence[str]) -> tuple[Decision, list[str]]:
    """The record as the model's table can be audited under it, and what the page must say of clusters.

    The clusters of a record that also speaks of labels may be those of ratings: then the model's rows have none.
    """
    cluster = decision.columns.cluster
    if cluster is None:
        return decision, []
    shared = any(name in LABEL_MARGINS for name in decision.margins)
    if shared and (cluster not in columns or _unclustered(decision)):
        own = decision.model_copy(update={"columns": decision.columns.model_copy(update={"cluster": None})})
        return own, [
            f"The record's clusters ({cluster}) are those of ratings; the model's rows are taken as independent."
        ]
    return decision, [
        f"Rows come in clusters ({cluster}), and intervals are about other clusters: each number is taken at its effective number of rows. "
        "Cells are counted within clusters, so they may be as many as rows. Slope, ECCE, reliability curves, spreads and pooled rates "
        "take rows as independent and are left out."
    ]


def _unclustered(decision: Decision) -> str | None:
    """What of the record cannot be had with clusters of rows; None if nothing."""
    if decision.score in ("value", "ranking"):
        return _FORMS[decision.score]
    if decision.columns.weight is not None or decision.membership:
        return "weights or membership"
    return "the margin abroca" if "abroca" in decision.margins else None


def _elsewhere(names: list[str], where: str) -> list[str]:
    return [f"The record also speaks of {', '.join(names)}: for {where}, and not answered here."] if names else []


def _problem(name: str, decision: Decision) -> str | None:
    """Why a margin gets no verdict under this record; None where it does, or where it is one of an audit of labels."""
    form, columns = decision.score, decision.columns
    if name in LABEL_MARGINS:
        return None
    if name in _NUMBERS:
        return None if form == "value" else f"the margin {name} needs `score: value`"
    if name in _LISTS:
        return None if form == "ranking" else f"the margin {name} needs `score: ranking`"
    if form in ("value", "ranking"):
        return f"the margin {name} is none of {_FORMS[form]}, which has {', '.join(_NUMBERS if form == 'value' else _LISTS)}"
    if name == "counterfactual" and columns.pair is None:
        return "the margin counterfactual needs `columns: {pair: ...}`"
    if name == "threshold_outcome" and form == "rank" and decision.cut is None:
        return "the margin threshold_outcome needs `cut`, the score from which the system acts, where scores are ranks"
    if name == "abroca" and (columns.weight is not None or decision.membership):
        return "the margin abroca has no form with weights or membership"
    return None
