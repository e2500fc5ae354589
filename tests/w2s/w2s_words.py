"""Sentences whose words tell the label."""

from __future__ import annotations

import numpy as np

GOOD = ["fine", "warm", "bright", "kind", "lovely", "pleasant", "sunny", "gentle"]
BAD = ["grim", "cold", "harsh", "cruel", "awful", "dreary", "stormy", "bitter"]
PLACES = ["garden", "harbour", "station", "kitchen", "library", "valley", "market", "bridge"]


def sentences(num_rows: int, seed: int = 0) -> list[tuple[str, str]]:
    """Texts with a label, of words that tell it."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(num_rows):
        label = int(i % 2)
        words = rng.choice(GOOD if label else BAD, 2)
        out.append(
            (
                f"The {rng.choice(PLACES)} was {words[0]} and {words[1]} on day {i}.",
                "pleasant" if label else "unpleasant",
            )
        )
    return out
