"""Power of the t test on paired differences: what n examples can show, and how many are needed.

J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2, with the
noncentral t distribution. Only a rejection on the right side counts as a detection; statsmodels'
`TTestPower` adds the other side, which differs below a power of about 0.3 only.
"""

from __future__ import annotations

import math

from scipy.special import nctdtr, nctdtrinc, ndtri, stdtrit


def smallest_detectable_difference(
    sd: float, n: int, alpha: float = 0.05, power: float = 0.8, *, two_sided: bool = True
) -> float:
    """The smallest true mean difference that n examples show with the given power.

    `sd` is the standard deviation of the per-example differences, and the result is in its
    unit; `alpha` is the level of the test. With `two_sided=False` and alpha 0.05 the test is
    the one that a 90% interval makes on one side. Infinite for n < 2.
    Raises ValueError unless 0 < alpha < power < 1 and sd is finite and not negative.
    """
    _check(sd, alpha, power)
    if n < 2:
        return math.inf
    critical = float(stdtrit(n - 1, 1.0 - (alpha / 2.0 if two_sided else alpha)))
    return float(nctdtrinc(n - 1, 1.0 - power, critical)) * sd / math.sqrt(n)


def examples_needed(
    sd: float, margin: float, alpha: float = 0.05, power: float = 0.8, *, two_sided: bool = True
) -> int:
    """The smallest number of examples that show a true mean difference of `margin`.

    In the terms of `smallest_detectable_difference`, at least 2; `margin` has the unit of `sd`.
    For a non-inferiority margin, with both systems truly equal, use `two_sided=False`.
    Raises ValueError unless margin > 0, 0 < alpha < power < 1 and sd is finite, not negative.
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
    # The normal approximation is a lower bound but for rounding; the t test needs a few more.
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
