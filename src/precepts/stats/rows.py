"""What a row is, and the one place where estimators read it.

A row is a mapping. Which keys an estimator reads is in its docstring:

| key | meaning |
|---|---|
| `score` | the number of this row, of the arm under test; true and false count as 1 and 0 |
| `score_b` | the same row's number in the second arm (the baseline, or the supervisor) |
| `score_c` | the same row's number in the third arm (the ceiling) |
| `label` | the truth, 1 or 0; with the option `positive` (a value or a list) any value, and those named count as 1 |
| `score_d` | the same row's number in a fourth arm: another student, beside supervisor and ceiling |
| `score_e` | a fifth number of the row, of estimators that work on sums |
| `seed` | the run that scored the row, where several runs scored the same rows |
| `cluster` | the unit that was sampled, where several rows come from one: a conversation, a template, a rater |
| `cluster_b` | the second such unit, where rows are crossed: the item beside the rater |
| `arm` | `a` or `b`, where the two arms have different rows; for estimators over groups the group's name |
| `count` | how many equal rows this one stands for, 1 if absent; only estimators that say so read it |
| `group` | what is chosen or counted within a cluster: an attack technique, an answer's text |
| `fold` | which of several samples of one cluster and group this is |

A row is *unscored* if a key that the estimator reads is None, NaN or absent in it. It is counted and moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray

Row = Mapping[str, object]
"""One observation; the module docstring lists its keys."""

ROW_KEYS = (
    "score", "score_b", "score_c", "score_d", "score_e", "label", "seed", "cluster", "cluster_b", "arm", "group", "fold", "count",
)  # fmt: skip
"""The keys an estimator may read from a row."""


@dataclass(frozen=True)
class Columns:
    """The numbers of the complete rows, in an order that depends on the numbers alone."""

    values: FloatArray
    """Shape (n, number of keys read), rows in lexicographic order."""
    rows: tuple[Row, ...]
    """The complete rows, in the order of `values`."""
    num_unscored: int

    @property
    def n(self) -> int:
        """How many rows are complete."""
        return len(self.rows)

    def column(self, index: int) -> FloatArray:
        """One key's numbers, shape (n,)."""
        return self.values[:, index]


def read_columns(
    rows: Sequence[Row], *keys: str, positive: object = None, binary: Sequence[str] = (), infinite: bool = False
) -> Columns:
    """The named keys of all rows that are complete, as numbers.

    Args:
        rows: Any order; what comes back does not depend on it.
        keys: Keys of which every one must be scored for a row to be complete.
        positive: Value or values of `label` that count as 1; None reads labels as numbers.
        binary: Keys whose numbers must be 0 or 1.
        infinite: Whether infinite numbers are allowed, as they are where only ranks count.

    Raises:
        InputError: If no row has a key, or a value is not a number of the kind asked for; it names the row, from 1.
    """
    for key in keys:
        if rows and not any(key in row for row in rows):
            raise InputError(
                f"No row has the key `{key}`. The first row has: {', '.join(map(str, rows[0])) or 'none'}."
            )
    numbers: list[tuple[float, ...]] = []
    complete: list[Row] = []
    for position, row in enumerate(rows, start=1):
        found = [_number(row.get(key), key, position, positive if key == "label" else None) for key in keys]
        scored = tuple(value for value in found if value is not None)
        if len(scored) < len(keys):
            continue
        for key, value in zip(keys, scored, strict=True):
            if (key in binary or key == "label") and value not in (0.0, 1.0):
                raise InputError(
                    f"Row {position}: `{key}` must be 0 or 1 for this estimator; got {value}. For other scores: bca@1."
                )
            if math.isinf(value) and not infinite:
                raise InputError(f"Row {position}: `{key}` must be finite for this estimator; got {value}.")
        numbers.append(scored)
        complete.append(row)
    values = np.array(numbers, dtype=np.float64).reshape(len(numbers), len(keys))
    order = np.lexsort(values.T[::-1])
    return Columns(values[order], tuple(complete[i] for i in order), len(rows) - len(complete))


def _number(value: object, key: str, position: int, positive: object) -> float | None:
    """The value as a float; None where it is unscored."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if positive is not None:
        return float(
            any(same_value(value, one) for one in (positive if isinstance(positive, list | tuple) else [positive]))
        )
    if isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
        number = float(value)
        return None if math.isnan(number) else number
    hint = " Name the value that counts as 1 with the option `positive`." if key == "label" else ""
    raise InputError(f"Row {position}: `{key}` must be a number, true, false or null; got {value!r}.{hint}")


def same_value(one: object, other: object) -> bool:
    """Whether two JSON values are equal; unlike in Python true is not 1 and false is not 0."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other
