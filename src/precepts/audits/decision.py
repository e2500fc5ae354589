"""The decision record: what somebody decided before any number was seen, and which columns speak of it.

The normative questions (which principle, which costs, how large a difference matters, for whom) are answered here, by
people, in YAML. The audit is empirical and answers only what the record asks: the split of Bakalar et al. 2021
(arXiv 2103.06172).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from precepts.errors import InputError, MissingError
from precepts.policy.document import Document, NodePath, read_document
from precepts.policy.schema import suggestion
from precepts.runs import to_json
from precepts.types import Frozen

Principle = Literal["minimum_quality_of_service", "equality", "equity"]

LABEL_MARGINS = ("dprime", "criterion", "cost_ratio")
"""Margins of an audit of labels: z units, z units, and a factor above 1."""
MODEL_MARGINS = (
    "calibration", "threshold_outcome", "selection_rate", "true_positive_rate", "false_positive_rate", "precision",
    "accuracy", "cost", "auc", "abroca", "counterfactual", "mean_error",
    "exposure_representation", "exposure_merit",
)  # fmt: skip
"""Margins of an audit of a model, in the unit of the measure."""
BARS = ("hit_rate", "correct_rejection_rate", "true_positive_rate", "true_negative_rate", "precision", "accuracy")
"""Measures that a minimum quality of service can be asked of."""

Share = Annotated[float, Field(gt=0, lt=1)]


class DecidedBy(Frozen):
    """Who decided and when; `supersedes` holds the digest of an earlier record that this one replaces."""

    by: str = Field(min_length=1)
    on: str = Field(min_length=1)
    supersedes: str | None = None


class Costs(Frozen):
    """What a wrong act costs, in any one unit; right acts cost nothing."""

    false_positive: float = Field(gt=0)
    false_negative: float = Field(gt=0)

    @property
    def threshold(self) -> float:
        """The risk at which acting and not acting cost the same: C_FP / (C_FP + C_FN)."""
        return self.false_positive / (self.false_positive + self.false_negative)

    @property
    def ratio(self) -> float:
        """C_FP / C_FN."""
        return self.false_positive / self.false_negative


class Columns(Frozen):
    """Which columns of the table hold what. `positive` lists the values that count as 1; without it 1, 1.0 and true do."""

    label: str = "label"
    gold: str = "gold"
    rater: str = "rater"
    item: str = "item"
    cluster: str | None = None
    score: str = "score"
    outcome: str = "outcome"
    decision: str | None = None
    weight: str | None = None
    stage: str | None = None
    pair: str | None = None
    list: str | None = None
    """With `score: ranking`, which list (a query, a page, a day) a row is of."""
    position: str | None = None
    """Its place there, 1 the first; without it lists are ordered by score."""
    positive: tuple[str, ...] = ()


class Exposure(Frozen):
    """How attention falls with the place in a list: 1 / log2(1 + place) as in DCG, or 1 / place; none beyond `top` places."""

    discount: Literal["logarithmic", "reciprocal"] = "logarithmic"
    top: int | None = Field(default=None, ge=1)


class GoldAccuracy(Frozen):
    """How often the gold label is right, of what is truly signal and of what is not: from experts who labelled twice."""

    sensitivity: float = Field(gt=0.5, le=1)
    specificity: float = Field(gt=0.5, le=1)


def _wrong(what: str, *at: str) -> PydanticCustomError:
    """The error of a record whose keys do not go together, and the key whose line is named."""
    return PydanticCustomError("record", "{what}", {"what": what, "at": at})


class Decision(Frozen):
    """The record. Margins are the largest differences that do not matter; a measure without one gets no verdict."""

    v: int = Field(default=1, ge=1, le=1)
    question: str = Field(min_length=1)
    principle: Principle
    decided: DecidedBy
    groups: tuple[str, ...] = Field(min_length=1)
    intersections: bool = False
    costs: Costs | None = None
    costs_by_group: dict[str, Costs] = Field(default_factory=dict)
    threshold: Share | None = None
    thresholds: tuple[Share, ...] = ()
    """Further thresholds at which rates are shown, beside the decided one."""
    levels: tuple[str, ...] = ()
    """Labels of an ordinal scale, lowest first; every cut between two is audited as a yes or no."""
    classes: tuple[str, ...] = ()
    """Classes without an order; each is audited against the rest. A model then has a column `score_CLASS` for each."""
    without_gold: bool = False
    """No truth is known of any rating: shares then come from agreement alone, and there are no verdicts."""
    gold_accuracy: dict[str, GoldAccuracy] = Field(default_factory=dict)
    """Accuracy of the gold label by group, or for all under `all`."""
    score: Literal["probability", "rank", "value", "ranking"] = "probability"
    """`value`: outcome and score are numbers on one scale (regression), and errors are their differences. `ranking`: scores or
    positions order lists, the outcome is merit (0 or more), and what is audited is exposure."""
    exposure: Exposure = Exposure()
    membership: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By group column that the table lacks, the column that holds each group's probability for a row."""
    prevalence: Share | None = None
    population: dict[str, dict[str, Share]] = Field(default_factory=dict)
    minimum: dict[str, Share] = Field(default_factory=dict)
    margins: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1)
    cut: float | None = None
    """With `score: rank`, the score from which the system acts; without it, and without a column of decisions, the threshold."""
    window: Annotated[float, Field(gt=0)] = 0.05
    """Half the width, in the unit of the score, of what counts as near the threshold."""
    pool_intersections: bool = False
    """Whether verdicts on rates of intersections rest on partially pooled rates, and not on each one's own rows alone."""
    smallest_cell: int = Field(default=1, ge=1)
    suppress_below: int | None = Field(default=None, ge=2)
    """Counts from 1 to below it are not printed, nor what they would follow from; cells and evidence keep them."""
    sampling: str = Field(min_length=1)
    generalise_to: Literal["items", "raters", "raters and items", "neither"] = "raters and items"
    escalate_to: str = Field(min_length=1)
    columns: Columns = Columns()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.costs is None and self.threshold is None:
            raise _wrong("the trade-off is not decided: give `costs` (false_positive, false_negative) or `threshold`")
        if self.costs is not None and self.threshold is not None:
            raise _wrong("give `costs` or `threshold`, not both: the one implies the other", "threshold")
        for key, known in (("margins", (*LABEL_MARGINS, *MODEL_MARGINS)), ("minimum", BARS)):
            for name in getattr(self, key):
                if name not in known:
                    raise _wrong(
                        f"`{key}` has no measure {name!r}{suggestion(name, known)}; there are {', '.join(known)}",
                        key,
                        name,
                    )
        if self.margins.get("cost_ratio", 2) <= 1:
            raise _wrong("the margin of cost_ratio is a factor above 1, such as 1.5", "margins", "cost_ratio")
        if self.principle == "minimum_quality_of_service" and not self.minimum:
            raise _wrong("minimum_quality_of_service needs bars: give `minimum`, such as {hit_rate: 0.9}", "principle")
        if self.principle == "equality" and not self.margins:
            raise _wrong("equality needs to know what matters: give `margins`, such as {criterion: 0.2}", "principle")
        if self.principle == "equity" and not self.costs_by_group:
            raise _wrong("equity is a trade-off that differs by group: give `costs_by_group`", "principle")
        if self.costs_by_group and self.principle != "equity":
            raise _wrong("`costs_by_group` differ by group, which is the principle equity", "costs_by_group")
        if self.levels and self.classes:
            raise _wrong("give `levels` (an ordered scale) or `classes` (no order), not both", "classes")
        if self.classes and self.without_gold:
            raise _wrong(
                "raters of `classes` are audited against a gold label; without one give `levels` or two values",
                "without_gold",
            )
        if len(self.levels) == 1 or len(self.classes) == 1:
            raise _wrong("`levels` and `classes` need at least two values", "levels" if self.levels else "classes")
        if self.score == "probability" and self.window >= 1:
            raise _wrong(
                f"`window` is {self.window:g}, as wide as all probabilities; give it below 1, such as 0.05", "window"
            )
        if self.cut is not None and self.score != "rank":
            raise _wrong(
                "`cut` is where scores are ranks (`score: rank`); for probabilities give `costs` or `threshold`", "cut"
            )
        if self.cut is not None and self.columns.decision is not None:
            raise _wrong("give `cut` or `columns: {decision: ...}`, not both: each says what was done", "cut")
        if self.score == "ranking":
            if self.columns.list is None:
                raise _wrong("`score: ranking` needs to know the lists: give `columns: {list: query}`", "score")
            plain = not (
                self.classes or self.membership or self.columns.weight or self.columns.stage or self.columns.pair
            )
            if not plain:
                raise _wrong("`score: ranking` takes no classes, membership, weight, stage or pair", "score")
        if len(self.membership) > 1 or any(name not in self.groups for name in self.membership):
            raise _wrong("`membership` gives the probabilities of one of `groups`", "membership")
        for place in self.population:
            if place not in self.groups:
                raise _wrong(f"`population` names {place!r}, which is not one of `groups`", "population", place)
            total = sum(self.population[place].values())
            if abs(total - 1) > 0.01:
                raise _wrong(
                    f"the shares of `population` for {place!r} add up to {total:.3g}; they should to 1",
                    "population",
                    place,
                )
        return self

    def costs_of(self, group: str) -> Costs:
        """The costs decided for a group, a threshold t being costs t and 1 - t."""
        if group in self.costs_by_group:
            return self.costs_by_group[group]
        if self.costs is not None:
            return self.costs
        assert self.threshold is not None, "checked when the record was read"
        return Costs(false_positive=self.threshold, false_negative=1 - self.threshold)

    def costs_of_any(self, groups: Sequence[str]) -> Costs:
        """The costs of what belongs to several groups, as an intersection does: those of the last that has its own."""
        return self.costs_of(next((name for name in reversed(self.costs_by_group) if name in groups), ""))

    def acts_from(self, group: str) -> float:
        """The score from which the system acts on a group: the risk that its costs imply, or the cut where scores are ranks."""
        return self.costs_of(group).threshold if self.cut is None else self.cut

    @property
    def digest(self) -> str:
        """The sha256 of the record's content: comments and order of keys do not enter."""
        return hashlib.sha256(to_json(self).encode()).hexdigest()


