"""What the judges that ask a model have in common: runs of a prompt, and the least of their rulings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from precepts.judges.verdicts import Ruling, no_text
from precepts.models.generation import Conversation, Generated, Model, Sampling

KEPT_TEXT = 2000
"""Characters of a judge's text that are kept, from its end."""


class Asking(NamedTuple):
    """How a model is asked: k runs a prompt, run number r seeded with seed + r; greedy where k is 1."""

    model: Model
    k: int = 1
    seed: int = 0
    batch_size: int = 16
    max_tokens: int = 256
    temperature: float = 0.7

    def runs(self, prompts: Sequence[Conversation]) -> list[list[Generated]]:
        """The k runs of each prompt, at most `batch_size` prompts in a call of the model."""
        assert min(self.k, self.batch_size) > 0, "a judge runs at least once, on at least one item"
        sampling = Sampling(max_tokens=self.max_tokens, temperature=self.temperature if self.k > 1 else 0.0)
        size = max(1, self.batch_size // self.k)
        out: list[list[Generated]] = []
        for start in range(0, len(prompts), size):
            some = prompts[start : start + size]
            made = self.model.generate(
                [prompt for prompt in some for _ in range(self.k)],
                sampling=sampling,
                seeds=[self.seed + run for _ in some for run in range(self.k)],
            )
            out += [made[place * self.k : (place + 1) * self.k] for place in range(len(some))]
        return out


class Least(NamedTuple):
    """The least score of some runs and the text it was read from; None with an error where it is not known."""

    score: float | None
    text: str
    error: str | None = None
    rulings: tuple[Ruling, ...] = ()


def least(runs: Sequence[Generated], read: Callable[[str], Ruling]) -> Least:
    """The least of the runs' scores, for one run may overlook a fault.

    A run that failed might have been the least: unless another found nothing kept, the least is not known.
    """
    rulings = tuple(read(run.text) if run.stop_reason == "stop" else Ruling(None, no_text(run)) for run in runs)
    known = [(ruling.score, n) for n, ruling in enumerate(rulings) if ruling.score is not None]
    low = min(known, default=None)
    failed = [n for n, ruling in enumerate(rulings) if ruling.error is not None]
    if low is not None and (not failed or low[0] == 0):
        return Least(low[0], runs[low[1]].text[-KEPT_TEXT:], None, rulings)
    if failed:
        n = failed[0]
        return Least(None, runs[n].text[-KEPT_TEXT:], f"run {n}: {rulings[n].error}", rulings)
    return Least(None, runs[0].text[-KEPT_TEXT:] if runs else "", None, rulings)
