"""A rubric: criteria with points, each asked in a call of its own; the share of points that an answer earns.

A rubric is YAML: `id`, `version`, and `criteria`, each with `id`, `text`, `points` (1 if not given; below 0 for what should not
be there) and `required` (an answer that lacks it scores 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from precepts.errors import InputError, MissingError
from precepts.judges.judge import Item, View, unscored
from precepts.judges.llm import NOT_HAD, JudgedView
from precepts.judges.members import Asking, Least, least
from precepts.judges.prompting import prompt_of
from precepts.judges.verdicts import Ruling, read_met
from precepts.models.generation import Generated
from precepts.types import Frozen, Judgment, content_key

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


class Criterion(Frozen):
    """One thing that an answer has or lacks."""

    id: Name
    text: Annotated[str, Field(min_length=1)]
    points: float = 1.0
    required: bool = False


class Rubric(Frozen):
    """Criteria that together say how good an answer is; some must give points, and ids are unique."""

    id: Name
    version: str
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_be_earned(self) -> Rubric:
        ids = [criterion.id for criterion in self.criteria]
        if len(set(ids)) < len(ids):
            raise ValueError(f"two criteria have one id: {', '.join(sorted({i for i in ids if ids.count(i) > 1}))}")
        if not any(criterion.points > 0 for criterion in self.criteria):
            raise ValueError("no criterion gives points; give one points above 0")
        return self

    @property
    def digest(self) -> str:
        """Names the content."""
        return content_key(self.model_dump(mode="json"))


def load_rubric(path: Path) -> Rubric:
    """The rubric that stands in a YAML file.

    Raises:
        MissingError: If there is no such file.
        InputError: If it is not a rubric.
    """
    if not path.is_file():
        raise MissingError(f"There is no rubric {path}. A rubric is YAML: id, version, criteria.")
    try:
        return Rubric.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InputError.at(path, line, "not YAML; put texts that contain ': ' in quotes") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError.at(path, None, f"{place}: {message}" if place else message) from None


class RubricJudge:
    """A model asked of each criterion whether an answer meets it; the score is the share of points earned, in [0, 1]."""

    def __init__(self, asking: Asking, rubric: Rubric, *, view: JudgedView = "answer") -> None:
        """`asking` says which model and how often: the least of k runs counts.

        A criterion that gives points is met only if all runs say so; one that takes them away, if any does.
        """
        self.asking, self.rubric = asking, rubric
        self._view: JudgedView = view

    @property
    def name(self) -> str:
        """Model, rubric, view and number of runs."""
        a, r = self.asking, self.rubric
        return f"rubric@2({a.model.name}, {r.id} {r.version} {r.digest[:8]}, {self._view}, k={a.k})"

    @property
    def view(self) -> View:
        """Whether it reads the reasoning."""
        return self._view

    def judge(self, items: Sequence[Item]) -> list[Judgment]:
        """One judgment an item; `scores` holds each criterion's. One that cannot be read leaves the item unscored."""
        rows = [row for row, item in enumerate(items) if item.completion.stop_reason != "error"]
        # Calls about one criterion stand together, so that they share what goes before the data.
        asked = [(row, criterion) for criterion in self.rubric.criteria for row in rows]
        prompts = [
            prompt_of(
                items[row], view=self._view, values={"CRITERION": " ".join(criterion.text.split())}, ask="verdict_rubric",
                instructions="rubric_instructions",
            )
            for row, criterion in asked
        ]  # fmt: skip
        found: dict[int, list[tuple[Criterion, Least]]] = {}
        for (row, criterion), runs in zip(asked, self.asking.runs(prompts), strict=True):
            found.setdefault(row, []).append((criterion, _least(runs, criterion)))
        return [self._one(item, found.get(row, [])) for row, item in enumerate(items)]

    def _one(self, item: Item, found: Sequence[tuple[Criterion, Least]]) -> Judgment:
        if not found:
            return unscored(item, self, NOT_HAD)
        scores = {criterion.id: one.score for criterion, one in found}
        lacking = next((c.id for c, one in found if c.required and one.score == 0), None)
        failed = next(((c, one) for c, one in found if one.score is None), None)
        if failed and lacking is None:
            criterion, one = failed
            return unscored(item, self, f"criterion {criterion.id}: {one.error}", reason=one.text).model_copy(
                update={"scores": scores}
            )
        score = 0.0 if lacking else points(self.rubric, {c.id: one.score for c, one in found})
        reason = f"lacks {lacking}, which is required" if lacking else _reason(found)
        return Judgment(
            case_id=item.case.id, completion=item.completion.key, judge=self.name, view=self.view, score=score, reason=reason,
            scores=scores,
        )  # fmt: skip


def _least(runs: Sequence[Generated], criterion: Criterion) -> Least:
    """Whether the criterion is met by the runs that say the least for the answer."""
    if criterion.points >= 0:
        return least(runs, read_met)
    found = least(runs, _read_unmet)
    return found if found.score is None else found._replace(score=1.0 - found.score)


def _read_unmet(text: str) -> Ruling:
    ruling = read_met(text)
    return ruling if ruling.score is None else ruling._replace(score=1.0 - ruling.score)


def points(rubric: Rubric, met: dict[str, float | None]) -> float:
    """Points earned as a share of those that can be, cut to [0, 1]: points below 0 take away what was earned."""
    most = sum(max(0.0, criterion.points) for criterion in rubric.criteria)
    earned = sum(criterion.points * (met.get(criterion.id) or 0.0) for criterion in rubric.criteria)
    return min(1.0, max(0.0, earned / most))


def _reason(found: Sequence[tuple[Criterion, Least]]) -> str:
    return "met: " + (", ".join(c.id for c, one in found if one.score) or "none")
