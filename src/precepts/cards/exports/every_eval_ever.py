"""The card's numbers as records of the every-eval-ever schema (EvalEval Coalition, version 0.3.0): one record a model.

The schema has places for an interval, its level, method and n, and for what the metric's best direction is. What it has no place for
(slice, baseline, unscored rows, judge, digests of the inputs) stands in the places that it leaves open, as text.
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Literal, NamedTuple, get_args

from precepts.cards.arms import arm_of, set_of
from precepts.cards.claims import claim_of
from precepts.cards.figures import is_difference
from precepts.cards.recompute import evidence_id
from precepts.cards.text import visible
from precepts.errors import InputError
from precepts.runs import to_json
from precepts.types import Evidence

SCHEMA_VERSION = "0.3.0"
Relationship = Literal["first_party", "third_party", "collaborative", "other"]
"""Of the evaluator to the model, in the schema's words."""

_BOUNDS: dict[str, tuple[float, float]] = {"rate": (0.0, 1.0), "auc": (0.0, 1.0), "difference": (-1.0, 1.0)}


class Evaluator(NamedTuple):
    """Who evaluated, and how they stand to the model."""

    organization: str
    relationship: Relationship = "other"

    @classmethod
    def of(cls, organization: str, relationship: str) -> Evaluator:
        """An evaluator from words as they are typed.

        Raises:
            InputError: If the schema does not know the relationship, or nobody is named.
        """
        known: tuple[Relationship, ...] = get_args(Relationship)
        found: Relationship | None = next((one for one in known if one == relationship), None)
        if found is None:
            raise InputError(f"--relationship is one of {', '.join(known)}; got {relationship!r:.40}.")
        if not organization.strip():
            raise InputError("The schema asks who evaluated. Give --organization NAME.")
        return cls(organization.strip(), found)


def records(
    evidence: Sequence[Evidence], *, title: str, on: datetime.date, evaluator: Evaluator
) -> tuple[dict[str, dict[str, Any]], int]:
    """A record for each model, by the model's name, and how many numbers have no value and so no record.

    Args:
        evidence: The card's numbers.
        title: The card's heading.
        on: The day of the card; the schema asks for the second, and midnight in UTC stands for the day.
        evaluator: Who evaluated.
    """
    made: dict[str, dict[str, Any]] = {}
    stamp = str(calendar.timegm(on.timetuple()))
    left_out = 0
    for row in evidence:
        if row.value is None:
            left_out += 1
            continue
        model = visible(row.model)
        record = made.setdefault(model, _record(model, title, stamp, evaluator))
        record["evaluation_results"].append(_result(row))
    return made, left_out


def _record(model: str, title: str, stamp: str, evaluator: Evaluator) -> dict[str, Any]:
    developer = model.partition("/")[0] if "/" in model and ":" not in model.partition("/")[0] else ""
    info: dict[str, Any] = {
        "name": model, "id": model,
        "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
    }  # fmt: skip
    if developer:
        info["developer"] = developer
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"precepts-card/{model.replace('/', '_')}/{stamp}",
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": visible(title),
            "source_type": "evaluation_run",
            "source_organization_name": visible(evaluator.organization),
            "evaluator_relationship": evaluator.relationship,
        },
        "eval_library": {"name": "precepts", "version": metadata.version("precepts")},
        "model_info": info,
        "evaluation_results": [],
    }


def _result(row: Evidence) -> dict[str, Any]:
    claim = claim_of(row.claim)
    lowest, highest = _BOUNDS.get("difference" if is_difference(row) and row.unit == "rate" else row.unit, (None, None))
    where = ", ".join(f"{key} {value}" for key, value in sorted(row.slice.items()) if key != "set")
    metric: dict[str, Any] = {
        "evaluation_description": claim.about or f"{claim.label}, as {row.estimator} estimates it.",
        "metric_id": row.claim,
        "metric_name": claim.label,
        "metric_unit": "proportion" if row.unit in ("rate", "difference") else row.unit,
        "lower_is_better": row.better == "lower",
        "score_type": "continuous",
        "additional_details": {"better": row.better, "estimator": row.estimator},
    }
    if lowest is not None:
        metric |= {"min_score": lowest, "max_score": highest}
    uncertainty: dict[str, Any] = {"num_samples": row.n}
    if row.low is not None and row.high is not None:
        uncertainty["confidence_interval"] = {
            "lower": row.low, "upper": row.high, "confidence_level": row.level, "method": row.estimator,
        }  # fmt: skip
    told: dict[str, object] = {
        **{f"slice.{key}": value for key, value in row.slice.items()},
        "n_unscored": row.n_unscored, "seed": row.seed, "params": to_json(row.params), "policy": row.policy, "judge": row.judge,
        "run": row.run, "baseline": row.baseline, "exposure": row.exposure, "inputs": to_json(row.inputs),
    }  # fmt: skip
    details = {visible(key): visible(str(value)) for key, value in told.items() if value is not None}
    name = f"{claim.label}, {where}" + (f", minus {row.baseline}" if row.baseline else "")
    return {
        "evaluation_result_id": evidence_id(row),
        "evaluation_name": visible(name),
        "source_data": {"dataset_name": visible(set_of(row)), "source_type": "other"},
        "metric_config": {
            **metric,
            "metric_id": visible(metric["metric_id"]),
            "metric_name": visible(metric["metric_name"]),
        },
        "score_details": {
            "score": row.value,
            "details": {"arm": visible(arm_of(row)), **details},
            "uncertainty": uncertainty,
        },
    }
