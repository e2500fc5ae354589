"""What a fine-tuned model must beat: classifiers of words, and a probe on the untrained model's hidden states.

`python -m precepts.evals.baselines RUN` fits them on the run's training cases and prints AUC and balanced accuracy on its test cases and XSTest, at a
threshold chosen on dev, as the model's own is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from precepts.data import load_cases
from precepts.policy import Policy, load_policy
from precepts.runs import Run
from precepts.stats import estimate, maximin_threshold
from precepts.types import Case

Scorer = Callable[[Sequence[str]], "np.ndarray[Any, np.dtype[np.float64]]"]


class Labelled(NamedTuple):
    """Prompts, and whether each is to be refused."""

    prompts: list[str]
    refuse: list[bool]


def labelled(cases: Sequence[Case], policy: Policy) -> Labelled:
    """The cases to refuse and to comply with; others are left out."""
    pairs = [(c, c.disposition or (policy.disposition(c.clauses) if c.clauses else None)) for c in cases]
    kept = [(c.prompt, asked == "refuse") for c, asked in pairs if asked in ("refuse", "comply")]
    return Labelled([prompt for prompt, _ in kept], [refuse for _, refuse in kept])


def word_classifiers(train: Labelled) -> dict[str, Scorer]:
    """TF-IDF and logistic regression, over words, word pairs and character sequences, at two strengths."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    shapes: dict[str, dict[str, Any]] = {
        "words": {},
        "word pairs": {"ngram_range": (1, 2)},
        "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    }
    out: dict[str, Scorer] = {}
    for name, shape in shapes.items():
        for strength in (1.0, 10.0):
            classifier: Any = make_pipeline(
                TfidfVectorizer(sublinear_tf=True, **shape),
                LogisticRegression(C=strength, max_iter=2000, solver="liblinear"),
            )
            classifier.fit(train.prompts, train.refuse)
            out[f"{name}, C={strength:g}"] = classifier.decision_function
    return out


def probe(train: Labelled) -> Scorer:
    """Logistic regression on the embedded model's hidden states, read at the end of the prompt."""
    from precepts.judges import ProbeJudge
    from precepts.models import Engine
    from precepts.models.embedded import NAME, embedded_path
    from precepts.types import Message

    engine = Engine(embedded_path(), name=f"precepts/{NAME}")

    def texts(prompts: Sequence[str]) -> list[str]:
        return [engine.prompt_text([Message(role="user", content=prompt)]) for prompt in prompts]

    fitted = ProbeJudge.fit(texts(train.prompts), train.refuse, engine, layer=16, C=0.001)
    return lambda prompts: np.asarray(fitted.scores(texts(prompts)))


def measure(scorer: Scorer, dev: Labelled, sets: dict[str, Labelled]) -> dict[str, Any]:
    """AUC with its interval, and balanced accuracy at the threshold chosen on dev, for each set."""
    on_dev = np.asarray(scorer(dev.prompts))
    refuse = np.asarray(dev.refuse)
    threshold = maximin_threshold(on_dev[refuse], on_dev[~refuse])
    out: dict[str, Any] = {}
    for name, found in sets.items():
        scores = np.asarray(scorer(found.prompts))
        rows = [{"score": float(s), "label": float(y)} for s, y in zip(scores, found.refuse, strict=True)]
        said = [{"score": float(s > threshold), "label": float(y)} for s, y in zip(scores, found.refuse, strict=True)]
        auc, accuracy = estimate("auc@1", rows), estimate("balanced_accuracy@1", said)
        out[name] = {
            "auc": [auc.value, auc.low, auc.high],
            "balanced_accuracy": [accuracy.value, accuracy.low, accuracy.high],
            "n": len(rows),
        }
    return out


def main(path: str) -> None:
    """Prints one JSON document."""
    run = Run(path)
    policy = load_policy(Path(path) / "policy.yaml")
    cases = [Case.model_validate(row) for row in run.rows("cases")]
    split = {name: labelled([c for c in cases if c.split == name], policy) for name in ("train", "dev", "test")}
    twins = labelled([c for c in cases if c.split == "test" and c.pair], policy)
    sets = {"test": split["test"], "test twins": twins, "xstest": labelled(load_cases("xstest"), policy)}
    found = {name: measure(scorer, split["dev"], sets) for name, scorer in word_classifiers(split["train"]).items()}
    found["probe on hidden states"] = measure(probe(split["train"]), split["dev"], sets)
    print(json.dumps({"v": 1, "baselines": found}, indent=1))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m precepts.evals.baselines RUN")
    main(sys.argv[1])