def load_decision(path: Path) -> Decision:
    """The decision record that stands in a YAML file.

    Raises:
        MissingError: If there is no such file.
        InputError: If it is not a record; one `path:line: what` per problem.
    """
    if not path.exists():
        raise MissingError(f"{path}: there is no such file. Begin a record with: precepts audit example > {path}")
    document = read_document(path, hint=f"begin a record with: precepts audit example > {path}")
    # Values stay text there, and numbers and dates are read by the record's own types: that YAML would is no problem here.
    found = [(line, what) for line, what in document.problems.values() if "which YAML reads as" not in what]
    problems = [str(InputError.at(path, line, what)) for line, what in found]
    if problems:
        raise InputError("\n".join(problems))
    try:
        # BaseLoader makes texts, lists and mappings and nothing else; the record's own types read numbers and dates.
        return Decision.model_validate(yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader))
    except ValidationError as error:
        raise InputError("\n".join(_said(path, document, error))) from None


def _said(path: Path, document: Document, error: ValidationError) -> list[str]:
    """One line per problem, with its place in the file."""
    lines: list[str] = []
    for item in error.errors(include_url=False):
        at: NodePath = tuple(step for step in item["loc"] if step != "[key]")
        name = ".".join(str(step) for step in at)
        known = Columns.model_fields if at[:1] == ("columns",) else Decision.model_fields
        what = item["msg"]
        if item["type"] == "extra_forbidden":
            what = f"unknown key{suggestion(str(at[-1]), known)}; the keys here are {', '.join(known)}"
        elif item["type"] == "missing":
            what = "is missing; see: precepts audit example"
        at = item.get("ctx", {}).get("at", at)
        lines.append(str(InputError.at(path, document.line(at) or 1, f"`{name}` {what}" if name else what)))
    return lines
