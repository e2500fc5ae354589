"""Rates of raters where the gold label is missing for some of what they rated, or is itself sometimes wrong.

Both corrections start from six counts of an arm: answer 1 or 0 by gold 1, gold 0, gold unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from precepts.errors import InputError
from precepts.stats.distributions import FloatArray
from precepts.stats.registry import Interval, Params, as_metric, choice_option, estimator, number_option
from precepts.stats.rows import Row
from precepts.types import Metric

STATISTICS = ("dprime", "criterion", "hit_rate", "correct_rejection_rate")


class GoldErrors(NamedTuple):
    """How often the gold label itself is right: of what is truly signal, and of what truly is not."""

    sensitivity: float = 1.0
    specificity: float = 1.0


def corrected_rates(counts_BC: FloatArray, gold: GoldErrors) -> tuple[FloatArray, FloatArray]:
    """Hit rate and false alarm rate against the truth, each of shape (B,); NaN where they are not identified.

    Unverified answers are given the gold shares of verified ones with the same answer, which is right if, given the answer,
    it is chance which are verified (Begg and Greenes 1983, Biometrics 39:207-215). A gold label that errs mixes the two true
    rates; they are solved for, assuming gold and rater err independently given the truth (Rogan and Gladen 1978 gives the
    prevalence, American Journal of Epidemiology 107:71-76).

    Args:
        counts_BC: Sets of counts, shape (B, 6): answer 1 with gold 1, 0, unknown; then answer 0 likewise.
        gold: Of the gold label. Sensitivity + specificity must exceed 1.
    """
    yes, no = counts_BC[:, :3], counts_BC[:, 3:]
    with np.errstate(divide="ignore", invalid="ignore"):
        verified_yes, verified_no = yes[:, 0] + yes[:, 1], no[:, 0] + no[:, 1]
        # Without any answer of a kind there is nothing to verify; with unverified ones only, nothing is known.
        share_yes = np.where(yes.sum(axis=1) == 0, 0.0, yes[:, 0] / verified_yes)
        share_no = np.where(no.sum(axis=1) == 0, 0.0, no[:, 0] / verified_no)
        total_yes, total_no = yes.sum(axis=1), no.sum(axis=1)
        gold_1_yes, gold_1_no = total_yes * share_yes, total_no * share_no
        gold_1, total = gold_1_yes + gold_1_no, total_yes + total_no
        gold_0 = total - gold_1
        # Half a count in every cell, as in signal detection elsewhere.
        observed_hit = (gold_1_yes + 0.5) / (gold_1 + 1)
        observed_false_alarm = (total_yes - gold_1_yes + 0.5) / (gold_0 + 1)
        valid = (gold_1 > 0) & (gold_0 > 0)
        if gold == GoldErrors():
            return np.where(valid, observed_hit, np.nan), np.where(valid, observed_false_alarm, np.nan)
        prevalence = (gold_1 / total + gold.specificity - 1) / (gold.sensitivity + gold.specificity - 1)
        prevalence = np.clip(prevalence, 1e-6, 1 - 1e-6)
        share_1 = (
            prevalence * gold.sensitivity / (prevalence * gold.sensitivity + (1 - prevalence) * (1 - gold.specificity))
        )
        share_0 = (1 - prevalence) * gold.specificity
        share_0 = share_0 / (share_0 + prevalence * (1 - gold.sensitivity))
        # observed hit = s1 H + (1 - s1) F, observed false alarm = (1 - s0) H + s0 F
        determinant = share_1 + share_0 - 1
        hit = (share_0 * observed_hit - (1 - share_1) * observed_false_alarm) / determinant
        false_alarm = (share_1 * observed_false_alarm - (1 - share_0) * observed_hit) / determinant
    edge = 0.5 / (total + 1)
    valid &= determinant > 1e-6
    return (
        np.where(valid, np.clip(hit, edge, 1 - edge), np.nan),
        np.where(valid, np.clip(false_alarm, edge, 1 - edge), np.nan),
    )


def _statistic(hit: FloatArray, false_alarm: FloatArray, statistic: str) -> FloatArray:
    if statistic == "hit_rate":
        return hit
    if statistic == "correct_rejection_rate":
        return 1 - false_alarm
    z_hit, z_false_alarm = ndtri(hit), ndtri(false_alarm)
    return z_hit - z_false_alarm if statistic == "dprime" else -(z_hit + z_false_alarm) / 2


def _item_counts(rows: Sequence[Row], arm: str | None) -> tuple[FloatArray, int, int]:
    """Counts by item, shape (items, 6); how many answers are in them, and how many rows lack an answer."""
    items: dict[object, FloatArray] = {}
    n = unscored = 0
    for position, row in enumerate(rows):
        if arm is not None and str(row.get("arm")) != arm:
            continue
        times = row.get("count", 1)
        assert isinstance(times, int | float), "counts are numbers"
        answer, gold = (
            None if value != value else value for value in (row.get("score"), row.get("label"))
        )  # NaN is missing
        if answer is None:
            unscored += int(times)
            continue
        if answer not in (0, 1) or gold not in (0, 1, None):
            raise InputError(f"Answers and gold labels are 0 or 1; got {answer!r} and {gold!r}.")
        unit = row.get("cluster_b")
        unit = ("row", position) if unit is None else unit
        place = (0 if answer == 1 else 3) + (2 if gold is None else 0 if gold == 1 else 1)
        items.setdefault(unit, np.zeros(6))[place] += times
        n += int(times)
    counts = np.array([*items.values()]).reshape(-1, 6)
    return counts[np.lexsort(counts.T)], n, unscored  # in an order of the counts alone, for draws to be the same


@estimator(
    "corrected_detection", version=1, params=("of", "against", "statistic", "sensitivity", "specificity", "resamples")
)
def corrected_detection(rows: Sequence[Row], *, params: Params, seed: int, level: float) -> Metric:
    """Signal detection of the arm `of` with gold missing for some answers, or known to err; less the mean over `against`.

    Keys: `score` (answer), `label` (gold; None where not verified), `arm`, `cluster_b` (item), `count`. Options: `statistic`
    (`dprime`, `criterion`, `hit_rate`, `correct_rejection_rate`), `sensitivity` and `specificity` of the gold label (1),
    `resamples` (1000). Percentile interval over items. None where an answer is never verified: nothing then identifies it.
    """
    name, statistic = "corrected_detection@1", choice_option(params, "statistic", STATISTICS)
    gold = GoldErrors(number_option(params, "sensitivity", 1.0), number_option(params, "specificity", 1.0))
    if gold.sensitivity + gold.specificity <= 1:
        raise InputError(
            "A gold label whose sensitivity and specificity add up to 1 or less says nothing of the truth."
        )
    resamples, rng = int(number_option(params, "resamples", 1000)), np.random.default_rng(seed)
    of = None if params.get("of") is None else str(params["of"])
    against = [str(one) for one in params.get("against") or ()]  # type: ignore[union-attr]
    values: list[tuple[float, FloatArray]] = []
    n = unscored = 0
    for arm in (of, *against):
        counts, arm_n, arm_unscored = _item_counts(rows, arm)
        n, unscored = n + arm_n, unscored + arm_unscored
        if not len(counts):
            values.append((float("nan"), np.full(resamples, np.nan)))
            continue
        whole = _statistic(*corrected_rates(counts.sum(axis=0)[None], gold), statistic)
        weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=resamples).astype(np.float64)
        values.append((float(whole[0]), _statistic(*corrected_rates(weights @ counts, gold), statistic)))
    unit = "rate" if statistic.endswith("rate") else "z"
    value, drawn = values[0]
    if against:
        value -= float(np.mean([one for one, _ in values[1:]]))
        drawn = drawn - np.mean([one for _, one in values[1:]], axis=0)
        unit = "difference" if unit == "rate" else unit
    if np.isnan(value):
        return as_metric(name, None, None, level=level, n=n, num_unscored=unscored, unit=unit)
    kept = drawn[~np.isnan(drawn)]
    interval: Interval | None = None
    if kept.size > resamples / 2 and float(np.ptp(kept)) > 0:
        low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
        interval = float(low), float(high)
    return as_metric(name, value, interval, level=level, n=n, num_unscored=unscored, unit=unit)
