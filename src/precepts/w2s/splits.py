"""Which rows are tested on, which train the supervisor, and which the student.

The test rows are one fixed set of a task, so that seeds and rows are crossed; a seed draws the halves of the rest. Parts share no
group. Classes are balanced within each part (Burns et al. 2023, section 4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from precepts.errors import InputError
from precepts.types import content_key
from precepts.w2s.examples import Example, Task, balanced

TEST_SHARE = 0.3
VALIDATION_SHARE = 0.15
_FEWEST = 8


class Split(NamedTuple):
    """Row numbers of a task's pool, by part. `validation` has weak labels only; no ground truth of it is ever read."""

    supervisor: list[int]
    student: list[int]
    validation: list[int]


def pool(task: Task, *, rows: int | None) -> tuple[list[Example], list[int], list[int]]:
    """The rows that are used, and the row numbers of the test part and of the rest.

    Rows are taken in the order of their groups' digest, and a group's digest says whether it is tested on: a larger pool holds the
    smaller one, part by part, and its features are reused.

    Args:
        task: Any.
        rows: At most how many rows in all; None for all.

    Raises:
        InputError: If a part would have too few rows of a class.
    """
    ordered = [example for _, _, example in sorted((content_key(e.group), i, e) for i, e in enumerate(task.examples))]
    most = None if rows is None else max(1, rows // len(task.classes))
    test: list[Example] = []
    rest: list[Example] = []
    for example in balanced(ordered, len(task.classes), most=most):
        drawn = int(content_key("test", example.group), 16) % 1000 < 1000 * TEST_SHARE
        (test if drawn else rest).append(example)
    test, rest = balanced(test, len(task.classes)), balanced(rest, len(task.classes))
    for name, part in (("test", test), ("training", rest)):
        fewest = len(part) // max(1, len(task.classes))
        if fewest < _FEWEST:
            raise InputError(
                f"{task.name}: the {name} part has {fewest} balanced rows a class, at least {_FEWEST} are needed. "
                f"Give more rows, more groups, or a larger --rows."
            )
    return [*test, *rest], list(range(len(test))), list(range(len(test), len(test) + len(rest)))


def split(examples: Sequence[Example], rest: Sequence[int], *, seed: int, num_classes: int) -> Split:
    """The halves of the rows that are not tested on; whole groups, equal sizes for every seed.

    Raises:
        InputError: If a part is empty or lacks a class.
    """
    by_group: dict[str, list[int]] = {}
    for i in rest:
        by_group.setdefault(examples[i].group, []).append(i)
    names = sorted(by_group)
    np.random.default_rng([seed, 71]).shuffle(names)
    halves: tuple[list[int], list[int]] = ([], [])
    for name in names:
        min(halves, key=len).extend(by_group[name])
    num_validation = max(1, round(VALIDATION_SHARE * len(rest) / 2))
    validation: list[int] = []
    student: list[int] = []
    student_groups: dict[str, list[int]] = {}
    for i in halves[1]:
        student_groups.setdefault(examples[i].group, []).append(i)
    for members in student_groups.values():
        (validation if len(validation) < num_validation else student).extend(members)
    parts = Split(_balanced(examples, halves[0], num_classes), _balanced(examples, student, num_classes), validation)
    for name, part in zip(Split._fields, parts, strict=True):
        if not part or (name != "validation" and len({examples[i].label for i in part}) < num_classes):
            raise InputError(
                f"The {name} part of seed {seed} is empty or lacks a class. Groups are too few or too large: give more rows."
            )
    return parts


def _balanced(examples: Sequence[Example], part: Sequence[int], num_classes: int) -> list[int]:
    """The part with every class cut to the smallest."""
    by_class = [[i for i in part if examples[i].label == label] for label in range(num_classes)]
    fewest = min(len(rows) for rows in by_class)
    return sorted(i for rows in by_class for i in rows[:fewest])
