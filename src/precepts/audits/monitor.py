"""An audit that goes on: batches come, and a gap is called certain once, at whatever look, with the error of all looks kept.

Counted cells of each batch are kept, so a look costs what the cells cost and no row is read twice.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.audits.answerable import check_names
from precepts.audits.cells import contrasted, model_cells
from precepts.audits.decision import Decision, load_decision
from precepts.audits.freeze import freeze, frozen_before, mended_anew
from precepts.audits.measures import Measure, kept, measures
from precepts.audits.tables import read_table, unreadable
from precepts.errors import InputError
from precepts.runs import Run, command_line, file_digest, to_json, write_atomic
from precepts.stats import estimate
from precepts.stats.e_process import log_betting, log_e_difference
from precepts.types import Evidence, Frozen, Input

WATCHED = ("calibration", "selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
"""Measures that can be watched: rates against all other groups, and calibration of a group by itself."""
_FIRST_SHARE = 0.9
"""Of alpha, for the questions of the first look; each later look with new groups gets half of what is left."""

Cell = Mapping[str, Any]


class Watched(Frozen):
    """One question of the record about one group, and what all looks so far say."""

    measure: str
    grouping: str
    group: str
    margin: float
    evidence: Evidence | None
    """The gap with limits that hold at every look; None for calibration, which has an e-value alone."""
    log_e: float
    """Log of the e-value now, against a gap within the margin."""
    most_log_e: float
    """The largest so far."""
    bar: float
    """What it has to reach: minus the log of this question's share of alpha."""
    certain_since: int | None
    """The look, from 1, at which the bar was reached."""


class Monitored(NamedTuple):
    """Every question after the last look."""

    watched: list[Watched]
    num_looks: int
    num_rows: int
    alpha: float
    run: Run

    def document(self) -> dict[str, Any]:
        """One JSON document."""
        return {
            "v": 1, "audit": "monitor", "looks": self.num_looks, "rows": self.num_rows, "alpha": self.alpha,
            "watched": [one.model_dump(mode="json") for one in self.watched],
        }  # fmt: skip


def monitor(sources: Sequence[str], *, decision: Path, out: Path) -> Monitored:
    """Adds tables as batches, in order, and looks at all batches so far.

    Raises:
        InputError: If a table was added before, or the record has no margin that can be watched or asks for what the monitor has not.
    """
    record = load_decision(decision)
    watchable = [name for name in WATCHED if name != "calibration" or record.score == "probability"]
    if not (names := [name for name in watchable if name in record.margins]):
        raise InputError(f"{decision}: no margin can be watched; set one of {', '.join(watchable)} under `margins`.")
    if record.columns.cluster is not None:
        raise InputError(
            f"{decision}: the monitor takes rows as independent; leave `cluster` out, and one row a cluster in the tables."
        )
    columns = record.columns
    lacking = {
        "columns.weight": columns.weight,
        "columns.stage": columns.stage,
        "membership": record.membership,
        "classes": record.classes,
    }
    if asked := [name for name, value in lacking.items() if value]:
        raise InputError(
            f"{decision}: the monitor has no form for {', '.join(asked)}, and would count rows as if the record did not say so. Leave it out; "
            "of stages or classes, watch each in a table, a record and a run of its own."
        )
    check_names("model", record)
    before, run = frozen_before(record, decision), Run(out)
    plan = {"audit": "monitor", "decision_sha256": record.digest}
    with run.locked():
        run.begun(plan)
        cells = run.rows("batches")
        added = len(cells)
        for source in sources:
            table = read_table(Path(source))
            digest = file_digest(Path(source))
            if any(cell["sha256"] == digest for cell in cells):
                raise InputError(f"{source} was added before; a row counts once. Leave it out.")
            number = max((int(cell["batch"]) for cell in cells), default=0) + 1
            try:
                with mended_anew(before):
                    found = model_cells(table, record, where=source).rows()
            except pl.exceptions.ComputeError as error:
                raise unreadable(source, error) from None
            cells += [{"batch": number, "source": source, "sha256": digest, **row} for row in found]
        frozen = freeze(record, decision)
        run.begin(plan)
        run.append("batches", cells[added:])
        path = run.table("batches")
        done = look(cells, record, names, Input(path=path.name, sha256=file_digest(path)))._replace(run=run)
        run.write("evidence", [one.evidence for one in done.watched if one.evidence is not None])
        write_atomic(out / "audit.json", to_json(done.document(), indent=1) + "\n")
        run.finish(audit="monitor", command=command_line(), decision_sha256=frozen.sha256)
    return done


