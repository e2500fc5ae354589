"""The page of weak-to-strong on chess puzzles, from its evidence alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from precepts.pipelines.w2s_page import cell, panel, rendered
from precepts.pipelines.w2s_plots import size_text
from precepts.runs import Run, command_line, write_atomic
from precepts.types import Evidence
from precepts.w2s.chess_experiment import CEILING, ZERO_SHOT

_OVERALL = {
    "best move": "accuracy", "legal": "legality", "above zero-shot": "gain_over_zero_shot", "PGR": "pgr", "above naive": "gain_over_naive",
}  # fmt: skip
_PANELS = {
    "accuracy": "Share of test puzzles whose best move is played", "gain_over_zero_shot": "Gain over the student before any label",
}  # fmt: skip


def write_chess_page(
    run: Run, config: Mapping[str, Any], evidence: Sequence[Evidence], *, moves: int, tested: int, sizes: tuple[int, int]
) -> Path:  # fmt: skip
    """Writes `chess.html` into the run's directory and says where it is.

    Args:
        run: Where the evidence is.
        config: Of the run, with `seeds` and `margin`.
        evidence: Of `measure_chess`.
        moves: Of games, that both readers were pretrained on.
        tested: Number of test puzzles.
        sizes: Parameters of supervisor and student.
    """
    arms = list(dict.fromkeys(e.slice["arm"] for e in evidence))
    plain = {(e.slice["arm"], e.claim.removeprefix("w2s/")): e for e in evidence if len(e.slice) == 2}
    split = {
        (e.slice["arm"], key, e.slice[key]): e for e in evidence for key in ("stratum", "supervisor") if key in e.slice
    }
    strata = [name for name in ("easy", "medium", "hard") if any(key[2] == name for key in split)]
    parts = [
        *((f"{name} puzzles", "stratum", name) for name in strata),
        *((f"agrees where supervisor is {name}", "supervisor", name) for name in ("right", "wrong")),
    ]
    tables = [
        ([[arm, *(cell(plain.get((arm, claim))) for claim in _OVERALL.values())] for arm in arms], ("arm", *_OVERALL)),
        (
            [[arm, *(cell(split.get((arm, key, name))) for _, key, name in parts)] for arm in arms],
            ("arm", *(title for title, _, _ in parts)),
        ),
    ]
    drawn = {claim: [e for (_, found), e in plain.items() if found == claim] for claim in _PANELS}
    panels = [
        panel(
            rows,
            name=f"chess-{claim}",
            title=_PANELS[claim],
            reference=0.0 if claim.startswith("gain") else None,
            over=(0.0, 0.1),
        )
        for claim, rows in drawn.items()
        if rows
    ]
    page = rendered(
        "w2s_chess.html.j2", title="Weak-to-strong: chess puzzles", summary=summary(plain), config=config, moves=f"{moves:,}",
        tested=f"{tested:,}", weak=size_text(sizes[0]), strong=size_text(sizes[1]), panels=panels, tables=tables,
        command=command_line(),
    )  # fmt: skip
    path = run.path / "chess.html"
    write_atomic(path, page)
    return path


def summary(found: Mapping[tuple[str, str], Evidence]) -> str:
    """What came of it: each arm that is told from zero-shot, those that are not, and whether there was a gap."""
    gains = {
        arm: e
        for (arm, claim), e in found.items()
        if claim == "gain_over_zero_shot" and e.low is not None and e.high is not None
    }
    above = [arm for arm, e in gains.items() if (e.low or 0.0) > 0]
    below = [arm for arm, e in gains.items() if (e.high or 0.0) < 0]
    rest = [arm for arm in gains if arm not in (*above, *below)]
    told = [
        f"{text} {', '.join(arms)}"
        for text, arms in (
            ("above zero-shot:", above), ("below it:", below), (f"not told from {ZERO_SHOT}:", rest),
        )
        if arms
    ]  # fmt: skip
    pgr = found.get(("naive", "pgr"))
    if pgr is not None and pgr.value is None:
        told.append("the ceiling is not clearly above the supervisor")
    elif pgr is not None:
        told.append(f"naive training recovers {pgr.value:.0%} of the gap to the {CEILING}")
    text = "; ".join(told)
    return text[:1].upper() + text[1:] + "."
