"""Signal detection: how well a decision maker tells signal from noise (d′) apart from how readily it says yes (c).

Two raters of the same d′ can have different hit rates because one is more reluctant; d′ and c keep ability and
reluctance apart. "Signal" is a row with label 1 (a case that violates the policy), "yes" a score of 1 (the rater
flags it). Equal variances of signal and noise are assumed. Macmillan and Creelman 2005, chapters 1-2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from precepts.errors import InputError
from precepts.stats.distributions import NORMAL, critical_z
from precepts.stats.registry import Interval, Params, as_metric, estimator
from precepts.stats.rows import Row, read_columns
from precepts.types import Metric


@dataclass(frozen=True)
class Detection:
    """d′ and c in units of the noise's standard deviation, with their standard errors."""

    d_prime: float
    """Sensitivity: 0 cannot tell, 1 moderate, 3 nearly always right; below 0 says yes to noise more than to signal."""
    criterion: float
    """Reluctance: 0 errs as often either way, above 0 is reluctant to say yes."""
    d_prime_error: float
    criterion_error: float
    covariance: float
    """Of d′ and c."""
    hit_rate: float
    """After the log-linear correction, as is the false alarm rate."""
    false_alarm_rate: float

    def d_prime_interval(self, *, level: float = 0.95) -> Interval:
        """Normal interval of d′."""
        half = critical_z(level) * self.d_prime_error
        return self.d_prime - half, self.d_prime + half

    def criterion_interval(self, *, level: float = 0.95) -> Interval:
        """Normal interval of c."""
        half = critical_z(level) * self.criterion_error
        return self.criterion - half, self.criterion + half


def detection(hits: int, num_signal: int, false_alarms: int, num_noise: int) -> Detection:
    """d′ and c with standard errors from the counts of yes to signal and yes to noise.

    Half a count is added to hits and to false alarms and one to each total, in all cells and not only the extreme
    ones (log-linear correction: Hautus 1995, Behavior Research Methods 27:46-51), so rates of 0 and 1 are finite and
    d′ of small samples is pulled towards 0. Standard errors by the delta method at the corrected rates: Gourevitch
    and Galanter 1967, Psychometrika 32:25-33.

    Raises:
        InputError: Unless 0 <= hits <= num_signal, likewise for noise, and both totals are above 0.
    """
    for name, count, total in (("hits", hits, num_signal), ("false alarms", false_alarms, num_noise)):
        if not 0 <= count <= total or total == 0:
            raise InputError(
                f"Signal detection needs 0 <= {name} <= their total and a total above 0; got {count} of {total}."
            )
    hit_rate, false_alarm_rate = (hits + 0.5) / (num_signal + 1), (false_alarms + 0.5) / (num_noise + 1)
    z_hit, z_false_alarm = NORMAL.inv_cdf(hit_rate), NORMAL.inv_cdf(false_alarm_rate)
    variance_hit = hit_rate * (1 - hit_rate) / (num_signal * NORMAL.pdf(z_hit) ** 2)
    variance_false_alarm = false_alarm_rate * (1 - false_alarm_rate) / (num_noise * NORMAL.pdf(z_false_alarm) ** 2)
    error = math.sqrt(variance_hit + variance_false_alarm)
    return Detection(
        d_prime=z_hit - z_false_alarm,
        criterion=-(z_hit + z_false_alarm) / 2,
        d_prime_error=error,
        criterion_error=error / 2,
        covariance=(variance_false_alarm - variance_hit) / 2,
        hit_rate=hit_rate,
        false_alarm_rate=false_alarm_rate,
    )


def optimal_criterion(d_prime: float, *, prevalence: float, cost_miss: float, cost_false_alarm: float) -> float:
    """The criterion c of least expected cost; above 0 where signals are rare or false alarms dear.

    c* = ln β* / d′ with β* = (1 - prevalence) cost_false_alarm / (prevalence cost_miss). Green and Swets 1966,
    chapter 1.

    Args:
        d_prime: Sensitivity, above 0; near 0 the optimum runs off to always or never saying yes.
        prevalence: Share of signal among the cases to be decided, in (0, 1).
        cost_miss: Cost of a signal let pass, above 0, in any unit.
        cost_false_alarm: Cost of noise flagged, above 0, in the same unit.

    Raises:
        InputError: If an argument is outside its range.
    """
    if not (d_prime > 0 and 0 < prevalence < 1 and cost_miss > 0 and cost_false_alarm > 0):
        raise InputError(
            "An optimal criterion needs d′ and both costs above 0 and a prevalence in (0, 1); got "
            f"d′ {d_prime}, prevalence {prevalence}, costs {cost_miss} and {cost_false_alarm}."
        )
    return math.log((1 - prevalence) * cost_false_alarm / (prevalence * cost_miss)) / d_prime


def implied_cost_ratio(found: Detection, *, prevalence: float) -> float:
    """Cost of a false alarm over that of a miss for which the criterion is optimal: exp(d′c) π / (1 - π).

    Unstable where d′ is below about 0.3.

    Raises:
        InputError: If the prevalence π of signal is not in (0, 1).
    """
    if not 0 < prevalence < 1:
        raise InputError(f"The prevalence of signal is in (0, 1); got {prevalence}.")
    return math.exp(found.d_prime * found.criterion) * prevalence / (1 - prevalence)


def _detect(rows: Sequence[Row], params: Params) -> tuple[Detection | None, int, int]:
    """Detection (None where one label is absent), scored rows, unscored rows."""
    read = read_columns(rows, "label", "score", positive=params.get("positive"), binary=["score"])
    signal, noise = read.column(1)[read.column(0) == 1], read.column(1)[read.column(0) == 0]
    found = (
        detection(int(signal.sum()), signal.size, int(noise.sum()), noise.size) if signal.size and noise.size else None
    )
    return found, read.n, read.num_unscored


@estimator("dprime", version=1)
def dprime(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """d′ of `score` (1 yes, 0 no) for `label` (1 signal, 0 noise); None where one label is absent."""
    found, n, num_unscored = _detect(rows, params)
    value, interval = (None, None) if found is None else (found.d_prime, found.d_prime_interval(level=level))
    return as_metric("dprime@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit="z")


@estimator("criterion", version=1)
def criterion(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Criterion c of `score` (1 yes, 0 no) for `label` (1 signal, 0 noise); None where one label is absent."""
    found, n, num_unscored = _detect(rows, params)
    value, interval = (None, None) if found is None else (found.criterion, found.criterion_interval(level=level))
    return as_metric("criterion@1", value, interval, level=level, n=n, num_unscored=num_unscored, unit="z")
