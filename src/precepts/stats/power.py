"""How many cases a question needs, before the run; and what a run of that size can see, after it.

Two-sided normal-theory tests: the z test of one rate against a fixed one, and McNemar's test of paired 0/1 scores.
For small expected counts (below about 10 discordant pairs, or successes or failures) real power is lower than stated.
"""

from __future__ import annotations

import math

from precepts.errors import InputError
from precepts.stats.distributions import NORMAL, root_between


def rate_power(rate: float, *, null: float, n: int, alpha: float = 0.05) -> float:
    """Chance that n cases of true `rate` reject `null`.

    Raises:
        InputError: If a rate is outside [0, 1], `null` is 0 or 1, n < 1, or alpha is outside (0, 1).
    """
    _check_rate(rate, null)
    _check_test(alpha=alpha, n=n)
    return _two_sided(
        abs(rate - null) * math.sqrt(n), math.sqrt(null * (1 - null)), math.sqrt(rate * (1 - rate)), alpha=alpha
    )


def rate_sample_size(rate: float, *, null: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Cases needed to reject `null` with chance `power` when the rate is `rate`. Fleiss, Levin and Paik 2003, ch. 2.

    Raises:
        InputError: As `rate_power`; also if the rates are equal, or power is outside (alpha, 1).
    """
    _check_rate(rate, null)
    _check_test(alpha=alpha, power=power)
    if rate == null:
        raise InputError(f"No sample size tells a rate from itself; both are {rate}.")
    z_alpha, z_power = NORMAL.inv_cdf(1 - alpha / 2), NORMAL.inv_cdf(power)
    spread = z_alpha * math.sqrt(null * (1 - null)) + z_power * math.sqrt(rate * (1 - rate))
    return math.ceil((spread / (rate - null)) ** 2)


def rate_detectable(
    *, null: float, n: int, power: float = 0.8, alpha: float = 0.05
) -> tuple[float | None, float | None]:
    """The nearest rates below and above `null` that n cases reject with chance `power`; None where [0, 1] holds none.

    Raises:
        InputError: As `rate_power`; also if power is outside (alpha, 1).
    """
    _check_rate(null, null)
    _check_test(alpha=alpha, power=power, n=n)

    def shortfall(rate: float) -> float:
        return rate_power(rate, null=null, n=n, alpha=alpha) - power

    below = root_between(shortfall, 0.0, null) if shortfall(0.0) >= 0 else None
    above = root_between(shortfall, null, 1.0) if shortfall(1.0) >= 0 else None
    return below, above


def difference_detectable(
    *, rate: float, n: int, correlation: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest difference between two arms near `rate` that n cases in each show with chance `power`; normal approximation.

    Args:
        rate: About where both rates are, in (0, 1).
        n: Cases in each arm.
        correlation: Of the two scores of one case; 0 for two arms of different cases.
        power: Chance to show it.
        alpha: Two-sided error rate.

    Raises:
        InputError: If an argument is outside its range.

    Fleiss, Levin and Paik 2003, ch. 4, with equal rates under both hypotheses.
    """
    if not (0 < rate < 1 and 0 <= correlation < 1):
        raise InputError(f"A rate is in (0, 1) and the correlation in [0, 1); got {rate} and {correlation}.")
    _check_test(alpha=alpha, power=power, n=n)
    spread = math.sqrt(2 * rate * (1 - rate) * (1 - correlation) / n)
    return (NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)) * spread


def paired_power(difference: float, *, discordance: float, n: int, alpha: float = 0.05) -> float:
    """Chance that n pairs show a true mean `difference` between the arms.

    Args:
        difference: Mean of score minus score_b.
        discordance: Share of pairs whose 0/1 scores differ, from the absolute difference to 1; for fractional scores
            the mean squared difference. Independent arms of rates p and q give p(1 - q) + q(1 - p).
        n: Pairs.
        alpha: Two-sided error rate.

    Raises:
        InputError: If an argument is outside its range.

    Connor 1987, Biometrics 43:207-211.
    """
    _check_pairs(difference, discordance)
    _check_test(alpha=alpha, n=n)
    spread = math.sqrt(max(0.0, discordance - difference**2))
    return _two_sided(abs(difference) * math.sqrt(n), math.sqrt(discordance), spread, alpha=alpha)


def paired_sample_size(difference: float, *, discordance: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Pairs needed to show a mean `difference` with chance `power`; arguments as in `paired_power`. Connor 1987.

    Raises:
        InputError: As `paired_power`; also if the difference is 0, or power is outside (alpha, 1).
    """
    _check_pairs(difference, discordance)
    _check_test(alpha=alpha, power=power)
    if difference == 0:
        raise InputError("No sample size shows a difference of 0.")
    z_alpha, z_power = NORMAL.inv_cdf(1 - alpha / 2), NORMAL.inv_cdf(power)
    spread = z_alpha * math.sqrt(discordance) + z_power * math.sqrt(max(0.0, discordance - difference**2))
    return math.ceil((spread / difference) ** 2)


def paired_detectable(*, discordance: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The smallest mean difference n pairs show with chance `power`; None if even one equal to discordance is not.

    Raises:
        InputError: As `paired_power`; also if power is outside (alpha, 1).
    """
    _check_pairs(0.0, discordance)
    _check_test(alpha=alpha, power=power, n=n)

    def shortfall(difference: float) -> float:
        return paired_power(difference, discordance=discordance, n=n, alpha=alpha) - power

    return root_between(shortfall, 0.0, discordance) if shortfall(discordance) >= 0 else None


def _two_sided(shift: float, null_spread: float, spread: float, *, alpha: float) -> float:
    """Chance that a normal of mean `shift` and s.d. `spread` falls outside ± critical value times `null_spread`."""
    bound = NORMAL.inv_cdf(1 - alpha / 2) * null_spread
    if spread == 0:
        return float(shift > bound)
    return NORMAL.cdf((shift - bound) / spread) + NORMAL.cdf((-shift - bound) / spread)


def _check_rate(rate: float, null: float) -> None:
    if not (0 <= rate <= 1 and 0 < null < 1):
        raise InputError(f"A rate is in [0, 1] and the rate to reject in (0, 1); got {rate} and {null}.")


def _check_pairs(difference: float, discordance: float) -> None:
    if not (0 < discordance <= 1 and abs(difference) <= discordance):
        raise InputError(
            f"The discordance is in (0, 1] and at least the absolute difference; got {discordance} and {difference}."
        )


def _check_test(*, alpha: float, power: float | None = None, n: int | None = None) -> None:
    if not 0 < alpha < 1:
        raise InputError(f"alpha is in (0, 1); got {alpha}.")
    if power is not None and not alpha < power < 1:
        raise InputError(f"The power is above alpha and below 1; got {power}.")
    if n is not None and n < 1:
        raise InputError(f"The number of cases is at least 1; got {n}.")
