"""Simulations of runs with several answers to each example: the spread's intervals, the mean, pass@k."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
from simulated_table import Result, at_most

from gisteval.metrics.repeats import ANY, RepeatMetric
from gisteval.metrics.text import ExactMatch
from gisteval.stats import bounded_mean, spread


def several_answers(scale: float) -> Result:
    """Right or wrong answers whose chance varies between examples as a beta variable, of mean 60%."""
    samples = max(int(1000 * scale), 100)
    rows, sound = [], True
    for n, drawn in ((30, 2), (100, 2), (100, 5), (252, 3)):
        for shape in (1.0, 4.0):
            generator = np.random.default_rng([n, drawn, int(shape)])
            high, low = 0.6 * shape, 0.4 * shape
            items = 100.0 * math.sqrt(0.24 / (shape + 1.0))
            answers = 100.0 * math.sqrt(0.24 * shape / (shape + 1.0))
            # The first answer is wrong with chance 0.4, the second one then with (low + 1) / (shape + 1).
            any_of_two = 100.0 * (1.0 - 0.4 * (low + 1.0) / (shape + 1.0))
            repeat = RepeatMetric(ExactMatch(), ANY, 2)
            covered, estimates = np.zeros(3), []
            for _ in range(samples):
                chance = generator.beta(high, low, (n, 1))
                table = 100.0 * (generator.random((n, drawn)) < chance)
                means = table.mean(axis=1)
                found = spread(means, table.var(axis=1, ddof=1), drawn)
                mean = bounded_mean(means, 0.0, 100.0)
                covered += (
                    mean.p_at_most(60.0) >= 0.025 and mean.p_at_least(60.0) >= 0.025,
                    found.items.ci_low <= items <= found.items.ci_high,
                    found.samples.ci_low <= answers <= found.samples.ci_high,
                )
                estimates.append(
                    fmean(value for row in table if (value := repeat.estimate(row)) is not None)
                )
            shares = 100.0 * covered / samples
            sound &= at_most(100.0 - float(shares[0]), 5.0, samples)
            bias = float(np.mean(estimates)) - any_of_two
            error = float(np.std(estimates)) / math.sqrt(samples)
            sound &= abs(bias) <= 3.0 * error
            spreads = f"{items:.0f} / {answers:.0f}"
            texts = (*(f"{share:.1f}" for share in shares), f"{bias:+.2f} ± {2.0 * error:.2f}")
            rows.append((str(n), str(drawn), spreads, *texts))
    columns = (
        *("n", "answers each", "spread between examples / answers", "mean covers %"),
        *("spread of examples covers %", "spread of answers covers %", "bias of pass@2"),
    )
    return Result(f"Several answers to each example, {samples:,} samples", columns, tuple(rows), sound)
