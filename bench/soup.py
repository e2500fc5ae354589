"""What limits the decision: chance of one training, or the model? (docs/log.md, 2026-11-22)

    python bench/soup.py RUN RUN [RUN ...]

Runs of one configuration that differ in their seed. Prints the AUC of the verdict's log-odds, refuse against comply, on all test cases and on
XSTest: of each run, of the model whose weights are the mean of theirs (Wortsman et al. 2022, arXiv 2203.05482), and of the mean of their log-odds.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from precepts.data import load_cases
from precepts.models.engine import Engine
from precepts.pipelines.config import asked, cases_of, policy_of
from precepts.runs import Run
from precepts.stats import estimate
from precepts.types import Case

BATCH = 128


def averaged(models: Sequence[Path], to: Path) -> Path:
    """A model directory whose weights are the mean of those given."""
    shutil.copytree(models[0], to)
    loaded = [load_file(path / "model.safetensors") for path in models]
    mean = {
        name: torch.stack([one[name].float() for one in loaded]).mean(0).to(weight.dtype).contiguous()
        for name, weight in loaded[0].items()
    }
    save_file(mean, to / "model.safetensors", metadata={"format": "pt"})
    return to


def log_odds(model: Path, cases: Sequence[Case]) -> list[float]:
    """Refuse against comply, by case."""
    engine = Engine(model)
    rows = [
        row for i in range(0, len(cases), BATCH) for row in engine.decisions([c.messages for c in cases[i : i + BATCH]])
    ]
    return [refuse - comply for refuse, comply, _ in rows]


def main(*paths: str) -> None:
    """One line for each model and set."""
    run = Run(Path(paths[0]))
    policy = policy_of(run)
    test = [(c, asked(c, policy)) for c in cases_of(run, "test")]
    sets = {
        "test": [(c, kind == "refuse") for c, kind in test if kind in ("refuse", "comply")],
        "xstest": [(c, c.disposition == "refuse") for c in load_cases("xstest")],
    }
    models = [Path(path) / "sft" / "model" for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        soup = averaged(models, Path(folder) / "soup")
        for name, rows in sets.items():
            found = [log_odds(model, [case for case, _ in rows]) for model in (*models, soup)]
            together = [sum(odds) / len(models) for odds in zip(*found[:-1], strict=True)]
            for label, odds in zip((*paths, "mean of weights", "mean of log-odds"), (*found, together), strict=True):
                table = [{"score": o, "label": float(refuse)} for o, (_, refuse) in zip(odds, rows, strict=True)]
                metric = estimate("auc@1", table)
                print(
                    f"{name} ({metric.n}), {label}: AUC {metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]",
                    flush=True,
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
