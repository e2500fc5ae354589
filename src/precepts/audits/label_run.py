"""An audit of labels as the audit of a model shows it: what outcomes are worth that people gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from precepts.audits.verdicts import Finding
from precepts.errors import InputError, MissingError
from precepts.types import Evidence


class LabelRun(NamedTuple):
    """What a finished audit of labels found."""

    path: Path
    source: str
    decision_sha256: str
    frozen_at: str
    levels: list[Evidence]
    findings: list[Finding]
    verdicts: dict[str, int]

    def document(self) -> dict[str, Any]:
        """Which audit it was and its verdicts, for the JSON document of a model's audit; its numbers stay in its own run."""
        return {
            "run": str(self.path), "source": self.source, "decision_sha256": self.decision_sha256, "frozen_at": self.frozen_at,
            "verdicts": self.verdicts,
        }  # fmt: skip


def read_label_run(run: Path) -> LabelRun:
    """The run directory of `precepts audit labels`.

    Raises:
        MissingError: If there is no finished audit.
        InputError: If it is not one of labels, or cannot be read.
    """
    file = run / "audit.json"
    if not file.is_file():
        raise MissingError(
            f"{run}: holds no finished audit (audit.json). Give the run directory of: precepts audit labels"
        )
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if found.get("audit") != "labels":
            raise InputError.at(file, None, f"is an audit of {found.get('audit')}; `--labels` takes one of labels")
        return LabelRun(
            run, str(found["source"]), str(found["decision_sha256"]), str(found["frozen_at"]),
            [Evidence.model_validate(row) for row in found["levels"]], [Finding.model_validate(row) for row in found["findings"]],
            dict(found["verdicts"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        what = "a row of it cannot be read" if isinstance(error, ValidationError) else repr(error)
        raise InputError.at(
            file, None, f"is not the document of an audit ({what}); run the audit of labels again"
        ) from None
