"""How good probabilities are as forecasts of labels: the Brier score."""

from __future__ import annotations

from collections.abc import Sequence

from precepts.errors import InputError
from precepts.stats.bootstrap import bca_of_mean
from precepts.stats.registry import Params, as_metric, estimator, number_option
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


@estimator("brier", version=1, params=("resamples",))
def brier(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean squared distance of `score`, a probability, from `label`: 0 is perfect, 0.25 what 0.5 throughout gives.

    BCa interval over rows; option `resamples` (2000). Brier 1950, Monthly Weather Review 78:1-3.
    """
    read = read_columns(rows, "label", "score", positive=params.get("positive"))
    labels, scores = read.column(0), read.column(1)
    if read.n and not ((scores >= 0) & (scores <= 1)).all():
        raise InputError("brier@1 needs probabilities between 0 and 1 as `score`.")
    squares = (scores - labels) ** 2
    resamples = int(number_option(params, "resamples", 2000))
    return as_metric(
        "brier@1",
        float(squares.mean()) if read.n else None,
        bca_of_mean(squares, resamples=resamples, seed=seed, level=level) if read.n else None,
        level=level,
        n=read.n,
        num_unscored=read.num_unscored,
        unit="mean",
    )
