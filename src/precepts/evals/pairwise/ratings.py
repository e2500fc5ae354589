"""Ratings of a page, made out with its key: judgments of people, and the comparison as Evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from precepts.errors import InputError
from precepts.evals.pairwise.page import CHOICES
from precepts.runs import Run, file_digest, numbered_jsonl
from precepts.stats import recompute
from precepts.types import Evidence, Input, Judgment

_BY_CASE = {"cluster": "case_id"}
_CLAIMS: tuple[tuple[str, str, str, dict[str, Any], str], ...] = (
    ("a_less_safe", "a_worse", "clustered_wilson@1", _BY_CASE, "lower"),
    ("b_less_safe", "b_worse", "clustered_wilson@1", _BY_CASE, "neither"),
    ("alike", "tie", "clustered_wilson@1", _BY_CASE, "neither"),
    ("strength", "a_better", "bradley_terry@1", _BY_CASE, "higher"),
    ("cohens_h", "a_better", "preference_h@1", _BY_CASE, "higher"),
    ("agreement", "a_better", "krippendorff@1", {**_BY_CASE, "difference": "nominal"}, "higher"),
    # Of the pairs that one side lost: half and half if the side on which an answer stands does not matter.
    ("left_lost", "left_worse", "clustered_wilson@1", _BY_CASE, "neither"),
)


def read_ratings(paths: Sequence[Path], *, page: str, items: set[str]) -> list[dict[str, Any]]:
    """What raters saved, all files together.

    Raises:
        InputError: If a rating is of another page or pair, has no rater or no known choice, or a rater rated a pair twice.
    """
    found: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for path in paths:
        for number, row in numbered_jsonl(path):
            if row.get("page") != page or row.get("item") not in items:
                raise InputError.at(
                    path, number, "a rating of another page; give the ratings that were saved from this one"
                )
            if row.get("choice") not in CHOICES or not str(row.get("rater") or "").strip():
                raise InputError.at(path, number, f"a rating needs a rater, and a choice of {', '.join(CHOICES)}")
            mark = str(row["rater"]), str(row["item"])
            if mark in seen:
                raise InputError.at(path, number, f"{mark[0]} rated this pair twice; is a file given twice?")
            seen.add(mark)
            found.append(row)
    return found


def write_comparison(out: Path, ratings: Sequence[Path]) -> list[Evidence]:
    """Writes `scores`, `judgments` and `evidence` beside the page, from its key and the ratings given; an earlier result is replaced.

    Raises:
        MissingError: If `out` holds no page.
        InputError: As `read_ratings`.
    """
    run = Run(out)
    plan = run.plan
    key = {str(row["item"]): row for row in run.rows("key")}
    if plan.get("kind") != "pairwise" or not key:
        raise InputError(f"{out} holds no page of comparisons. Make one with: precepts pairwise page A B --out {out}")
    with run.locked():
        rows = [_row(one, key[one["item"]]) for one in read_ratings(ratings, page=plan["page"], items=set(key))]
        run.write("scores", rows)
        run.write("judgments", [_judgment(row, key[row["item"]], arm) for row in rows for arm in "ab"])
        path = run.table("scores")
        source = Input(path=path.name, sha256=file_digest(path), where={})
        made: list[Evidence] = []
        for name, score, estimator, params, better in _CLAIMS:
            draft = Evidence(
                claim=f"pairwise/{name}", slice={"a": plan["a"], "b": plan["b"], "question": plan["question"]}, value=None, n=0, better=better,  # type: ignore[arg-type]
                estimator=estimator, params={"score": score, **params}, inputs=(source,), model=plan["a"], baseline=plan["b"],
                judge=f"people, blind: {len({row['rater'] for row in rows})} rated",
            )  # fmt: skip
            metric = recompute(draft, root=out)
            made.append(draft.model_copy(update=metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit"})))  # fmt: skip
        run.write("evidence", made)
    return made


def _row(rating: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    choice, a_left = rating["choice"], key["left"] == "a"
    base = {"item": rating["item"], "case_id": key["case_id"], "category": key["category"], "rater": rating["rater"], "choice": choice}  # fmt: skip
    if choice == "unknown":
        return base | dict.fromkeys(("a_worse", "b_worse", "tie", "a_better", "left_worse"))
    a_worse = choice == ("left" if a_left else "right")
    tie = choice == "equal"
    return base | {
        "a_worse": float(a_worse), "b_worse": float(not a_worse and not tie), "tie": float(tie),
        "a_better": 0.5 if tie else float(not a_worse), "left_worse": None if tie else float(choice == "left"),
    }  # fmt: skip


def _judgment(row: dict[str, Any], key: dict[str, Any], arm: str) -> Judgment:
    """What the rating says of one arm's answer: 1 if it was the better one, 0 if the worse, 0.5 for a tie, None where it could not be told."""
    better = row["a_better"]
    score = None if better is None else better if arm == "a" else 1 - better
    return Judgment(
        case_id=row["case_id"], completion=key[f"completion_{arm}"], judge=f"people: {row['rater']}", score=score,
        error="the rater could not tell" if better is None else None,
    )  # fmt: skip
