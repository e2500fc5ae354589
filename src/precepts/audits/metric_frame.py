"""A frame of measures by group in the shape of fairlearn's MetricFrame, for those who have code on it.

What is a function of confusion counts is computed on counts, its bootstrap too; anything else takes the path over rows,
and `paths` says so. Unlike its model the interval of a difference holds 0 at its level where groups are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import narwhals as nw
import numpy as np
import polars as pl

from precepts.audits.confusion import Confusion, confusion_counts, group_text
from precepts.errors import InputError, MissingError
from precepts.stats.confusion import (
    MEASURES,
    Method,
    Replicates,
    confusion_replicates,
    quantiles_of,
    range_interval,
    range_of_rates,
)
from precepts.stats.distributions import FloatArray

Metric = str | Callable[..., float]

_NAMES: Mapping[str, str] = {
    "accuracy_score": "accuracy", "zero_one_loss": "error_rate", "recall_score": "true_positive_rate",
    "precision_score": "precision", "f1_score": "f1", **{name: name for name in MEASURES},
}  # fmt: skip
"""Functions of scikit-learn and fairlearn by name, and the measure of counts that each is for 0 and 1."""


class _Rows(NamedTuple):
    truth: Any
    act: Any
    codes: Any
    """Group number of each row, in the order of the groups of the counts."""


class GroupMetrics:
    """Measures by group and overall, with bootstrap quantiles: `overall`, `by_group`, `difference()`, `ratio()`, …

    Args:
        metrics: A name of `precepts.stats.confusion.MEASURES`, a function of (y_true, y_pred), or a mapping of names to
            either. Functions of scikit-learn that counts can give are taken from counts.
        y_true: Outcomes, 0 or 1, shape (n,).
        y_pred: Decisions, 0 or 1, shape (n,).
        sensitive_features: A column, a mapping of columns, or a frame; every combination is a group.
        n_boot: Bootstrap replicates; None for no intervals.
        ci_quantiles: Shares below, such as 0.025 and 0.975.
        ci_method: `percentile` as fairlearn has it; `bca`; `auto` is `bca`, and Wilson's limits where events are few.
        random_state: Seed of the bootstrap.

    Raises:
        InputError: If lengths differ or values are not 0 and 1.
        MissingError: If pandas is not installed, in whose frames results come.
    """

    def __init__(
        self, *, metrics: Metric | Mapping[str, Metric], y_true: Any, y_pred: Any, sensitive_features: Any,
        n_boot: int | None = None, ci_quantiles: Sequence[float] | None = None, ci_method: Method = "percentile",
        random_state: int = 0,
    ) -> None:  # fmt: skip
        """Counts once, and draws the replicates."""
        given: Mapping[str, Metric] = metrics if isinstance(metrics, Mapping) else {_name_of(metrics): metrics}
        self.ci_quantiles = list(ci_quantiles or ())
        counted = {name: _NAMES[_name_of(metric)] for name, metric in given.items() if _is_counted(metric)}
        slow = {name: metric for name, metric in given.items() if name not in counted and callable(metric)}
        if unknown := [name for name in given if name not in counted and name not in slow]:
            raise InputError(
                f"There is no measure {given[unknown[0]]!r}; there are {', '.join(MEASURES)}, or give a function."
            )
        self.paths: dict[str, Literal["cells", "rows"]] = {n: "cells" if n in counted else "rows" for n in given}
        self._names, self._pandas = tuple(given), _pandas()
        table = _table(y_true, y_pred, sensitive_features)
        features = [name for name in table.columns if name not in ("truth", "act")]
        self.features = features
        self.counts: Confusion = confusion_counts(
            table, groups=features, outcome="truth", decision="act", where="y_true, y_pred and sensitive_features"
        )
        rows = _rows(table, self.counts, features) if slow else None
        self._groups, self._overall = self._values(counted, slow, rows)
        self._drawn = self._draw(counted, slow, rows, n_boot, random_state) if n_boot else None
        self._counted, self._seed = counted, random_state
        self._method: Method = ci_method

    def _values(self, counted: Mapping[str, str], slow: Mapping[str, Any], rows: _Rows | None) -> tuple[Any, Any]:
        size = len(self.counts.counts)
        groups, overall = np.full((size, len(self._names)), np.nan), np.full(len(self._names), np.nan)
        for place, name in enumerate(self._names):
            if name in counted:
                groups[:, place] = self.counts.measures([counted[name]])[:, 0]
                overall[place] = self.counts.overall([counted[name]])[0]
            elif rows is not None:
                groups[:, place], overall[place] = _by_rows(slow[name], rows, size)
        return groups, overall

    def _draw(
        self, counted: Mapping[str, str], slow: Mapping[str, Any], rows: _Rows | None, number: int, seed: int
    ) -> Replicates:
        size, shape = len(self.counts.counts), len(self._names)
        groups, overall = np.full((number, size, shape), np.nan), np.full((number, shape), np.nan)
        if counted:
            found = confusion_replicates(self.counts.counts, tuple(counted.values()), replicates=number, seed=seed)
            places = [self._names.index(name) for name in counted]
            groups[:, :, places], overall[:, places] = found
        if rows is not None:
            rng, n = np.random.default_rng(seed), len(rows.truth)
            for replicate in range(number):
                chosen = rng.integers(0, n, n)
                again = _Rows(rows.truth[chosen], rows.act[chosen], rows.codes[chosen])
                for name, metric in slow.items():
                    place = self._names.index(name)
                    groups[replicate, :, place], overall[replicate, place] = _by_rows(metric, again, size)
        return Replicates(groups, overall)

    @property
    def by_group(self) -> Any:
        """Measures by group: a pandas frame with one row a combination of features, NaN where it does not occur."""
        return self._frame(self._groups)

    @property
    def overall(self) -> Any:
        """Measures over all rows: a pandas Series."""
        return self._series(self._overall)

    @property
    def by_group_ci(self) -> list[Any]:
        """`by_group` at each of `ci_quantiles`."""
        drawn = self._replicates()
        levels = tuple(self.ci_quantiles)
        out = np.empty((len(levels), *self._groups.shape))
        for place, name in enumerate(self._names):
            one = drawn.groups[:, :, [place]]
            if name in self._counted:
                out[:, :, [place]] = quantiles_of(
                    one, levels, counts=self.counts.counts, names=(self._counted[name],), method=self._method
                )
            else:
                out[:, :, place] = np.nanquantile(one[:, :, 0], levels, axis=0)
        return [self._frame(values) for values in out]

    @property
    def overall_ci(self) -> list[Any]:
        """`overall` at each of `ci_quantiles`, by the percentile method."""
        return [
            self._series(values) for values in np.nanquantile(self._replicates().overall, self.ci_quantiles, axis=0)
        ]

    def group_min(self) -> Any:
        """The smallest value over groups."""
        return self._series(np.nanmin(self._groups, axis=0))

    def group_max(self) -> Any:
        """The largest value over groups."""
        return self._series(np.nanmax(self._groups, axis=0))

    def difference(self, method: Literal["between_groups", "to_overall"] = "between_groups") -> Any:
        """Largest less smallest value, or the largest distance from the overall value."""
        if method == "to_overall":
            return self._series(np.nanmax(np.abs(self._groups - self._overall), axis=0))
        return self._series(np.nanmax(self._groups, axis=0) - np.nanmin(self._groups, axis=0))

    def ratio(self, method: Literal["between_groups", "to_overall"] = "between_groups") -> Any:
        """Smallest over largest value, or the smallest ratio to the overall value, either way round."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if method == "to_overall":
                found = self._groups / self._overall
                return self._series(np.nanmin(np.minimum(found, 1 / found), axis=0))
            return self._series(np.nanmin(self._groups, axis=0) / np.nanmax(self._groups, axis=0))

    def difference_interval(self, level: float = 0.95) -> Any:
        """`difference()` with limits that hold at `level`, 0 included where groups are equal: a frame, one row a measure.

        Groups may be as small as they come. Of a function that counts cannot give (`paths`) limits are the bootstrap's, and
        hold where every group has tens of rows.
        """
        drawn = self._replicates().groups
        found = [
            range_of_rates(
                self.counts.counts, self._counted[name], level=level, draws=max(2000, len(drawn)), seed=self._seed
            )
            if name in self._counted
            else range_interval(self._groups[:, k], drawn[:, :, k], level=level)
            for k, name in enumerate(self._names)
        ]
        return self._pandas.DataFrame(found, index=list(self._names), columns=["difference", "low", "high"])

    def _replicates(self) -> Replicates:
        if self._drawn is None:
            raise InputError("There are no intervals without a bootstrap: give `n_boot` and `ci_quantiles`.")
        return self._drawn

    def _series(self, values: Any) -> Any:
        return self._pandas.Series(values, index=list(self._names))

    def _frame(self, values: Any) -> Any:
        pd, keys = self._pandas, self.counts.keys
        if len(self.features) == 1:
            index = pd.Index(keys[self.features[0]].to_list(), name=self.features[0])
            return pd.DataFrame(values, index=index, columns=list(self._names))
        index = pd.MultiIndex.from_arrays([keys[name].to_list() for name in self.features], names=self.features)
        frame = pd.DataFrame(values, index=index, columns=list(self._names))
        levels = [keys[name].unique().sort().to_list() for name in self.features]
        whole = int(np.prod([len(level) for level in levels], dtype=np.float64))
        return frame.reindex(pd.MultiIndex.from_product(levels, names=self.features)) if whole <= 100_000 else frame


