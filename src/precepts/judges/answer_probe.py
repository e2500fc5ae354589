"""The shipped filter: a probe that tells from an answer's hidden states whether it refuses.

It is fitted on labelled answers of two public sets (the training part of RBR gold, MIT; PyRIT's extra refusals, MIT) and on 479 short
answers of the embedded model under a brief (`short_answers.jsonl`, each read and labelled by a language model, not by people), and ships
as weights, so that filtering needs neither a network nor those sets. It shares nothing with the rules that test: that is its point.
`python -m precepts.judges.answer_probe` makes the file again.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from precepts.judges.probe import ProbeJudge, StatesModel
from precepts.judges.relevance import embedded_scorer

FILE = "answer_probe.npz"
SHORT = "short_answers.jsonl"

_OPENINGS = ("I'm sorry, but I can't help", "I'm not a professional")


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
    labelled = [(r.answer, r.refused) for r in rows] + short_answers()
    return ProbeJudge.fit([a for a, _ in labelled], [r for _, r in labelled], engine, C=0.001, view="answer")


def short_answers() -> list[tuple[str, bool]]:
    """Short answers of the embedded model, and whether each refuses; those of other openings also as they begin now."""
    text = (resources.files("precepts.judges") / SHORT).read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    plain = [(row["answer"], row["label"] == "refuse") for row in rows]
    return plain + [(f"Sure. {answer}", refused) for answer, refused in plain if not answer.startswith(_OPENINGS)]


def _embedded() -> StatesModel:
    from typing import cast

    return cast(StatesModel, embedded_scorer())


if __name__ == "__main__":
    fit_answer_probe(_embedded()).save(Path(__file__).with_name(FILE))
