"""An audit as a run directory: the table is checked and counted, the record frozen, then plan, cells, evidence, and the page last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from precepts.audits.answerable import check_answerable, for_model
from precepts.audits.cells import SUPPRESSED, ModelCells, model_cells
from precepts.audits.corrected_labels import corrected_labels
from precepts.audits.decision import Decision, load_decision
from precepts.audits.exposure import audit_exposure, exposure_cells
from precepts.audits.freeze import Frozen, freeze, frozen_before, mended_anew
from precepts.audits.label_cells import LabelCells, count_raters, label_cells
from precepts.audits.label_run import read_label_run
from precepts.audits.labels import Group, alone, audit_labels
from precepts.audits.model import ModelAudit, audit_model
from precepts.audits.opening import Opened, open_source
from precepts.audits.pairs import audit_pairs, pair_rows
from precepts.audits.parts import Part, parts
from precepts.audits.raters import screen_raters
from precepts.audits.regression import audit_errors, error_cells
from precepts.audits.report import Report, html, markdown
from precepts.audits.suppression import suppressed
from precepts.audits.tables import unreadable, with_membership
from precepts.audits.verdicts import Finding, adjusted
from precepts.data.entry import suggestion
from precepts.runs import Run, command_line, file_digest, to_json, write_atomic
from precepts.types import Evidence, Input
from precepts.workers import Spread, here

_MEMBERSHIP = (
    "Group membership is a probability, and each row counts in every group by it. Where errors of membership go with outcomes or "
    "decisions, such numbers are off by an amount that these data cannot show."
)

_Sums = tuple[list[dict[str, Any]], tuple[str, ...]]
"""Rows of cells and their groupings."""


class Audited(NamedTuple):
    """The report, and the run directory that holds what it was made of."""

    report: Report
    run: Run


def run_audit(
    kind: str, source: object, *, decision: Path, out: Path, over: Spread = here, labels: Path | None = None
) -> Audited:
    """Checks the table against the record and counts it, freezes the record, then computes and writes everything into `out`.

    What is wrong with the table is said before anything is frozen or written, so that the record can still be mended.

    Args:
        kind: `labels` or `model`.
        source: A file, a directory of Parquet files, the name of a public set, or a frame: pandas, polars, pyarrow, duckdb.
        decision: The record, in YAML.
        out: A new run directory, or one of the same audit.
        over: Who counts the files of a model's table, where there are several.
        labels: The run directory of an audit of those who gave the outcomes, to be shown before the model's numbers.

    Raises:
        InputError: If the record asks for what this audit cannot answer, or the table cannot be read under it.
        MissingError: If a file or a run is not there.
    """
    record = load_decision(decision)
    before = frozen_before(record, decision)
    with mended_anew(before):
        elsewhere = check_answerable(kind, record)
    run = Run(out)
    labelled = None if labels is None else read_label_run(labels)
    with run.locked():
        opened = open_source(source, over)
        plan = {"audit": kind, "source": opened.name, "source_sha256": opened.digest, "decision_sha256": record.digest}
        plan |= {} if labels is None else {"labels_sha256": file_digest(labels / "audit.json")}
        run.begun(plan)
        try:
            with mended_anew(before):
                make = _counted(kind, opened, record, over)
        except pl.exceptions.ComputeError as error:  # a file is read as it is counted
            raise unreadable(opened.name, error) from None
        frozen = freeze(record, decision)
        run.begin(plan)
        write_atomic(out / "decision.json", to_json(record, indent=1) + "\n")
        report = make(run, frozen)._replace(labels=labelled)
        report.notes.extend([*elsewhere, *_unknown_groups(record, report.groups)])
        evidence = [
            *report.levels,
            *report.contrasts,
            *report.curves,
            *report.spreads,
            *(r.evidence for r in report.raters),
        ]
        seen = {to_json(row) for row in evidence}
        evidence += [one.evidence for one in report.findings if to_json(one.evidence) not in seen]
        run.write("evidence", evidence)
        report = suppressed(report)
        write_atomic(out / "audit.json", to_json(report.document(), indent=1) + "\n")
        write_atomic(out / "audit.md", markdown(report))
        write_atomic(out / "audit.html", html(report))
        run.finish(audit=kind, command=command_line())
    return Audited(report, run)


def _counted(kind: str, opened: Opened, record: Decision, over: Spread) -> Callable[[Run, Frozen], Report]:
    """Reads and counts the whole table, writing nothing and computing nothing; what comes back makes the report of the counts."""
    name, table, pieces, _ = opened
    if kind == "labels":
        return partial(_labels, cells=label_cells(table, record, where=name), source=name, record=record)
    if record.score == "ranking":
        return partial(_ranking, cells=exposure_cells(table, record, where=name), source=name, record=record)
    if record.score == "value":
        pieces = tuple(with_membership(piece, record, where=name)[0] for piece in pieces)
        table, weighted = with_membership(table, record, where=name)
        sums = error_cells(table, weighted, where=name, pieces=pieces, over=over)
        return partial(_regression, cells=sums, source=name, record=record, weighted=weighted)
    own, notes = for_model(record, table.collect_schema().names())
    every = [
        (part, model_cells(part.table, part.decision, where=name, pieces=part.pieces, over=over))
        for part in parts(table, own, where=name, pieces=pieces)
    ]
    pairs = None if record.columns.pair is None else pair_rows(table, record, where=name)
    return partial(_model, every=every, pairs=pairs, notes=notes, source=name, record=record)


def _input(run: Run, name: str = "cells") -> Input:
    path = run.table(name)
    return Input(path=path.name, sha256=file_digest(path))


def _labels(run: Run, frozen: Frozen, *, cells: LabelCells, source: str, record: Decision) -> Report:
    run.write("cells", cells.rows)
    found = audit_labels(cells, record, _input(run))
    plain = not record.without_gold and not record.classes
    raters = screen_raters(cells.rows, cells.groupings, record, _input(run)) if plain else []
    further = corrected_labels(cells, record, _input(run), raters)
    notes = [
        "d′ and c with the log-linear correction (half a count added in every cell). Intervals generalise to "
        f"{record.generalise_to}."
    ]
    if cells.num_duplicates:
        notes.append(
            f"{cells.num_duplicates} ratings repeat a rater on an item ({cells.num_contradictions} pairs with both answers); all "
            "are counted and taken together as one cluster."
        )
    if (why := alone(record, num_raters=count_raters(cells.rows))) and not record.without_gold:
        notes.append(f"There are no verdicts: {why}. Intervals are about other answers of this rater.")
    notes += [*_left_out(found.groups), *further.notes]
    groups = [one._asdict() for one in found.groups]
    levels, contrasts = [*found.levels, *further.levels], [*found.contrasts, *further.contrasts]
    return Report(
        "labels",
        source,
        record,
        frozen,
        notes,
        groups,
        levels,
        contrasts,
        found.findings,
        raters,
        spreads=found.spreads,
    )


def _unknown_groups(record: Decision, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Groups that the record names and the table does not have: what it says of them moves nothing."""
    names = {(one["grouping"], one["name"]) for one in groups}
    every = {name for grouping, name in names if grouping in record.groups}
    asked = [("costs_by_group", name, every) for name in record.costs_by_group]
    asked += [("gold_accuracy", name, every) for name in record.gold_accuracy if name != "all"]
    for grouping, shares in record.population.items():
        asked += [(f"population.{grouping}", name, {n for g, n in names if g == grouping}) for name in shares]
    return [
        f"The record names {name!r} under `{key}`, and the table has no such group{' of that size' * (record.smallest_cell > 1)}"
        f"{suggestion(name, sorted(known)) or '.'} What it says there moves nothing."
        for key, name, known in asked if name not in known
    ]  # fmt: skip


