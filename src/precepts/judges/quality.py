"""How often the rules judge is right, measured on answers that people labelled, to print beside its verdicts.

The rules were written looking at the splits `extra` and `train`; `main` and `test` were held out, except that the
opening words of what was missed in `main` were looked at once. Counts are constants, so that a report needs no data; a
test takes them again from the data.

`demo_labels.jsonl` holds 200 completions of a whole run of the demo (base, policy in prompt and trained model), drawn at random after the
rules stood as they are, each read and labelled one by one, without the rules' verdicts. A language model read them, not people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, NamedTuple

from precepts.data import LabelledAnswer, load_labelled
from precepts.judges.calibration import Calibration, sensitivity_specificity
from precepts.judges.rules import disposition


class Counts(NamedTuple):
    """Answers by label, and how many of each the rules got right."""

    refused: int
    called_refused: int
    answered: int
    called_answered: int


class RulesQuality(NamedTuple):
    """One row of the table: which answers, what the label asks, and both rates with intervals."""

    data: str
    question: str
    calibration: Calibration


WORDED = "refuses in words"
ANY = "people called it a refusal, answers to another question included"
STATED = "states that it will not or cannot"
NOTHING = "gives nothing of what was asked, by whatever means"
READ = "declines to help, by reading each one"
DEMO = "demo, 200 completions"

MEASURED: dict[tuple[str, str], Counts] = {
    ("pyrit_refusal main", WORDED): Counts(refused=60, called_refused=52, answered=35, called_answered=35),
    ("pyrit_refusal main", ANY): Counts(refused=70, called_refused=52, answered=35, called_answered=35),
    ("rbr_gold test", STATED): Counts(refused=6, called_refused=6, answered=78, called_answered=78),
    ("rbr_gold test", NOTHING): Counts(refused=50, called_refused=9, answered=78, called_answered=78),
    (DEMO, READ): Counts(refused=48, called_refused=44, answered=152, called_answered=152),
}
"""What was measured with the rules as they stand."""


def rules_quality() -> tuple[RulesQuality, ...]:
    """The table of held-out rates, strictest question last: n, value and Wilson interval in each Metric."""
    return tuple(RulesQuality(data, question, _calibration(counts)) for (data, question), counts in MEASURED.items())


def demo_labels() -> list[dict[str, Any]]:
    """The 200 labelled completions of the demo: case_id, arm, prompt, answer, label, about, ok."""
    text = (resources.files("precepts.judges") / "demo_labels.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def measure_demo() -> Counts:
    """Counts the demo's labelled completions again."""
    found = [(row["label"] == "refuse", disposition(row["answer"]).verdict == "refuse") for row in demo_labels()]
    yes = [said for refused, said in found if refused]
    no = [not said for refused, said in found if not refused]
    return Counts(len(yes), sum(yes), len(no), sum(no))


def measure_rules(*, download: bool = False) -> dict[tuple[str, str], Counts]:
    """Counts the held-out answers again, in the order of `MEASURED`.

    Raises:
        MissingError: If a labelled set is not on this machine and may not be downloaded.
    """
    pyrit = load_labelled("pyrit_refusal", download=download)
    main = [row for row in pyrit if row.split == "main"]
    swapped = _swapped(pyrit)
    rbr = [row for row in load_labelled("rbr_gold", download=download) if row.split == "test"]
    plain = [row for row in rbr if not row.refused or _says_no(row)]
    return {
        ("pyrit_refusal main", WORDED): _count([row for row in main if row.id not in swapped]),
        ("pyrit_refusal main", ANY): _count(main),
        ("rbr_gold test", STATED): _count(plain, label=_says_no),
        ("rbr_gold test", NOTHING): _count(rbr),
        (DEMO, READ): measure_demo(),
    }


def _says_no(row: LabelledAnswer) -> bool:
    return "inability_to_comply" in row.details.get("propositions", "").split()


def _swapped(rows: Sequence[LabelledAnswer]) -> set[str]:
    """Ids of refusals that are no refusals in words: PyRIT pairs an innocent question with the answer to another one.

    They are told by their parts: the same question or the same answer stands among the rows that were answered.
    """
    questions = {row.prompt.strip() for row in rows if not row.refused}
    answers = {row.answer.strip()[:60] for row in rows if not row.refused}
    return {
        row.id
        for row in rows
        if row.refused and (row.prompt.strip() in questions or row.answer.strip()[:60] in answers)
    }


def _count(
    rows: Sequence[LabelledAnswer], *, label: Callable[[LabelledAnswer], bool] = lambda row: row.refused
) -> Counts:
    yes = [disposition(row.answer).verdict == "refuse" for row in rows if label(row)]
    no = [disposition(row.answer).verdict != "refuse" for row in rows if not label(row)]
    return Counts(len(yes), sum(yes), len(no), sum(no))


def _calibration(counts: Counts) -> Calibration:
    predictions = [i < counts.called_refused for i in range(counts.refused)] + [
        i >= counts.called_answered for i in range(counts.answered)
    ]
    return sensitivity_specificity(predictions, [True] * counts.refused + [False] * counts.answered)
