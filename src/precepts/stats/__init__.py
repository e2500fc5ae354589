"""Every estimator of the project, named and versioned, so that a number can be made again from its rows.

Glossary:

- **row**: one observation, a mapping with `score` and, as an estimator needs them, `label`, `score_b`, `cluster`,
  `arm`.
- **unscored**: a row whose score is None or NaN. It is counted and moves nothing.
- **estimator**: a function of rows, params and seed that gives a Metric; `wilson@1` is version 1 of `wilson`.
- **interval**: low and high, which cover the true value in the share `level` of repeated samples. None where the rows
  cannot tell how wide it should be; never zero wide for that reason.
- **paired**: two arms scored on the same cases, compared case by case.
- **cluster**: rows that were sampled together (a conversation, a rater) and are resampled together.
- **d′, c**: how well signal is told from noise, and how reluctantly it is called signal.
- **PGR**: the share of the gap between a weak supervisor and the ceiling that the student recovered.
- **evidence**: a Metric with the files it came from; `verify` recomputes it.

Estimators: `wilson@1` `newcombe@1` `paired_difference@1` `percentile@1` `bca@1` `cluster_bootstrap@1` `auc@1`
`paired_auc@1` `balanced_accuracy@1` `paired_balanced_accuracy@1` `dprime@1` `criterion@1` `pgr@1` `crossed_mean@1`
`crossed_difference@1` `crossed_pgr@1` `crossed_pgr_gain@1`.
"""

from precepts.stats.bootstrap import Resampled, bca_interval, bootstrap, percentile_interval
from precepts.stats.detection import Detection, detection, implied_cost_ratio, optimal_criterion
from precepts.stats.distributions import FloatArray
from precepts.stats.evidence import lookup, matches, recompute, select_rows, verify
from precepts.stats.multiplicity import benjamini_hochberg, holm
from precepts.stats.pgr import performance_gap_recovered
from precepts.stats.power import (
    paired_detectable,
    paired_power,
    paired_sample_size,
    rate_detectable,
    rate_power,
    rate_sample_size,
)
from precepts.stats.ranking import (
    Auc,
    auc,
    auc_covariance,
    auc_difference,
    auc_interval,
    balanced_accuracy_interval,
)
from precepts.stats.rates import (
    McNemar,
    cohens_h,
    mcnemar,
    newcombe_interval,
    newcombe_paired_interval,
    t_interval,
    wilson_interval,
)
from precepts.stats.registry import Estimator, Interval, Params, estimate, estimator, estimators
from precepts.stats.rows import Row
from precepts.stats.seeds import crossed_means
from precepts.stats.threshold import maximin_threshold

__all__ = [
    "Auc",
    "Detection",
    "Estimator",
    "FloatArray",
    "Interval",
    "McNemar",
    "Params",
    "Resampled",
    "Row",
    "auc",
    "auc_covariance",
    "auc_difference",
    "auc_interval",
    "balanced_accuracy_interval",
    "bca_interval",
    "benjamini_hochberg",
    "bootstrap",
    "cohens_h",
    "crossed_means",
    "detection",
    "estimate",
    "estimator",
    "estimators",
    "holm",
    "implied_cost_ratio",
    "lookup",
    "matches",
    "maximin_threshold",
    "mcnemar",
    "newcombe_interval",
    "newcombe_paired_interval",
    "optimal_criterion",
    "paired_detectable",
    "paired_power",
    "paired_sample_size",
    "percentile_interval",
    "performance_gap_recovered",
    "rate_detectable",
    "rate_power",
    "rate_sample_size",
    "recompute",
    "select_rows",
    "t_interval",
    "verify",
    "wilson_interval",
]