def _left_out(groups: list[Group]) -> list[str]:
    """Groups that are shown and take no part in contrasts, named."""
    names = [one.name for one in groups if not one.contrasted]
    return (
        [f"Shown and not contrasted, for want of signal, of noise or of a name: {', '.join(names)}."] if names else []
    )


def _model(
    run: Run, frozen: Frozen, *, every: Sequence[tuple[Part, ModelCells]], pairs: Sequence[dict[str, Any]] | None, notes: Sequence[str],
    source: str, record: Decision,
) -> Report:  # fmt: skip
    report = Report("model", source, record, frozen, list(notes), [], [], [], [], [])
    findings, curves, spreads = list[Finding](), list[Evidence](), list[Evidence]()
    for part, cells in every:
        run.write(part.name, cells.rows())
        # The digest is that of the record as it was frozen, not of a part's.
        found = _stamped(
            audit_model(cells, part.decision, _input(run, part.name), model=source, part=part.slice), record.digest
        )
        report.groups.extend({**part.slice, **one._asdict()} for one in found.groups)
        report.levels.extend(found.levels)
        report.contrasts.extend(found.contrasts)
        curves += found.curves
        spreads += found.spreads
        findings += found.findings
        report.notes.extend(_notes(cells, found, part.slice))
    if pairs is not None:
        run.write("pairs", pairs)
        evidence, more = audit_pairs(pairs, record, _input(run, "pairs"), model=source)
        report.contrasts.extend(evidence)
        findings += more
        report.notes.append(
            "Counterfactual gaps compare texts within pairs: they are no function of cells, and the rows are kept."
        )
    report.notes.extend(_notes_of_record(record))
    return report._replace(findings=adjusted(findings), curves=curves, spreads=spreads)


