"""Audits of models and of the people (or LLM judges) who label: is the trade-off that was decided made, for every group?

Glossary:

- **decision record**: the normative side, written and frozen before any number: principle, costs, margins, groups.
- **level**: a measure of one group. **gap**: one group against the others. **trade-off**: a group against what was decided.
  **bar**: a minimum that every group is owed.
- **verdict**: within margin, outside margin, or not enough data, with how much more would be needed.
- **cells**: counted rows by group × score × decision × outcome, from which every number can be computed again.
"""

from pathlib import Path

from precepts.audits.cells import ModelCells, model_cells
from precepts.audits.confusion import Confusion, confusion_counts
from precepts.audits.decision import Costs, Decision, load_decision
from precepts.audits.freeze import Frozen, freeze
from precepts.audits.label_cells import LabelCells, label_cells
from precepts.audits.labels import LabelAudit, audit_labels
from precepts.audits.metric_frame import GroupMetrics
from precepts.audits.model import ModelAudit, audit_model
from precepts.audits.raters import Rater, screen_raters
from precepts.audits.run import Audited, run_audit
from precepts.audits.tables import as_lazy, read_table
from precepts.audits.verdicts import Finding
from precepts.data.entry import suggestion
from precepts.errors import InputError

__all__ = [
    "Audited",
    "Confusion",
    "Costs",
    "Decision",
    "Finding",
    "Frozen",
    "GroupMetrics",
    "LabelAudit",
    "LabelCells",
    "ModelAudit",
    "ModelCells",
    "Rater",
    "as_lazy",
    "audit_labels",
    "audit_model",
    "confusion_counts",
    "example_names",
    "example_record",
    "freeze",
    "label_cells",
    "load_decision",
    "model_cells",
    "read_table",
    "run_audit",
    "screen_raters",
]


_EXAMPLES = Path(__file__).parent / "examples"


def example_names() -> list[str]:
    """The public sets that have an example record: `hatecheck` for labels, the others for a model."""
    return sorted(path.stem for path in _EXAMPLES.glob("*.yaml"))


def example_record(name: str = "hatecheck") -> str:
    """A decision record to begin from, in YAML: that of the audit of a public set.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in example_names():
        raise InputError(
            f"There is no example record {name!r}{suggestion(name, example_names())}; there are {', '.join(example_names())}."
        )
    return (_EXAMPLES / f"{name}.yaml").read_text("utf-8")
