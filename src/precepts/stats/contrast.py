"""How much a score changes with a group, within the same template: the fixed effect of a mixed model whose templates differ in level and in slope."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from precepts.stats.rates import t_interval
from precepts.stats.registry import Params, as_metric, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


@estimator("within_cluster_contrast", version=1)
def within_cluster_contrast(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Mean over clusters of the mean `score` with label 1 minus that with label 0, and Student's interval over clusters.

    Where every cluster (template) has every combination of the other attributes, this is the coefficient of the label in a linear mixed model with a
    random intercept and a random slope by cluster, and its interval is that model's: clusters were sampled, so the effect's variation between them is
    the error. A cluster without either label is left out. n counts rows. The unit is that of the score.
    """
    read = read_columns(rows, "label", "score", positive=params.get("positive"))
    cells: dict[str, tuple[list[float], list[float]]] = {}
    for row, label, score in zip(read.rows, read.column(0).tolist(), read.column(1).tolist(), strict=True):
        cells.setdefault(str(row.get("cluster")), ([], []))[int(label)].append(score)
    whole = {name: sides for name, sides in cells.items() if all(sides)}
    differences = np.sort(
        np.array([math.fsum(b) / len(b) - math.fsum(a) / len(a) for a, b in whole.values()], dtype=np.float64)
    )
    value = float(differences.mean()) if differences.size else None
    interval = t_interval(differences, level=level) if differences.size else None
    return as_metric(
        "within_cluster_contrast@1",
        value,
        interval,
        level=level,
        n=read.n,
        num_unscored=read.num_unscored,
        unit="contrast",
    )