def _stamped(found: ModelAudit, digest: str) -> ModelAudit:
    """The same numbers under the record of this digest."""

    def stamp(rows: Sequence[Evidence]) -> list[Evidence]:
        return [row.model_copy(update={"policy": digest}) for row in rows]

    findings = [one.model_copy(update={"evidence": stamp([one.evidence])[0]}) for one in found.findings]
    return ModelAudit(
        found.groups, stamp(found.levels), stamp(found.contrasts), findings, stamp(found.curves), stamp(found.spreads)
    )


def _ranking(run: Run, frozen: Frozen, *, cells: _Sums, source: str, record: Decision) -> Report:
    rows, groupings = cells
    run.write("cells", rows)
    found = audit_exposure(rows, groupings, record, _input(run), model=source)
    seen = record.exposure
    notes = [
        f"{len({row['list'] for row in rows if row['list'] is not None}):,} lists. Attention at a place is "
        + ("1 / log2(1 + place)" if seen.discount == "logarithmic" else "1 / place")
        + (f", none beyond place {seen.top}" if seen.top else "")
        + ": an assumption of the record, not measured. Intervals generalise to other lists. Merit is the outcome as it stands in the table."
    ]
    groups = [one._asdict() for one in found.groups]
    return Report("model", source, record, frozen, notes, groups, found.levels, found.contrasts, found.findings, [])


def _regression(run: Run, frozen: Frozen, *, cells: _Sums, source: str, record: Decision, weighted: Decision) -> Report:
    rows, groupings = cells
    run.write("cells", rows)
    # The digest is that of the record as it was frozen.
    found = _stamped(audit_errors(rows, groupings, weighted, _input(run), model=source), record.digest)
    notes = [
        "Errors are predictions less outcomes, in their unit. Cells hold sums, so files of any size are read once."
    ]
    if weighted.columns.weight:
        notes.append("Rows are weighted; intervals are those of weighted means, linearised over rows.")
    if record.membership:
        notes.append(_MEMBERSHIP)
    groups = [one._asdict() for one in found.groups]
    return Report(
        "model", source, record, frozen, notes, groups, found.levels, found.contrasts, found.findings, [], spreads=found.spreads
    )  # fmt: skip


def _notes(cells: ModelCells, found: ModelAudit, part: Mapping[str, str]) -> list[str]:
    """What a reader must know of one table of cells."""
    of = "".join(f"{key} {value}: " for key, value in part.items())
    kept = (
        "Scores are kept as they are."
        if cells.exact
        else "Scores are kept in up to 1000 bins of about as many rows, each at its mean."
    )
    out = [of + kept]
    if cells.num_suppressed:
        out.append(f"{of}{cells.num_suppressed} groups below the record's smallest cell were merged into {SUPPRESSED}.")
    unscored = sum(one.num_unscored for one in found.groups if one.grouping == cells.groupings[0])
    if unscored:
        out.append(f"{of}{unscored} rows lack a score or an outcome; they are counted as unscored and move nothing.")
    return out


def _notes_of_record(record: Decision) -> list[str]:
    out: list[str] = []
    if record.score == "rank":
        out.append(
            "The score is a rank and no probability: over-prediction of a group is the outcome rate of everyone at its scores less its own."
        )
    if record.columns.weight:
        out.append("Rows are weighted; intervals are at the effective number of rows of each group, (Σw)² / Σw².")
    if record.membership:
        out.append(_MEMBERSHIP)
    if record.columns.stage:
        out.append("Stages in their order: the rows of a stage are those that reached it.")
    return out
