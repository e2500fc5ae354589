"""What others measured, as Evidence with its own provenance: findings of people, reports of garak, results of lm-evaluation-harness.

Every reader gives rows, one an observation; the numbers are made again from the rows and must be those of the report.
"""

from precepts.evals.imports.findings import read_findings
from precepts.evals.imports.garak import read_garak
from precepts.evals.imports.imported import Imported, Stated, write_imported
from precepts.evals.imports.lm_eval import read_lm_eval

READERS = {"findings": read_findings, "garak": read_garak, "lm-eval": read_lm_eval}
"""By the name that `precepts import` takes."""

__all__ = ["READERS", "Imported", "Stated", "read_findings", "read_garak", "read_lm_eval", "write_imported"]