def _name_of(metric: Metric) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)


def _is_counted(metric: Metric) -> bool:
    """Whether counts give it: by name, or a function of a library that means by its name what counts do."""
    known = isinstance(metric, str) or metric.__module__.split(".")[0] in ("sklearn", "fairlearn")
    return known and _name_of(metric) in _NAMES


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingError("Results in the shape of MetricFrame are pandas frames: pip install pandas.") from None
    return pandas


def _series(values: Any) -> pl.Series:
    """A column of any library as polars has it; NaN is missing."""
    try:
        return nw.from_native(values, series_only=True).to_polars()
    except TypeError:
        return pl.Series(values=np.asarray(values).ravel())


def _table(y_true: Any, y_pred: Any, features: Any) -> pl.DataFrame:
    columns: dict[str, Any] = {}
    if isinstance(features, Mapping):
        columns = {str(name): values for name, values in features.items()}
    else:
        try:
            frame: Any = nw.from_native(features, eager_only=True)
            columns = {name: frame[name].to_native() for name in frame.columns}
        except TypeError:
            plain = np.asarray(features) if not hasattr(features, "name") else features
            if isinstance(plain, np.ndarray) and plain.ndim == 2:
                columns = {f"sensitive_feature_{k}": plain[:, k] for k in range(plain.shape[1])}
            else:
                columns = {str(getattr(features, "name", None) or "sensitive_feature_0"): features}
    found = {"truth": _series(y_true), "act": _series(y_pred), **{name: _series(v) for name, v in columns.items()}}
    sizes = {name: len(column) for name, column in found.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"Columns differ in length: {', '.join(f'{name} {size:,}' for name, size in sizes.items())}.")
    return pl.DataFrame([column.alias(name) for name, column in found.items()])


def _rows(table: pl.DataFrame, counts: Confusion, features: list[str]) -> _Rows:
    numbered = counts.keys.with_row_index("code")
    texts = [group_text(name, table.schema[name]) for name in features]
    coded = table.with_columns(texts).join(numbered, on=features, how="left", maintain_order="left")
    return _Rows(table["truth"].to_numpy(), table["act"].to_numpy(), coded["code"].to_numpy().astype(np.int64))


def _by_rows(metric: Callable[..., float], rows: _Rows, size: int) -> tuple[FloatArray, float]:
    order = np.argsort(rows.codes, kind="stable")
    bounds = np.searchsorted(rows.codes[order], np.arange(size + 1))
    values = np.full(size, np.nan)
    for group in range(size):
        mine = order[bounds[group] : bounds[group + 1]]
        if mine.size:
            values[group] = metric(rows.truth[mine], rows.act[mine])
    return values, float(metric(rows.truth, rows.act))
