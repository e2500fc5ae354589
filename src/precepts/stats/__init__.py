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
`paired_auc@1` `balanced_accuracy@1` `paired_balanced_accuracy@1` `dprime@1` `criterion@1` `trade_off@2`
`group_rate@1` `calibration_gap@1` `group_auc@1` `group_auc@2` `ecce@1` `recalibration@1` `pgr@1`
`clustered_wilson@1` `judge_corrected@1` `goodness_at_k@1` `paired_goodness_at_k@1` `pass_at_k@1` `cons_at_k@1`
`within_cluster_contrast@1`
`cohens_kappa@1` `krippendorff@1` `brier@1` `rogan_gladen@1` `prevalence_bound@1` `ppi@1`
`bradley_terry@1` `preference_h@1` `count@1`
`corrected_detection@1` `probit_mixed@1` `dawid_skene@1` `weighted_group@1` `moment_mean@1` `abroca@1` `pooled_rate@1` `anytime_difference@1`
`reliability@1` `dispersion@1` `detection_dispersion@1` `exposure@1` `weighted_mean@1` `group_cost@1` `clustered_group@1`
`crossed_mean@1` `crossed_difference@1` `crossed_pgr@1` `crossed_pgr_gain@1` `crossed_auroc@1` `crossed_auroc_pgr@1`
`crossed_matched_size@1`.
"""

from precepts.stats.abroca import abroca
from precepts.stats.agreement import cohens_kappa, krippendorffs_alpha
from precepts.stats.bootstrap import Resampled, bca_interval, bootstrap, percentile_interval
from precepts.stats.calibration_curve import Cumulative, Recalibration, cumulative_error, recalibration
from precepts.stats.clustered import clustered_wilson_interval
from precepts.stats.clustered_group import clustered_group
from precepts.stats.contrast import within_cluster_contrast
from precepts.stats.costs import group_cost
from precepts.stats.counts import garwood_interval
from precepts.stats.crossed import (
    CrossedCovariance,
    crossed_covariance,
    max_t_critical,
    nearest_correlation,
)
from precepts.stats.dawid_skene import DawidSkene, dawid_skene
from precepts.stats.detection import Detection, detection, implied_cost_ratio, optimal_criterion
from precepts.stats.distributions import FloatArray
from precepts.stats.e_process import difference_sequence, log_betting, log_e_difference
from precepts.stats.evidence import lookup, matches, recompute, select_rows, tables_for, verify
from precepts.stats.exact import fisher_mid_p
from precepts.stats.exposure import exposure_estimate
from precepts.stats.forecast import brier
from precepts.stats.group_auc import CountedAuc, counted_auc
from precepts.stats.moments import moment_mean
from precepts.stats.multiplicity import benjamini_hochberg, holm
from precepts.stats.noninferiority import NonInferiority, non_inferiority
from precepts.stats.permutation import permutation_test
from precepts.stats.pgr import performance_gap_recovered
from precepts.stats.pooled import Pooled, pooled_rates
from precepts.stats.power import (
    difference_detectable,
    paired_detectable,
    paired_power,
    paired_sample_size,
    rate_detectable,
    rate_power,
    rate_sample_size,
)
from precepts.stats.prediction import prediction_powered, split_labelled
from precepts.stats.preference import bradley_terry
from precepts.stats.probit_mixed import ProbitMixed, probit_mixed
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
from precepts.stats.ratios import Moments, dispersion, mean_interval
from precepts.stats.registry import Estimator, Interval, Params, estimate, estimator, estimators
from precepts.stats.reliability import Stretch, reliability_metric
from precepts.stats.repeated import cons_at_k, pass_at_k
from precepts.stats.rogan_gladen import (
    Corrected,
    Counts,
    contradicts,
    prevalence_bound,
    rated_and_labelled,
    rogan_gladen,
)
from precepts.stats.rows import Row
from precepts.stats.seeds import crossed_means
from precepts.stats.seeds_auroc import crossed_aurocs
from precepts.stats.seeds_size import isotonic, matched_size
from precepts.stats.spread import Estimate, between, detection_spread, dispersion_metric
from precepts.stats.tail import goodness, worst_mean
from precepts.stats.threshold import maximin_threshold
from precepts.stats.trade_off import Ratings, Statistic, TradeOff, Trading, metric_of, trade_off, trading
from precepts.stats.verified import GoldErrors, corrected_rates
from precepts.stats.weighted import weighted_group

__all__ = [
    "Auc",
    "Corrected",
    "CountedAuc",
    "Counts",
    "CrossedCovariance",
    "Cumulative",
    "DawidSkene",
    "Detection",
    "Estimate",
    "Estimator",
    "FloatArray",
    "GoldErrors",
    "Interval",
    "McNemar",
    "Moments",
    "NonInferiority",
    "Params",
    "Pooled",
    "ProbitMixed",
    "Ratings",
    "Recalibration",
    "Resampled",
    "Row",
    "Statistic",
    "Stretch",
    "TradeOff",
    "Trading",
    "abroca",
    "auc",
    "auc_covariance",
    "auc_difference",
    "auc_interval",
    "balanced_accuracy_interval",
    "bca_interval",
    "benjamini_hochberg",
    "between",
    "bootstrap",
    "bradley_terry",
    "brier",
    "clustered_group",
    "clustered_wilson_interval",
    "cohens_h",
    "cohens_kappa",
    "cons_at_k",
    "contradicts",
    "corrected_rates",
    "counted_auc",
    "crossed_aurocs",
    "crossed_covariance",
    "crossed_means",
    "cumulative_error",
    "dawid_skene",
    "detection",
    "detection_spread",
    "difference_detectable",
    "difference_sequence",
    "dispersion",
    "dispersion_metric",
    "estimate",
    "estimator",
    "estimators",
    "exposure_estimate",
    "fisher_mid_p",
    "garwood_interval",
    "goodness",
    "group_cost",
    "holm",
    "implied_cost_ratio",
    "isotonic",
    "krippendorffs_alpha",
    "log_betting",
    "log_e_difference",
    "lookup",
    "matched_size",
    "matches",
    "max_t_critical",
    "maximin_threshold",
    "mcnemar",
    "mean_interval",
    "metric_of",
    "moment_mean",
    "nearest_correlation",
    "newcombe_interval",
    "newcombe_paired_interval",
    "non_inferiority",
    "optimal_criterion",
    "paired_detectable",
    "paired_power",
    "paired_sample_size",
    "pass_at_k",
    "percentile_interval",
    "performance_gap_recovered",
    "permutation_test",
    "pooled_rates",
    "prediction_powered",
    "prevalence_bound",
    "probit_mixed",
    "rate_detectable",
    "rate_power",
    "rate_sample_size",
    "rated_and_labelled",
    "recalibration",
    "recompute",
    "reliability_metric",
    "rogan_gladen",
    "select_rows",
    "split_labelled",
    "t_interval",
    "tables_for",
    "trade_off",
    "trading",
    "verify",
    "weighted_group",
    "wilson_interval",
    "within_cluster_contrast",
    "worst_mean",
]
