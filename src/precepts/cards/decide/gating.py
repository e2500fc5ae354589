"""A gate applied to evidence: pass, fail or insufficient, with one line that says why."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from precepts.cards.claims import scale_of
from precepts.cards.decide.gates import Gate, Gates, JudgeFloor
from precepts.cards.decide.judged import JudgeQuality, quality_of
from precepts.cards.decide.select import select, slice_text
from precepts.cards.figures import interval_text, is_difference, number, value_text
from precepts.cards.recompute import evidence_id
from precepts.errors import InputError
from precepts.stats import rate_sample_size
from precepts.types import Evidence

Verdict = Literal["pass", "fail", "insufficient"]
_ORDER: tuple[Verdict, ...] = ("fail", "insufficient", "pass")
EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "insufficient": 3}

Check = Callable[[Evidence], Sequence[str]]
"""What is wrong with a row when it is computed again, one sentence each; none if it holds."""


@dataclass(frozen=True)
class GateResult:
    """What a gate says, in a line, and the ids of the rows of evidence that it rests on."""

    gate: str
    claim: str
    verdict: Verdict
    line: str
    evidence: tuple[str, ...] = ()


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """`fail` if any failed, else `insufficient` if any is, else `pass`; of none it is `insufficient`."""
    for verdict in _ORDER:
        if verdict in verdicts:
            return verdict
    return "insufficient"


def exit_code(results: Sequence[GateResult]) -> int:
    """0 if every gate passed, 1 if one failed, 3 if none failed but the evidence is insufficient."""
    return EXIT_CODES[worst([result.verdict for result in results])]


def check_gates(
    gates: Gates,
    evidence: Sequence[Evidence],
    *,
    judges: Sequence[JudgeQuality] = (),
    today: datetime.date,
    check: Check = lambda row: (),
) -> tuple[GateResult, ...]:
    """Every gate's result, in order.

    Args:
        gates: The conditions.
        evidence: Rows of any claim; a gate that matches several takes the worst.
        judges: How good the judges are, for gates with a floor.
        today: The day on which expiry is read.
        check: Computes a row again; a row that does not come out the same is no evidence.
    """
    return tuple(_gate(gate, evidence, judges, today, check) for gate in gates.gates)


def _gate(
    gate: Gate, evidence: Sequence[Evidence], judges: Sequence[JudgeQuality], today: datetime.date, check: Check
) -> GateResult:
    where = f"{gate.claim} of {slice_text(gate.slice, gate.compared_with)}"
    if gate.expires is not None and today > gate.expires:
        said = f"the threshold held until {gate.expires.isoformat()}; decide it again"
        return GateResult(gate.id, gate.claim, "insufficient", f"{where}: {said}")
    rows = select(evidence, gate.claim, gate.slice, baseline=gate.compared_with)
    if not rows:
        return GateResult(gate.id, gate.claim, "insufficient", f"{where}: {_nothing(gate, evidence)}")
    told = [(row, *_row(gate, row, judges, check)) for row in rows]
    verdict = worst([verdict for _, verdict, _ in told])
    row, _, said = next(one for one in told if one[1] == verdict)
    place = f"{row.claim} of {slice_text(row.slice, row.baseline)}"
    several = f" (the worst of {len(rows)} rows)" if len(rows) > 1 else ""
    return GateResult(gate.id, gate.claim, verdict, f"{place}: {said}{several}", tuple(map(evidence_id, rows)))


def _nothing(gate: Gate, evidence: Sequence[Evidence]) -> str:
    """That no row matches, and which slices of the claim there are."""
    there = [row for row in evidence if row.claim == gate.claim and row.baseline == gate.compared_with]
    if not there:
        kind = f" compared with {gate.compared_with}" if gate.compared_with else ""
        return f"there is no evidence of this claim{kind}"
    names = list(dict.fromkeys(slice_text(row.slice) for row in there if len(row.slice) <= max(2, len(gate.slice))))
    return f"no row has this slice; there are: {'; '.join(names[:4])}{' …' if len(names) > 4 else ''}"


def _row(gate: Gate, row: Evidence, judges: Sequence[JudgeQuality], check: Check) -> tuple[Verdict, str]:
    short = _short(gate, row, judges)
    if short:
        measured = f" ({value_text(row)} {interval_text(row)})" if row.value is not None else ""
        return "insufficient", short + measured
    wrong = check(row)
    if wrong:
        return "insufficient", f"the number does not come out again: {wrong[0]}"
    end, bound, higher = _bound(gate, row)
    side = "low" if higher else "high"
    scale, signed = scale_of(row), is_difference(row)
    shown, wanted = (number(one, scale, signed=signed) for one in (end, bound))
    passes = end >= bound if higher else end <= bound
    sign = ("≥" if passes else "<") if higher else ("≤" if passes else ">")
    said = f"{side} end {shown} {sign} {wanted} ({_measured(row)})"
    return ("pass", said) if passes else ("fail", said + _more(gate, row, higher=higher, bound=bound))


def _measured(row: Evidence) -> str:
    """The number with its interval, n and judge."""
    judge = f", {row.judge}" if row.judge else ""
    return f"{value_text(row)} {interval_text(row)}, n {row.n:,}{judge}"


def _bound(gate: Gate, row: Evidence) -> tuple[float, float, bool]:
    """The interval's unfavourable end, the bound it is held against, and whether higher is better."""
    assert row.low is not None, "rows without an interval are told before"
    assert row.high is not None, "rows without an interval are told before"
    if gate.at_least is not None:
        return row.low, gate.at_least, True
    if gate.at_most is not None:
        return row.high, gate.at_most, False
    assert gate.not_worse is not None, "a gate has one bound"
    margin = gate.not_worse.margin
    return (row.high, margin, False) if row.better == "lower" else (row.low, -margin, True)