def look(cells: Sequence[Cell], record: Decision, names: Sequence[str], source: Input) -> Monitored:
    """What batches so far say of every question, each e-value followed through all looks.

    The e-value of a question may be looked at after every batch: the chance that it ever passes 1/a under its null is at most
    a (Ville). Shares a of alpha are given to questions when their group first occurs, so all together err with chance alpha.
    """
    batches = sorted({int(cell["batch"]) for cell in cells})
    groupings = list(cells[0]["groups"]) if cells else []
    by_name = {one.name: one for one in measures(record)}
    first: dict[tuple[str, str], int] = {}
    for cell in cells:
        for grouping in groupings:
            key = grouping, str(cell["groups"][grouping])
            first[key] = min(first.get(key, int(cell["batch"])), int(cell["batch"]))
    asked = [(name, *key) for key in sorted(first) if contrasted(key[1]) for name in names]
    shares = _shares([first[grouping, group] for _, grouping, group in asked], record.alpha)
    watched: list[Watched] = []
    for (name, grouping, group), share in zip(asked, shares, strict=True):
        measure, margin = by_name[name], record.margins[name]
        path = _path(cells, batches, measure, grouping, group, margin)
        bar = -math.log(share)
        since = next((number for number, value in enumerate(path, 1) if value >= bar), None)
        evidence = None if name == "calibration" else _evidence(cells, measure, grouping, group, record, source)
        watched.append(
            Watched(measure=name, grouping=grouping, group=group, margin=margin, evidence=evidence, log_e=path[-1], bar=bar,
                    most_log_e=max(path), certain_since=since)
        )  # fmt: skip
    return Monitored(watched, len(batches), sum(int(cell["count"]) for cell in cells), record.alpha, Run(Path()))


def _shares(first: Sequence[int], alpha: float) -> list[float]:
    """Each question's part of alpha, by the batch in which its group first occurred."""
    left, of = alpha, dict[int, float]()
    for place, batch in enumerate(sorted(set(first))):
        part = left * (_FIRST_SHARE if place == 0 else 0.5)
        of[batch], left = part / sum(one == batch for one in first), left - part
    return [of[batch] for batch in first]


def _path(
    cells: Sequence[Cell], batches: Sequence[int], measure: Measure, grouping: str, group: str, margin: float
) -> list[float]:
    """The log e-value after every batch."""
    if measure.name == "calibration":
        values: list[Any] = []
        counts: list[Any] = []
        out: list[float] = []
        for batch in batches:
            mine = [
                cell for cell in cells
                if cell["batch"] == batch and cell["groups"][grouping] == group and None not in (cell["outcome"], cell[measure.score])
            ]  # fmt: skip
            values.append(np.array([cell["outcome"] - cell[measure.score] for cell in mine], dtype=np.float64))
            counts.append(np.array([cell["count"] for cell in mine], dtype=np.float64))
            out.append(log_betting(values, counts, margin))
        return out
    sums: dict[tuple[int, bool], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cell in cells:
        name = str(cell["groups"][grouping])
        if contrasted(name) and kept(cell, measure.where) and cell[measure.score] is not None:
            one = sums[int(cell["batch"]), name == group]
            one[0] += cell[measure.score] * cell["count"]
            one[1] += cell["count"]
    total = {True: (0.0, 0.0), False: (0.0, 0.0)}
    path: list[float] = []
    for batch in batches:
        for side in (True, False):
            yes, n = sums[batch, side]
            total[side] = total[side][0] + yes, total[side][1] + n
        path.append(log_e_difference(total[True], total[False], margin))
    return path


def _evidence(
    cells: Sequence[Cell], measure: Measure, grouping: str, group: str, record: Decision, source: Input
) -> Evidence:
    """The gap so far, with limits that hold at every look."""
    names = sorted({str(cell["groups"][grouping]) for cell in cells})
    among = [name for name in names if contrasted(name)]
    where: dict[str, Any] = {**measure.where, f"groups.{grouping}": among}
    fields = [
        {"score": cell[measure.score], "arm": cell["groups"][grouping], "count": cell["count"]}
        for cell in cells if kept(cell, measure.where) and cell["groups"][grouping] in among
    ]  # fmt: skip
    metric = estimate("anytime_difference@1", fields, params={"of": group}, level=1 - record.alpha)
    chosen = metric.model_dump(include={"value", "low", "high", "level", "n", "n_unscored", "unit", "estimator"})
    return Evidence(
        claim=f"audit/monitor/{measure.name}_gap", slice={"grouping": grouping, "group": group}, better="neither",
        params={"score": measure.score, "count": "count", "arm": f"groups.{grouping}", "of": group},
        inputs=(source.model_copy(update={"where": where}),), model="monitored", policy=record.digest,
        baseline="all other groups together", **chosen,
    )  # fmt: skip


def table(done: Monitored) -> tuple[list[str], list[list[str]]]:
    """Header and rows for the terminal."""
    header = ["grouping", "group", "measure", "gap, at any look", "margin", "e-value", "needed", "certain since look"]

    def power(log: float) -> str:
        return f"{math.exp(log):.3g}" if abs(log) < 14 else f"10^{log / math.log(10):.0f}"

    rows: list[list[str]] = []
    for one in done.watched:
        found = one.evidence
        gap = "–"
        if found is not None and found.value is not None and found.low is not None and found.high is not None:
            gap = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
        since = "–" if one.certain_since is None else str(one.certain_since)
        rows.append(
            [
                one.grouping,
                one.group,
                one.measure.replace("_", " "),
                gap,
                f"±{one.margin:g}",
                power(one.most_log_e),
                power(one.bar),
                since,
            ]
        )
    return header, rows
