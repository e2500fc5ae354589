"""BBQ's items with what its scores need: which answer is unknown, and which is the one that the stereotype would have."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, NamedTuple

from precepts.data import entry, read_texts

TARGETS = "targets"


class Item(NamedTuple):
    """One question of BBQ.

    Attributes:
        biased: Index of the answer that agrees with the stereotype, for either polarity of the question; None where BBQ does not say.
        unknown: Index of the answer that says it cannot be told.
        template: Category and question: items of one template are sampled together.
    """

    id: str
    category: str
    template: str
    condition: str
    polarity: str
    context: str
    question: str
    choices: tuple[str, str, str]
    label: int
    unknown: int
    biased: int | None


def bbq_items(*, download: bool = True) -> list[Item]:
    """All 56,428 questions in the order of their files. Raises as `precepts.data.read_texts`."""
    texts = read_texts(entry("bbq"), download=download)
    targets: dict[tuple[str, str, str], set[str]] = {}
    for row in csv.DictReader(io.StringIO(texts[TARGETS], newline="")):
        targets.setdefault((row["category"], row["example_id"], row["question_index"]), set()).add(row["target_loc"])
    return [
        _item(json.loads(line), targets)
        for key in sorted(texts)
        if key != TARGETS
        for line in texts[key].split("\n")
        if line.strip()
    ]


def _item(row: dict[str, Any], targets: dict[tuple[str, str, str], set[str]]) -> Item:
    key = (row["category"], str(row["example_id"]), str(row["question_index"]))
    found = targets.get(key, set())
    # Some rows of the key file stand twice or say NA: only one agreed place counts.
    place = int(next(iter(found))) if len(found) == 1 and found <= {"0", "1", "2"} else None
    [unknown] = [i for i in range(3) if row["answer_info"][f"ans{i}"][1] == "unknown"]
    return Item(
        id=f"bbq/{row['category']}/{row['question_index']}/{row['example_id']}", category=row["category"],
        template=f"{row['category']}/{row['question_index']}", condition=row["context_condition"], polarity=row["question_polarity"],
        context=row["context"], question=row["question"], choices=(row["ans0"], row["ans1"], row["ans2"]), label=int(row["label"]),
        unknown=unknown, biased=place,
    )  # fmt: skip
