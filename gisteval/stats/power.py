"""Power of the t test on paired differences: what n examples can show, and how many are needed.

Source: J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2, with the
noncentral t distribution. Only a rejection on the correct side counts as a detection. `TTestPower` of
statsmodels also counts the other side, which makes a difference only below a power of about 0.3.
"""

from __future__ import annotations

import math

from scipy.special import nctdtr, nctdtrinc, ndtri, stdtrit


def smallest_detectable_difference(
    sd: float, n: int, alpha: float = 0.05, power: float = 0.8, *, two_sided: bool = True
) -> float:
    """Return the smallest true mean difference that n examples detect with the given power.

    Args:
        sd: The standard deviation of the per-example differences. The result has its unit.
        n: The number of examples.
        alpha: The level of the test.
        power: The probability of a detection, between alpha and 1.
        two_sided: Whether the test is two-sided. A one-sided test at level 0.05 is the test that one end of
            a 90% interval makes.

    Returns:
        The difference; infinite for n < 2.

    Raises:
        ValueError: Not 0 < alpha < power < 1, or sd is negative or not finite.
    """
    _check(sd, alpha, power)
    if n < 2:
        return math.inf
    critical = float(stdtrit(n - 1, 1.0 - (alpha / 2.0 if two_sided else alpha)))
    return float(nctdtrinc(n - 1, 1.0 - power, critical)) * sd / math.sqrt(n)


def examples_needed(
    sd: float, margin: float, alpha: float = 0.05, power: float = 0.8, *, two_sided: bool = True
) -> int:
    """Return the smallest number of examples, at least 2, that detect a true mean difference of `margin`.

    Args:
        sd: The standard deviation of the per-example differences.
        margin: The difference to detect, in the unit of `sd`.
        alpha: The level of the test.
        power: The probability of a detection, between alpha and 1.
        two_sided: Whether the test is two-sided. For a non-inferiority margin use False.

    Raises:
        ValueError: Not 0 < alpha < power < 1, margin is not positive, or sd is negative or not finite.
    """
    _check(sd, alpha, power)
    if not margin > 0.0:
        raise ValueError(f"margin is a positive difference, not {margin}")

    tail = alpha / 2.0 if two_sided else alpha

    def enough(n: int) -> bool:
        critical = stdtrit(n - 1, 1.0 - tail)
        return bool(1.0 - nctdtr(n - 1, margin / sd * math.sqrt(n), critical) >= power)

    if sd == 0.0:
        return 2
    # The normal approximation is a lower bound up to rounding. The t test needs a few more examples.
    normal = ((ndtri(1.0 - tail) + ndtri(power)) * sd / margin) ** 2
    n = max(2, int(normal))
    while not enough(n):
        n += 1
    return n


def _check(sd: float, alpha: float, power: float) -> None:
    if not 0.0 < alpha < power < 1.0:
        raise ValueError(f"expected 0 < alpha < power < 1, got alpha {alpha} and power {power}")
    if not 0.0 <= sd < math.inf:
        raise ValueError(f"a standard deviation is finite and not negative, not {sd}")
