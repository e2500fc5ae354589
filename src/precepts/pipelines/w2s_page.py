"""The page of a weak-to-strong run, from its evidence alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from precepts.cards.plots import Mark, Panel, forest
from precepts.pipelines.w2s_config import W2SConfig
from precepts.pipelines.w2s_plots import scatter
from precepts.runs import Row, Run, command_line, write_atomic
from precepts.types import Evidence
from precepts.w2s.examples import Task
from precepts.w2s.prompted import FEW_SHOT, FEW_SHOT_WEAK, ZERO_SHOT
from precepts.w2s.references import tuned_ref

_HERE = Path(__file__).parent


def write_page(run: Run, tasks: Sequence[Task], config: W2SConfig, evidence: Sequence[Evidence]) -> Path:
    """Writes `w2s.html` into the run's directory and says where it is."""
    told = run.rows("guard")
    guard = {row["task"]: row for row in told if row["task"] is not None and row["watched"]}
    page = rendered(
        "w2s.html.j2",
        title="Weak-to-strong: " + ", ".join(task.name for task in tasks),
        summary=summary(evidence),
        config=config.model_dump(),
        tuned=tuned_ref(config.strong) is not None,
        tasks=[
            _section(task, [e for e in evidence if e.slice["task"] == task.name], guard[task.name]) for task in tasks
        ],
        guard=_guard(told),
        command=command_line(),
    )
    path = run.path / "w2s.html"
    write_atomic(path, page)
    return path


