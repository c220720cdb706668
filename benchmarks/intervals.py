"""How fast the intervals are beside scipy's bootstrap: 10,000 resamples of 2,252 examples.

    python benchmarks/intervals.py

Prints one JSON line. Best of three, taken in turns; both bootstraps give the same kind of interval (BCa).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import bootstrap

from gisteval.stats import bootstrap_interval, bounded_mean

EXAMPLES, RESAMPLES, ROUNDS = 2252, 10_000, 3


def main() -> None:
    """Time the three and compare the limits of the two bootstraps."""
    generator = np.random.default_rng(0)
    # Like differences in ROUGE-L: most of them zero, the others anywhere.
    changed = generator.random(EXAMPLES) < 0.4
    values = np.where(changed, 200.0 * generator.beta(2.0, 2.0, EXAMPLES) - 100.0, 0.0)
    limits: dict[str, tuple[float, float]] = {}

    def ours() -> None:
        found = bootstrap_interval(values, resamples=RESAMPLES)
        limits["gisteval"] = (found.ci_low, found.ci_high)

    def theirs() -> None:
        # A batch keeps scipy from holding all resamples in memory at once.
        found = bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, batch=500, method="BCa", rng=np.random.default_rng(0)
        ).confidence_interval
        limits["scipy"] = (float(found.low), float(found.high))

    def bounds() -> None:
        found = bounded_mean(values, -100.0, 100.0).interval(0.95)
        limits["bounded"] = (found.ci_low, found.ci_high)

    seconds = {name: np.inf for name in ("gisteval", "scipy", "bounded")}
    rounds: dict[str, Callable[[], None]] = {"gisteval": ours, "scipy": theirs, "bounded": bounds}
    for _ in range(ROUNDS):
        for name, run in rounds.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    result = {
        "examples": EXAMPLES,
        "resamples": RESAMPLES,
        **{f"{name}_seconds": round(value, 4) for name, value in seconds.items()},
        "ratio": round(seconds["scipy"] / seconds["gisteval"], 2),
        "limits": {name: [round(limit, 3) for limit in found] for name, found in limits.items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
