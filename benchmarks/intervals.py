"""How fast the intervals are beside scipy's bootstrap: 2,252 differences of percentages.

    python benchmarks/intervals.py

Prints one JSON line. Best of three, taken in turns. Their coverage is `benchmarks/coverage.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import bootstrap

from gisteval.records.schema import Estimate
from gisteval.stats import bounded_mean, mean_interval, retention

EXAMPLES, RESAMPLES, ROUNDS = 2252, 10_000, 3


def main() -> None:
    """Time them and print their limits."""
    generator = np.random.default_rng(0)
    # Like differences in ROUGE-L: most of them zero, the others anywhere.
    changed = generator.random(EXAMPLES) < 0.4
    values = np.where(changed, 200.0 * generator.beta(2.0, 2.0, EXAMPLES) - 100.0, 0.0)
    negative = 40.0 * generator.random(EXAMPLES)
    limits: dict[str, tuple[float, float]] = {}

    def kept(name: str, found: Estimate) -> None:
        limits[name] = (found.ci_low, found.ci_high)

    def theirs() -> None:
        # A batch keeps scipy from holding all resamples in memory at once.
        found = bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, batch=500, method="BCa", rng=np.random.default_rng(0)
        ).confidence_interval
        limits["scipy_bootstrap"] = (float(found.low), float(found.high))

    rounds: dict[str, Callable[[], None]] = {
        "scipy_bootstrap": theirs,
        "bounded": lambda: kept("bounded", bounded_mean(values, -100.0, 100.0).interval()),
        "unbounded": lambda: kept("unbounded", mean_interval(values)),
        "retention": lambda: kept(
            "retention", retention(negative + 0.2 * np.abs(values), negative + 20.0, negative, percent=True)
        ),
    }
    seconds = dict.fromkeys(rounds, np.inf)
    for _ in range(ROUNDS):
        for name, run in rounds.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    result = {
        "examples": EXAMPLES,
        "resamples": RESAMPLES,
        **{f"{name}_seconds": round(value, 5) for name, value in seconds.items()},
        "limits": {name: [round(limit, 3) for limit in found] for name, found in limits.items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
