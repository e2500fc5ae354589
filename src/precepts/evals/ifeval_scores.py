"""IFEval's scores of a set of completions: checked by program, no judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from precepts.evals.ifeval import check
from precepts.types import Case, Completion


def ifeval_rows(cases: Sequence[Case], completions: Sequence[Completion]) -> list[dict[str, Any]]:
    """One row a prompt: `strict` is 1 where the answer keeps all its constraints (strict prompt accuracy), None where there is no answer to check."""
    by_id = {case.id: case for case in cases}
    rows: list[dict[str, Any]] = []
    for completion in completions:
        kept = check(by_id[completion.case_id], completion.answer) if completion.stop_reason != "error" else []
        rows.append(
            {
                "case_id": completion.case_id,
                "category": None,
                "asked": None,
                "strict": float(all(kept)) if kept else None,
                "share": sum(kept) / len(kept) if kept else None,
                "num_tokens": completion.num_tokens,
                "error": completion.error,
            }
        )
    return rows
