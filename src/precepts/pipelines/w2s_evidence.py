"""Evidence of a weak-to-strong stage: each number from its table of scores alone, over seeds and rows together."""

from __future__ import annotations

from typing import Any, Literal

from precepts.runs import Row, Run, file_digest
from precepts.stats import estimate, lookup, matches
from precepts.types import Evidence, Input


class Scores:
    """A stage's table, `scores` without another name, and the evidence that was read from it so far."""

    def __init__(self, run: Run, stage: Run, *, slice_: dict[str, str], model: str, table_name: str = "scores") -> None:
        """Reads the table; `slice_` is part of every row's slice, `model` the student's reference."""
        table = stage.table(table_name)
        self.rows: list[Row] = stage.rows(table_name)
        self.found: list[Evidence] = []
        self._file = Input(path=str(table.relative_to(run.path)), sha256=file_digest(table))
        self._slice, self._model, self._run = slice_, model, run.path.name

    def add(
        self, claim: str, estimator: str, slice_: dict[str, str], params: dict[str, Any], *, where: dict[str, Any] | None = None,
        better: Literal["higher", "lower", "neither"] = "higher", baseline: str | None = None, model: str | None = None,
    ) -> None:  # fmt: skip
        """One number: the estimator over the rows that `where` selects, of which `params` names the columns; `model` instead of the table's."""
        params = {**params, "cluster": "group", "seed": "seed"} if estimator.startswith("crossed") else params
        fields = {k: v for k, v in params.items() if isinstance(v, str)}
        selected = [row for row in self.rows if matches(row, where or {})]
        metric = estimate(
            estimator, [{key: lookup(row, name) for key, name in fields.items()} for row in selected], params=params
        )
        self.found.append(
            Evidence(
                claim=f"w2s/{claim}", slice={**self._slice, **slice_}, value=metric.value, low=metric.low, high=metric.high,
                n=metric.n, n_unscored=metric.n_unscored, unit=metric.unit, estimator=estimator, params=params,
                inputs=(self._file.model_copy(update={"where": where or {}}),), model=model or self._model, run=self._run,
                better=better, baseline=baseline,
            )
        )  # fmt: skip


def curves(run: Run, stage: Run, *, slice_: dict[str, str], model: str) -> list[Evidence]:
    """Accuracy on the test rows after each epoch, the mean over seeds with an interval over seeds alone."""
    scores = Scores(run, stage, slice_=slice_, model=model, table_name="curves")
    for arm, epoch in dict.fromkeys((row["arm"], row["epoch"]) for row in scores.rows):
        scores.add(
            "learning_curve", "bca@1", {"arm": arm, "epoch": str(epoch)}, {"score": "accuracy"},
            where={"arm": arm, "epoch": epoch},
        )  # fmt: skip
    return scores.found