def rendered(template: str, **values: object) -> str:
    """A page of weak-to-strong from its template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["svg"] = Markup
    return environment.get_template(template).render(**values)


def _guard(told: Sequence[Row]) -> dict[str, object]:
    """The guard over all tasks: what it said of each method, what came, and how well the one told the other."""
    rows, overall = [row for row in told if row["task"] is not None], told[-1]
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    points = [
        (row["score"], row["gain"], f"{row['task']}: {row['method']}", tasks.index(row["task"]))
        for row in rows
        if row["method"] != "naive"
    ]
    panel = scatter(
        points, name="guard", title="What was told without ground truth, and what came (a shape a task)",
        x="agreement gained or given up", y="accuracy gained over naive",
    ) if points else None  # fmt: skip
    said = [
        [
            row["task"], row["method"], f"{row['score']:+.2f}", f"{row['z']:+.1f}", "use it" if row["used"] else "keep naive",
            f"{row['gain']:+.3f}" + (f" [{row['low']:+.3f}, {row['high']:+.3f}]" if row["low"] is not None else ""),
        ]
        for row in rows
    ]  # fmt: skip

    def number(key: str) -> str:
        return "not defined" if overall[key] is None else f"{overall[key]:+.2f}"

    return {
        "panel": panel, "rows": said, "watched": overall["method"], "num_tasks": overall["num_tasks"],
        "num_pairs": overall["num_pairs"], "watched_correlation": number("rank_correlation"),
        "own_correlation": number("rank_correlation_own"), "task_correlation": number("rank_correlation_watched"),
        "regret": f"{overall['mean_regret']:.3f}", "oracle": f"{overall['mean_regret_oracle']:.3f}",
    }  # fmt: skip


def summary(evidence: Sequence[Evidence]) -> str:
    """What came of each task in one sentence, undefined cases said plainly."""
    said: list[str] = []
    for task in dict.fromkeys(e.slice["task"] for e in evidence):
        pgr = {e.slice["arm"]: e.value for e in evidence if e.claim == "w2s/pgr" and e.slice["task"] == task}
        naive = pgr.get("naive")
        if naive is None:
            said.append(f"{task}: the ceiling is not clearly above the supervisor, so there is nothing to recover")
            continue
        best, value = max(((arm, v) for arm, v in pgr.items() if v is not None), key=lambda item: item[1])
        said.append(
            f"{task}: naive training recovers {naive:.0%} of the gap, the best arm seen afterwards ({best}) {value:.0%}"
        )
    return "; ".join(said) + "."


def _section(task: Task, evidence: Sequence[Evidence], guard: Row) -> dict[str, object]:
    arms = list(dict.fromkeys(e.slice["arm"] for e in evidence if e.claim == "w2s/accuracy"))
    rows: list[list[str]] = []
    for arm in arms:
        found = {
            (e.claim.removeprefix("w2s/"), e.slice.get("supervisor")): e
            for e in evidence
            if e.slice["arm"] == arm and "epoch" not in e.slice
        }
        keys = (
            ("accuracy", None), ("pgr", None), ("pgr_gain", None), ("gain_over_zero_shot", None), ("auroc_pgr", None),
            ("agreement", "right"), ("agreement", "wrong"),
        )  # fmt: skip
        rows.append([arm, *(cell(found.get(key)) for key in keys)])
    by_epoch = {(e.slice["arm"], e.slice["epoch"]): e for e in evidence if e.claim == "w2s/learning_curve"}
    epochs = list(dict.fromkeys(epoch for _, epoch in by_epoch))
    curves = [
        (
            arm,
            [(f"{e.value:.3f}" if (e := by_epoch[arm, epoch]).value is not None else "", cell(e)) for epoch in epochs],
        )
        for arm in dict.fromkeys(arm for arm, _ in by_epoch)
    ]
    panels = [
        panel
        for claim, title in (("w2s/accuracy", "Accuracy on the test rows"), ("w2s/pgr", "PGR"))
        if (panel := _panel(task.name, claim, title, evidence)) is not None
    ]
    chosen = guard["method"] if guard["used"] else "naive"
    used = f"Without reading any ground truth, the guard chose {chosen} (score {guard['score']:+.2f})"
    saliency = [f"{e.slice['arm']}: {cell(e)}" for e in evidence if e.claim == "w2s/saliency"]
    came = f"{guard['method']} then scored {guard['gain']:+.3f} against naive training, the guard's choice {guard['guarded_gain']:+.3f}"
    return {
        "name": task.name, "title": task.title, "citation": task.citation, "licence": task.licence, "role": task.role,
        "epochs": epochs, "curves": curves, "rows": rows, "panels": panels, "guard": f"{used}; {came}.", "saliency": "; ".join(saliency),
    }  # fmt: skip


def _panel(task: str, claim: str, title: str, evidence: Sequence[Evidence]) -> Panel | None:
    is_pgr = claim.endswith("pgr")
    # What was asked and not trained lies so far below the supervisor that its PGR would fill the axis.
    hidden = (ZERO_SHOT, FEW_SHOT, FEW_SHOT_WEAK) if is_pgr else ()
    found = [e for e in evidence if e.claim == claim and e.value is not None and e.slice["arm"] not in hidden]
    if not found:
        return None
    name = f"{''.join(c if c.isalnum() else '-' for c in task)}-{claim.rpartition('/')[2]}"
    over = (0.0, 1.0) if is_pgr else (0.4, 1.0)
    return panel(found, name=name, title=title, reference=0.0 if is_pgr else None, over=over)


def panel(
    found: Sequence[Evidence], *, name: str, title: str, reference: float | None, over: tuple[float, float]
) -> Panel:  # fmt: skip
    """One mark an arm, with its interval; the axis reaches over all of them and at least over `over`."""
    marks = [
        Mark(e.slice["arm"], e.value or 0.0, e.low, e.high, f"{e.value:.2f}", cell(e), place % 6)
        for place, e in enumerate(found)
    ]
    low = min(over[0], *(m.low if m.low is not None else m.value for m in marks))
    high = max(over[1], *(m.high if m.high is not None else m.value for m in marks))
    return forest(marks, name=name, title=title, scale="plain", domain=(low, high), reference=reference)


def cell(row: Evidence | None) -> str:
    """A number with its interval, as a table shows it: in a narrow column it breaks before the interval alone."""
    if row is None:
        return ""
    if row.value is None:
        return "undefined"
    interval = (
        f" [{row.low:.3f},\N{NO-BREAK SPACE}{row.high:.3f}]" if row.low is not None and row.high is not None else ""
    )
    return f"{row.value:.3f}{interval}"
