"""Estimators by name and version, so that a number can say how it was made and anyone can make it again.

A version is frozen: a change that moves any number, a default included, is registered as the next version beside the
old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from precepts.errors import InputError
from precepts.stats.rows import ROW_KEYS, Row
from precepts.types import Metric

Params = Mapping[str, object]
"""An estimator's options, as they stand in an Evidence row: JSON values by name."""

Interval = tuple[float, float]
"""Low and high limit, in the unit of the value."""

SELECTION_PARAMS = frozenset((*ROW_KEYS, "join", "positive"))
"""Options that say where a row's fields are found in a file; every estimator accepts them."""


class Estimator(Protocol):
    """A function of rows, options and a seed, and of nothing else."""

    def __call__(self, rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
        """The estimate; `level` is the coverage its interval aims at."""
        ...


@dataclass(frozen=True)
class _Entry:
    function: Estimator
    params: frozenset[str]


_ESTIMATORS: dict[str, _Entry] = {}


def estimator(name: str, *, version: int, params: Sequence[str] = ()) -> Callable[[Estimator], Estimator]:
    """A decorator that registers a function as `name@version`.

    Args:
        name: Lower case, words joined by `_`.
        version: 1 for the first; a registered version never changes its numbers.
        params: The options that the function reads, apart from those of row selection.
    """
    key = f"{name}@{version}"
    assert key not in _ESTIMATORS, f"{key} is registered twice"

    def register(function: Estimator) -> Estimator:
        _ESTIMATORS[key] = _Entry(function, frozenset(params))
        return function

    return register


def estimators() -> tuple[str, ...]:
    """The names of all registered estimators, sorted."""
    return tuple(sorted(_ESTIMATORS))


def estimate(
    name: str, rows: Sequence[Row], *, params: Params | None = None, seed: int = 0, level: float = 0.95
) -> Metric:
    """The named estimator's value and interval over `rows`.

    Equal arguments give equal numbers, in any order of the rows. Unscored rows are counted in `n_unscored` and move
    nothing. Without a scored row value, low and high are None.

    Args:
        name: `name@version`, one of `estimators()`.
        rows: See `precepts.stats.rows` for the keys.
        params: The estimator's options.
        seed: For estimators that resample; others ignore it.
        level: Coverage that the interval aims at, in (0, 1).

    Raises:
        InputError: If the estimator, an option or the level is unknown to it, or rows lack what it reads.
    """
    entry = _ESTIMATORS.get(name)
    if entry is None:
        raise InputError(f"No estimator is named {name!r}. There are: {', '.join(estimators())}.")
    options = params or {}
    unknown = set(options) - entry.params - SELECTION_PARAMS
    if unknown:
        known = ", ".join(sorted(entry.params)) or "no options of its own"
        raise InputError(f"{name} does not know the option {', '.join(sorted(unknown))}; it knows {known}.")
    if not 0 < level < 1:
        raise InputError(f"The level of an interval is between 0 and 1, such as 0.95; got {level}.")
    return entry.function(rows, params=options, seed=seed, level=level)


def number_option(params: Params, key: str, default: float) -> float:
    """The option as a number, or the default where it is absent.

    Raises:
        InputError: If it is anything but a number.
    """
    given = params.get(key, default)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InputError(f"The option {key} is a number, such as {default}; got {given!r}.")
    return given


def choice_option(params: Params, key: str, choices: Sequence[str]) -> str:
    """The option as one of `choices`, or the first of them where it is absent.

    Raises:
        InputError: If it is anything else.
    """
    given = params.get(key, choices[0])
    if given not in choices:
        raise InputError(f"The option {key} is one of {', '.join(choices)}; got {given!r}.")
    return str(given)


def as_metric(
    name: str,
    value: float | None,
    interval: Interval | None,
    *,
    level: float,
    n: int,
    num_unscored: int,
    unit: str = "rate",
) -> Metric:
    """The Metric of an estimator called `name`; an interval of None leaves low and high empty."""
    low, high = interval if interval is not None else (None, None)
    return Metric(value=value, low=low, high=high, level=level, n=n, n_unscored=num_unscored, estimator=name, unit=unit)
