"""Rows with a true label, and what makes a set of them a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from precepts.errors import InputError
from precepts.types import content_key

Role = Literal["primary", "development", "hard", "other"]
"""What a task is for: named beforehand, for choosing settings, declared hard beforehand, or none of these."""


class Example(NamedTuple):
    """One row.

    `texts` holds one text to classify, or two of which label 1 prefers the second. Rows of one `group` (a premise, a prompt) never
    stand in two parts of a split. `weak` is a label that people gave as the weak supervisor; None without one.
    """

    texts: tuple[str, ...]
    label: int
    group: str
    weak: int | None = None

    @property
    def key(self) -> str:
        """Names the row by its content."""
        return content_key(self.texts, self.label, self.group)


class Task(NamedTuple):
    """A classification or preference task; `classes` are named in the order of their labels."""

    name: str
    title: str
    classes: tuple[str, ...]
    citation: str
    licence: str
    examples: tuple[Example, ...]
    role: Role = "other"
    note: str = ""

    @property
    def pairwise(self) -> bool:
        """Whether a row holds two texts of which one is preferred: reward modelling."""
        return len(self.examples[0].texts) == 2

    @property
    def digest(self) -> str:
        """Names what is asked and the rows by content and order, people's labels among it where there are any."""
        weak = [example.weak for example in self.examples]
        people = [weak] if any(label is not None for label in weak) else []
        return content_key(self.title, self.classes, [example.key for example in self.examples], *people)


def checked(task: Task) -> Task:
    """The task, if something can be learned from its rows.

    Raises:
        InputError: If there is no row, a text is empty, rows differ in their number of texts, a label is out of range, or a class has
            no row.
    """
    if not task.examples:
        raise InputError(f"{task.name} has no rows. Give rows with a text and a label.")
    forms = {len(example.texts) for example in task.examples}
    if forms not in ({1}, {2}):
        raise InputError(f"{task.name}: every row needs one text, or every row two; got {sorted(forms)}.")
    for number, example in enumerate(task.examples, 1):
        if not all(text.strip() for text in example.texts):
            raise InputError(f"{task.name}: row {number} has an empty text. Fill it or take the row out.")
        for what, label in (("label", example.label), ("weak label", example.weak)):
            if label is not None and not 0 <= label < len(task.classes):
                raise InputError(
                    f"{task.name}: row {number} has the {what} {label}; it must be 0 to {len(task.classes) - 1}."
                )
    counts = Counter(example.label for example in task.examples)
    absent = [name for label, name in enumerate(task.classes) if not counts[label]]
    if len(task.classes) < 2 or absent:
        which = (
            f"no row has {', '.join(map(repr, absent))}"
            if absent
            else f"all rows are {', '.join(map(repr, task.classes))}"
        )
        raise InputError(f"{task.name}: a task needs rows of at least two classes; {which}.")
    return task


def balanced(examples: Sequence[Example], num_classes: int, *, most: int | None = None) -> list[Example]:
    """The rows with every class cut to the size of the smallest, or to `most`; first come first kept, order is kept.

    Burns et al. 2023, section 4.1: classes are balanced, so chance is 1 / number of classes.
    """
    counts = Counter(example.label for example in examples)
    fewest = min(counts[label] for label in range(num_classes))
    room = Counter(dict.fromkeys(range(num_classes), fewest if most is None else min(fewest, most)))
    kept: list[Example] = []
    for example in examples:
        if room[example.label] > 0:
            room[example.label] -= 1
            kept.append(example)
    return kept