def _short(gate: Gate, row: Evidence, judges: Sequence[JudgeQuality]) -> str:
    """Why a row cannot decide; empty if it can."""
    total = row.n + row.n_unscored
    if row.value is None:
        return f"{value_text(row)}"
    if gate.not_worse and row.better == "neither":
        return "the claim has no better direction, so `not_worse` cannot be read; give at_least or at_most"
    if row.n < gate.min_n:
        return f"n {row.n:,} is below the {gate.min_n:,} that are needed"
    if row.n_unscored > gate.max_unscored * total:
        share = 100 * row.n_unscored / total
        return f"{row.n_unscored:,} of {total:,} rows ({share:.1f} %) are unscored; at most {100 * gate.max_unscored:g} % may be"
    if row.low is None or row.high is None:
        return "the number has no interval"
    if gate.unseen and row.exposure == "seen":
        return "its cases were seen in training"
    return _judge(gate.judge, row, judges) if gate.judge else ""


def _judge(floor: JudgeFloor, row: Evidence, judges: Sequence[JudgeQuality]) -> str:
    if row.judge is None:
        return ""  # checked by program: nothing to calibrate
    known = [one for one in quality_of(row.judge, judges) if fnmatchcase(one.labels, floor.labels)]
    if not known:
        sets = "" if floor.labels == "*" else f" on {floor.labels}"
        return f"the judge {row.judge} has no calibration{sets}"
    for one in known:
        for name, metric, least in (
            ("sensitivity", one.sensitivity, floor.sensitivity), ("specificity", one.specificity, floor.specificity),
        ):  # fmt: skip
            if least is None:
                continue
            if metric is None or metric.low is None:
                return f"the judge {row.judge} has no {name} on {one.labels}"
            if metric.low < least:
                return f"the judge's {name} on {one.labels} is {metric.value:.2f}, low end {metric.low:.2f}, below the floor {least:.2f}"
    return ""


def _more(gate: Gate, row: Evidence, *, higher: bool, bound: float) -> str:
    """What a failure rests on: the value itself, or too few cases to tell."""
    assert row.value is not None, "rows without a value are told before"
    if (row.value < bound) if higher else (row.value > bound):
        return ""
    if row.unit != "rate" or not 0 < bound < 1 or row.value == bound or not 0 <= row.value <= 1:
        return "; the value reaches it, the interval does not"
    try:
        needed = rate_sample_size(row.value, null=bound)
    except InputError:
        return "; the value reaches it, the interval does not"
    return f"; the value reaches it, the interval does not: about {max(needed, row.n + 1):,} cases would tell"
