"""Compares gisteval's statistics with those of truescore and evalstats, where the definitions match.

    make referees        # in an environment of its own: build/referees

Prints a line for each quantity with both numbers, and exits with 1 if two that must agree do not.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import truescore
from evalstats.core.resampling import clopper_pearson_ci, t_interval_ci_1d
from evalstats.core.stats_utils import correct_pvalues

from gisteval.judging.agreement import cohen_kappa, krippendorff_alpha
from gisteval.stats import benjamini_hochberg, holm, mean_interval, percent_interval
from gisteval.stats.coverage import simulate_coverage
from gisteval.stats.prediction_powered import corrected_mean, rogan_gladen
from gisteval.stats.sequential import bets


@dataclass(frozen=True)
class Compared:
    """One quantity by both programs. within: how far apart they may be; None: nothing is promised."""

    name: str
    ours: float
    theirs: float
    within: float | None

    @property
    def agree(self) -> bool:
        return self.within is None or math.isclose(self.ours, self.theirs, abs_tol=self.within)


def corrections() -> Iterator[Compared]:
    generator = np.random.default_rng(1)
    p_values = generator.uniform(0.0, 0.1, 12).tolist()
    for name, ours, theirs in (
        ("Holm, truescore", holm(p_values), truescore.holm(p_values)),
        ("Holm, evalstats", holm(p_values), correct_pvalues(np.array(p_values), "holm")),
        ("BH, truescore", benjamini_hochberg(p_values), truescore.benjamini_hochberg(p_values)),
    ):
        for place in (0, 5, 11):
            yield Compared(f"{name}, p-value {place}", ours[place], float(theirs[place]), 1e-12)


def labels() -> Iterator[Compared]:
    """PPI++ with truescore's weight over the unlabelled pairs turned into ours over all pairs."""
    generator = np.random.default_rng(2)
    n, labelled = 600, 120
    truth = (generator.random(n) < 0.4).astype(float)
    judge = np.where(generator.random(n) < 0.8, truth, 1.0)
    chosen = np.arange(labelled)
    known = np.where(np.arange(n) < labelled, 100.0 * truth, math.nan)
    ours = corrected_mean(100.0 * judge, known, range(n))
    weight = ours.weight * (n - labelled) / n
    theirs = truescore.ppi_estimate(judge, truth[chosen], chosen, lambda_=weight)
    yield Compared("PPI++ estimate at one weight, %", ours.estimate.value, 100.0 * theirs.point, 1e-9)
    tuned = truescore.ppi_estimate(judge, truth[chosen], chosen)
    width = ours.estimate.ci_high - ours.estimate.ci_low
    yield Compared(
        "PPI++ width (bounded here, normal there)", width, 100.0 * (tuned.high - tuned.low), None
    )
    rest = judge[labelled:]
    wins, losses = truth[chosen] == 1.0, truth[chosen] == 0.0
    found = rogan_gladen(
        int(rest.sum()), rest.size,
        (int(judge[chosen][wins].sum()), int(wins.sum())),
        (int((1.0 - judge[chosen][losses]).sum()), int(losses.sum())),
    )  # fmt: skip
    theirs = truescore.rogan_gladen_estimate(judge, truth[chosen], chosen)
    # Ours adds two verdicts to each share and leaves the labelled pairs out of the judge's rate.
    yield Compared("Rogan-Gladen, %", found.value, 100.0 * theirs.point, 3.0)


def intervals() -> Iterator[Compared]:
    values = np.array([100.0] * 37 + [0.0] * 63)
    ours = percent_interval(values)
    low, high = clopper_pearson_ci(37, 100, 0.05)
    # The saddlepoint approximation is within 0.002 of the exact probability.
    yield Compared("37 of 100, low end (Clopper-Pearson), %", ours.ci_low, 100.0 * low, 0.3)
    yield Compared("37 of 100, high end (Clopper-Pearson), %", ours.ci_high, 100.0 * high, 0.3)
    normal = np.random.default_rng(3).normal(5.0, 2.0, 200)
    found = mean_interval(normal)
    low, high = t_interval_ci_1d(normal, 0.05)
    # Ours takes the outer end of the t interval and of Hall's, which allows for skewness.
    yield Compared("t interval, low end", found.ci_low, low, 0.02)
    yield Compared("t interval, high end", found.ci_high, high, 0.02)
    plain = simulate_coverage(normal, None, None, samples=400)
    yield Compared("simulated coverage of that t interval, %", plain.plain or 0.0, 95.0, 3.5)


def sequences() -> Iterator[Compared]:
    values = (np.random.default_rng(4).random(500) < 0.3).astype(float)
    ours = bets(values, 0.0, 1.0).interval()
    for method in ("empirical_bernstein", "hoeffding"):
        theirs = truescore.confidence_sequence(values, method=method)
        width = theirs.high - theirs.low
        yield Compared(
            f"width of the sequence, betting and {method}", ours.ci_high - ours.ci_low, width, None
        )


def agreement() -> Iterator[Compared]:
    generator = np.random.default_rng(5)
    one = generator.choice(["a", "b", "tie"], 80)
    other = np.where(generator.random(80) < 0.7, one, generator.choice(["a", "b", "tie"], 80))
    sides = [{f"p{place}": str(choice) for place, choice in enumerate(side)} for side in (one, other)]
    codes = [np.array([("a", "b", "tie").index(choice) for choice in side]) for side in (one, other)]
    kappa = cohen_kappa(*sides)
    assert kappa is not None and kappa.kappa is not None
    theirs = truescore.cohen_kappa(*codes)
    yield Compared("Cohen's kappa", kappa.kappa, float(getattr(theirs, "point", theirs)), 1e-9)
    alpha = krippendorff_alpha(sides)
    assert alpha is not None
    theirs = truescore.krippendorff_alpha(np.array(codes, dtype=float))
    yield Compared("Krippendorff's alpha", alpha, float(getattr(theirs, "point", theirs)), 1e-9)


def main() -> int:
    """Print all comparisons; 1 if two numbers that must agree do not."""
    agreed = True
    for part in (corrections, labels, intervals, sequences, agreement):
        for compared in part():
            mark = (
                "-"
                if compared.within is None
                else f"agree within {compared.within:g}"
                if compared.agree
                else "DIFFER"
            )
            print(f"{compared.name}: {compared.ours:.6g} here, {compared.theirs:.6g} there: {mark}")
            agreed &= compared.agree
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
