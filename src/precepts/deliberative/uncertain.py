"""Which prompts to reinforce: those on which the start model is uncertain, so that a group of its answers differs among itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

from precepts.types import DISPOSITIONS, Disposition, Frozen


class Uncertain(Frozen):
    """A training case and by how many nats the start model leans to what is asked: the verdict asked against the likeliest other.

    None, with why, where that could not be had.
    """

    case_id: str
    asked: Disposition
    log_odds: float | None
    error: str | None = None

    @property
    def sureness(self) -> float:
        """Distance in nats from not knowing at all; infinite where it is not known."""
        return math.inf if self.log_odds is None else abs(self.log_odds)


def leaning(
    log_probs: Sequence[float], asked: Disposition, *, refuse: float = 0.0, safe_complete: float = 0.0
) -> float:
    """Log-odds in nats of the verdict asked against the likeliest other.

    Args:
        log_probs: Of refuse, comply, safe_complete right after the opening.
        asked: What the policy's clause asks for.
        refuse: Calibrated bias of that verdict, as generation adds it.
        safe_complete: The same.
    """
    biased = dict(zip(DISPOSITIONS, log_probs, strict=True))
    biased["refuse"] += refuse
    biased["safe_complete"] += safe_complete
    return biased[asked] - max(value for verdict, value in biased.items() if verdict != asked)


def most_uncertain(pool: Sequence[Uncertain], num_prompts: int) -> list[Uncertain]:
    """At most `num_prompts` cases nearest to log-odds 0, as many to refuse as to comply with, safe completions by their share of the pool.

    Where a kind has too few, the others fill up. Ties go by id, so the order of the pool does not matter.
    """
    pool = [row for row in pool if row.log_odds is not None]
    by_kind = {
        kind: sorted((row for row in pool if row.asked == kind), key=lambda row: (row.sureness, row.case_id))
        for kind in DISPOSITIONS
    }
    total = min(num_prompts, len(pool))
    safe = round(total * len(by_kind["safe_complete"]) / len(pool)) if pool else 0
    quota = {"safe_complete": safe, "refuse": (total - safe) // 2, "comply": total - safe - (total - safe) // 2}
    chosen = [row for kind in DISPOSITIONS for row in by_kind[kind][: quota[kind]]]
    rest = sorted(
        (row for kind in DISPOSITIONS for row in by_kind[kind][quota[kind] :]),
        key=lambda row: (row.sureness, row.case_id),
    )
    return [*chosen, *rest[: total - len(chosen)]]
