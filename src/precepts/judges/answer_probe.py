"""The shipped filter: a probe that tells from an answer's hidden states whether it refuses.

It is fitted on labelled answers of two public sets (the training part of RBR gold, MIT; PyRIT's extra refusals, MIT) and ships as
weights, so that filtering needs neither a network nor those sets. It shares nothing with the rules that test: that is its point.
`python -m precepts.judges.answer_probe` makes the file again.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from precepts.judges.probe import ProbeJudge, StatesModel
from precepts.judges.relevance import embedded_scorer

FILE = "answer_probe.npz"


def answer_probe(engine: StatesModel | None = None) -> ProbeJudge:
    """The shipped probe on the embedded model.

    Raises:
        MissingError: If torch is not installed or the embedded model was not pulled.
    """
    with resources.as_file(resources.files("precepts.judges") / FILE) as path:
        return ProbeJudge.load(path, engine or _embedded())


def fit_answer_probe(engine: StatesModel) -> ProbeJudge:
    """Fits the probe on the labelled sets, which must be at hand (`$PRECEPTS_DATA`) or be downloadable."""
    from precepts.data import load_labelled

    rows = [r for name in ("rbr_gold", "pyrit_refusal") for r in load_labelled(name) if r.split in ("train", "extra")]
    return ProbeJudge.fit([r.answer for r in rows], [r.refused for r in rows], engine, C=0.003, view="answer")


def _embedded() -> StatesModel:
    from typing import cast

    return cast(StatesModel, embedded_scorer())


if __name__ == "__main__":
    fit_answer_probe(_embedded()).save(Path(__file__).with_name(FILE))
