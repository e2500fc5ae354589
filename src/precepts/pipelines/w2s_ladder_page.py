"""The page of a ladder, from its evidence alone: scaling of supervisor and student, what students are worth, bootstrapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from precepts.cards.plots import Panel
from precepts.pipelines.w2s_config import W2SConfig
from precepts.pipelines.w2s_page import cell, rendered
from precepts.pipelines.w2s_plots import Point, Series, scaling, size_text
from precepts.runs import Row, Run, command_line, write_atomic
from precepts.types import Evidence
from precepts.w2s.bootstrap import BOOTSTRAPPED, DIRECT
from precepts.w2s.examples import Task
from precepts.w2s.experiment import CEILING
from precepts.w2s.ladder import Rung

Found = Mapping[tuple[str, str, str, str], Evidence]
"""Evidence by claim, supervisor, student and arm."""


def write_ladder_page(
    run: Run, task: Task, rungs: Sequence[Rung], sizes: Mapping[str, int | None], config: W2SConfig,
    evidence: Sequence[Evidence],
) -> Path:  # fmt: skip
    """Writes `ladder.html` into the run's directory and says where it is."""
    plain = [e for e in evidence if not {"along", "supervisor", "epoch"} & e.slice.keys()]
    found = {(e.claim.removeprefix("w2s/"), e.slice["weak"], e.slice["strong"], e.slice["arm"]): e for e in plain}
    arms = list(dict.fromkeys(arm for claim, _, _, arm in found if claim == "pgr"))
    page = rendered(
        "w2s_ladder.html.j2",
        title=f"Weak-to-strong ladder: {task.name}", task=task, config=config.model_dump(),
        models=[
            [rung.name, rung.ref, size_text(size) if (size := sizes[rung.name]) else "", cell(_on_truth(found, rung.name))]
            for rung in rungs
        ],
        panels=_panels(found, rungs, sizes, arms), grids=[(arm, *_grid(found, rungs, arm)) for arm in arms],
        worth=_worth(found, sizes, arms),
        follows=[row for row in run.rows("ladder") if row["kind"] == "supervisor"],
        chain=_chain(evidence), command=command_line(),
    )  # fmt: skip
    path = run.path / "ladder.html"
    write_atomic(path, page)
    return path


def matched_text(row: Evidence | None) -> str:
    """A matched size with its interval; an end of the ladder is read as at most or at least."""
    if row is None or row.value is None:
        return ""
    ends = sorted(float(size) for size in row.params["sizes"].values())

    def said(value: float) -> str:
        sign = "≤ " if value <= ends[0] * (1 + 1e-9) else "≥ " if value >= ends[-1] * (1 - 1e-9) else ""
        return sign + size_text(value)

    interval = f" [{said(row.low)}, {said(row.high)}]" if row.low is not None and row.high is not None else ""
    return said(row.value) + interval


def _on_truth(found: Found, name: str) -> Evidence | None:
    """A model's accuracy after training on truth: as ceiling if it was one, else as supervisor."""
    ceilings = [
        e for (claim, _, strong, arm), e in found.items() if (claim, strong, arm) == ("accuracy", name, CEILING)
    ]
    floors = [e for (claim, weak, _, arm), e in found.items() if (claim, weak, arm) == ("accuracy", name, "supervisor")]
    return next(iter([*ceilings, *floors]), None)


def _panels(found: Found, rungs: Sequence[Rung], sizes: Mapping[str, int | None], arms: Sequence[str]) -> list[Panel]:
    """For each arm accuracy and PGR against the student's size, a line a supervisor."""

    def series(claim: str, arm: str) -> list[Series]:
        lines: list[Series] = []
        for place, rung in enumerate(rungs):
            points = [
                Point(float(size), e.value, e.low, e.high)
                for (c, weak, strong, a), e in found.items()
                if (c, weak, a) == (claim, rung.name, arm) and e.value is not None and (size := sizes[strong])
            ]
            if points:
                lines.append(Series(f"taught by {rung.name}", tuple(sorted(points)), place))
        return lines

    truth = [
        Point(float(size), e.value)
        for rung in rungs
        if (size := sizes[rung.name]) and (e := _on_truth(found, rung.name)) is not None and e.value is not None
    ]
    panels: list[Panel] = []
    for place, arm in enumerate(arms):
        if lines := series("accuracy", arm):
            ceiling = [Series("on truth", tuple(sorted(truth)), 5, dashed=True)] if truth else []
            name = f"accuracy-{place}"
            panels.append(
                scaling([*lines, *ceiling], name=name, title=f"{arm}: accuracy", y="accuracy on the test rows")
            )
        if lines := series("pgr", arm):
            panels.append(scaling(lines, name=f"pgr-{place}", title=f"{arm}: PGR", y="PGR", reference=0.0))
    return panels


def _grid(found: Found, rungs: Sequence[Rung], arm: str) -> tuple[list[str], list[list[str]]]:
    """Supervisors down, students across: PGR, and the accuracy below it."""
    strong = [rung.name for rung in rungs if any(s == rung.name for _, _, s, _ in found)]
    rows = [
        [rung.name, *(cell(found.get(("pgr", rung.name, name, arm))) for name in strong)]
        for rung in rungs
        if any(weak == rung.name for _, weak, _, _ in found)
    ]
    return strong, rows


def _worth(found: Found, sizes: Mapping[str, int | None], arms: Sequence[str]) -> list[list[str]]:
    return [
        [weak, strong, arm, size_text(size) if (size := sizes[strong]) else "", cell(found.get(("accuracy", weak, strong, arm))), matched_text(e)]
        for (claim, weak, strong, arm), e in found.items()
        if claim == "matched_size" and arm in arms
    ]  # fmt: skip


def _chain(evidence: Sequence[Evidence]) -> list[Row]:
    along = {(e.claim.removeprefix("w2s/"), e.slice["arm"]): e for e in evidence if "along" in e.slice}
    return [
        {
            "arm": arm, "accuracy": cell(along.get(("accuracy", arm))), "pgr": cell(along.get(("pgr", arm))),
            "gain": cell(along.get(("gain_over_direct", arm))),
        }
        for arm in (BOOTSTRAPPED, DIRECT)
        if ("accuracy", arm) in along
    ]  # fmt: skip
