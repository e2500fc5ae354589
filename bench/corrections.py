"""How often the intervals of corrected rates hold the true rate: python bench/corrections.py [draws a setting].

Rogan-Gladen as the package makes it, over a grid of rates, judges and numbers of labels; and prediction-powered.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np

from precepts.stats import Counts, prediction_powered, rogan_gladen

RATES = (0.0, 0.02, 0.1, 0.5, 0.9)
GRID = tuple(itertools.product(RATES, (0.6, 0.8, 0.95, 0.99), (0.8, 0.95, 0.99), (100, 400), (20, 60, 200), (30, 200)))


def rogan_gladen_coverage(draws: int, seed: int) -> list[tuple[float, float, tuple[float, ...]]]:
    """Coverage among the draws that have an interval, the share that have one, and the setting."""
    rng = np.random.default_rng(seed)
    out: list[tuple[float, float, tuple[float, ...]]] = []
    for setting in GRID:
        rate, se, sp, n, num_signal, num_noise = setting
        yes = rng.binomial(n, rate * se + (1 - rate) * (1 - sp), draws).tolist()
        hits, rejections = rng.binomial(num_signal, se, draws).tolist(), rng.binomial(num_noise, sp, draws).tolist()
        held, had = 0, 0
        for y, h, r in zip(yes, hits, rejections, strict=True):
            interval = rogan_gladen(y, n, Counts(h, num_signal, r, num_noise)).interval
            had += interval is not None
            held += interval is not None and interval[0] - 1e-9 <= rate <= interval[1] + 1e-9
        out.append((held / max(1, had), had / draws, setting))
    return out


def powered_coverage(draws: int, seed: int) -> list[tuple[float, float, tuple[float, ...]]]:
    """The same of prediction-powered rates, 600 rated rows of which some are labelled."""
    rng = np.random.default_rng(seed)
    out: list[tuple[float, float, tuple[float, ...]]] = []
    for setting in itertools.product(RATES, (0.5, 0.8, 0.95), (0.5, 0.8, 0.95), (30, 100)):
        rate, se, sp, labelled = setting
        held, had = 0, 0
        for _ in range(draws):
            labels = (rng.random(600) < rate).astype(np.float64)
            calls = np.where(labels == 1, rng.random(600) < se, rng.random(600) >= sp).astype(np.float64)
            interval = prediction_powered(calls[:labelled], labels[:labelled], calls[labelled:]).interval
            had += interval is not None
            held += interval is not None and interval[0] - 1e-9 <= rate <= interval[1] + 1e-9
        out.append((held / max(1, had), had / draws, setting))
    return out


def show(name: str, found: list[tuple[float, float, tuple[float, ...]]]) -> None:
    """Mean, least and low percentiles over settings; the worst setting."""
    shares = np.array([one[0] for one in found])
    low = np.quantile(shares, (0.01, 0.05))
    had = np.mean([one[1] for one in found])
    print(f"{name}: mean {shares.mean():.3f}, least {shares.min():.3f} at {min(found)[2]}, "
          f"1 % and 5 % of settings {low[0]:.3f} {low[1]:.3f}, an interval in {had:.3f} of draws")  # fmt: skip


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for draw_seed in range(3):
        show(f"rogan_gladen@1, seed {draw_seed}", rogan_gladen_coverage(number, draw_seed))
        show(f"ppi@1, seed {draw_seed}", powered_coverage(number // 2, draw_seed))
