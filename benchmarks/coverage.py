"""How often every interval in use covers the truth, and how often claims are false: docs/gate.md's tables.

    make coverage            # or: python benchmarks/coverage.py [--samples 2500]

Prints two Markdown tables. Ends with 1 if a figure leaves what is promised by more than chance allows: 94%
at least for a 95% interval, 2.5% at most for a single claim, 5% at most for a report. Seeds are fixed; some
minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from scipy.special import ndtr

from gisteval.gate.decision import difference_check
from gisteval.judging.win_rate import at_equal_length
from gisteval.records.schema import Estimate, ResultRow
from gisteval.report.margins import margins
from gisteval.report.values import Values
from gisteval.stats import (
    FloatArray,
    bounded_mean,
    linear_fit,
    margin_test,
    mean_interval,
    percent_interval,
    ratio_of_means,
    retention,
)

SIZES = (2, 5, 10, 50, 252, 1000)
CLUSTERS = ("10 even", "10 uneven", "30 even", "30 uneven")
LEAST, MOST = 94.0, 98.0
"""Percent that a 95% interval covers; more is marked as conservative."""

Generator = np.random.Generator
Draw = Callable[[Generator, Sequence[int]], FloatArray]
"""Values of the examples, given the cluster of each."""


@dataclass(frozen=True)
class Case:
    """Values with a known mean, and whether a sample's interval covers it (None: there is no interval).

    costly: a quarter of the samples must do.
    """

    name: str
    covers: Callable[[Generator, list[int]], bool | None]
    costly: bool = False


def shared(generator: Generator, labels: Sequence[int]) -> FloatArray:
    """Standard normal values, half of whose variance is that of their cluster."""
    places = np.unique(labels, return_inverse=True)[1]
    if len(set(labels)) == len(labels):
        return generator.normal(size=len(labels))
    common = generator.normal(size=places.max() + 1)[places]
    found: FloatArray = np.sqrt(0.5) * (common + generator.normal(size=len(labels)))
    return found


def uniform(generator: Generator, labels: Sequence[int]) -> FloatArray:
    """Values between 0 and 1, alike within a cluster."""
    found: FloatArray = ndtr(shared(generator, labels))
    return found


def rouge_like(generator: Generator, labels: Sequence[int]) -> FloatArray:
    """Skewed, with lumps at 0 and 100: 20% and 8%. The mean is 100 * (0.08 + 0.72 / 3)."""
    u = uniform(generator, labels)
    middle = 1.0 - np.sqrt(1.0 - np.clip((u - 0.2) / 0.72, 0.0, 1.0))  # a triangle of mean 1/3
    found: FloatArray = 100.0 * np.where(u < 0.2, 0.0, np.where(u > 0.92, 1.0, middle))
    return found


def hits(share: float) -> Draw:
    """0 or 100."""
    return lambda generator, labels: np.where(uniform(generator, labels) < share, 100.0, 0.0)


def win_rates(ties: float, mean: float) -> Draw:
    """0, 50 or 100."""
    won = mean / 100.0 - ties / 2.0

    def draw(generator: Generator, labels: Sequence[int]) -> FloatArray:
        u = uniform(generator, labels)
        found: FloatArray = np.where(u < won, 100.0, np.where(u < won + ties, 50.0, 0.0))
        return found

    return draw


def skewed(sigma: float) -> Draw:
    """Like lengths and losses: lognormal, of mean 1."""
    return lambda generator, labels: np.exp(sigma * shared(generator, labels) - sigma**2 / 2.0)


def symmetric(generator: Generator, labels: Sequence[int]) -> FloatArray:
    """Like differences of losses, around 0."""
    return shared(generator, labels)


def bounded_case(name: str, draw: Draw, mean: float, low: float = 0.0, high: float = 100.0) -> Case:
    """By the p-values of the truth: the interval holds it exactly where neither is below 2.5%."""

    def covers(generator: Generator, labels: list[int]) -> bool | None:
        found = bounded_mean(draw(generator, labels), low, high, labels)
        return found.p_at_most(mean) >= 0.025 and found.p_at_least(mean) >= 0.025

    return Case(name, covers)


def unbounded_case(name: str, draw: Draw, mean: float) -> Case:
    return Case(
        name, lambda generator, labels: _holds(mean_interval(draw(generator, labels), labels), mean)
    )


def _holds(found: Estimate, truth: float) -> bool | None:
    if not np.isfinite(found.ci_low):
        return None
    return found.ci_low <= truth <= found.ci_high


def retention_case(percent: bool) -> Case:
    """A candidate that keeps 80% of the gap between controls that share its difficulties."""

    def covers(generator: Generator, labels: list[int]) -> bool | None:
        u = shared(generator, labels)
        if percent:
            ours, upper, lower = (
                100.0 * (ndtr(np.sqrt(0.5) * (u + shared(generator, labels))) < share)
                for share in (0.66, 0.8, 0.1)
            )
        else:
            ours, upper, lower = (
                loss + 0.3 * u + 0.3 * shared(generator, labels) for loss in (1.2, 1.0, 2.0)
            )
        return _holds(retention(ours, upper, lower, labels, percent=percent), 80.0)

    return Case(f"retention of {'a score' if percent else 'a loss'}", covers, costly=True)


def ratio_case() -> Case:
    """Tokens over slots, both lognormal and correlated."""

    def covers(generator: Generator, labels: list[int]) -> bool | None:
        below = skewed(0.4)(generator, labels)
        return _holds(ratio_of_means(below * skewed(0.3)(generator, labels) * 4.0, below, labels), 4.0)

    return Case("ratio of means", covers, costly=True)


def adjusted_case() -> Case:
    """A win rate at equal length: longer outputs win more often, and the system's are longer."""

    def covers(generator: Generator, labels: list[int]) -> bool | None:
        n = len(labels)
        length = 0.3 + generator.normal(size=n)
        chance = np.clip(0.48 + 0.1 * length, 0.0, 1.0)
        values = 100.0 * (uniform(generator, labels) < chance)
        fit = linear_fit(values, [length], labels).intercept
        return _holds(at_equal_length(fit, percent_interval(values, labels), 0.0), 48.0)

    return Case("win rate at equal length", covers, costly=True)


CASES = (
    bounded_case("ROUGE-L", rouge_like, 32.0),
    bounded_case("exact match, 5%", hits(0.05), 5.0),
    bounded_case("exact match, 30%", hits(0.3), 30.0),
    bounded_case("win rate, 30% ties", win_rates(0.3, 45.0), 45.0),
    bounded_case("win rate, 90% ties", win_rates(0.9, 48.0), 48.0),
    bounded_case(
        "difference of ROUGE-L",
        lambda generator, labels: rouge_like(generator, labels) - rouge_like(generator, labels),
        0.0,
        -100.0,
    ),
    retention_case(True),
    adjusted_case(),
    unbounded_case("length, loss (lognormal, 0.7)", skewed(0.7), 1.0),
    unbounded_case("length, loss (lognormal, 0.4)", skewed(0.4), 1.0),
    unbounded_case("difference of losses", symmetric, 0.0),
    retention_case(False),
    ratio_case(),
)


def labels_of(layout: str | int, generator: Generator) -> list[int]:
    """The cluster of each example: one each for a number; four each, or 1 to 50 (Pareto), for so many."""
    if isinstance(layout, int):
        return list(range(layout))
    count, kind = layout.split()
    groups = int(count)
    sizes = np.full(groups, 4)
    if kind == "uneven":
        sizes = np.minimum(np.ceil(generator.pareto(1.0, groups)), 50).astype(int)
    return np.repeat(np.arange(groups), sizes).tolist()


def coverage(case: Case, layout: str | int, samples: int) -> float | None:
    """Percent of the samples with an interval that cover the truth; None if most have none."""
    generator = np.random.default_rng(crc32(f"{case.name} {layout}".encode()))
    found = [case.covers(generator, labels_of(layout, generator)) for _ in range(samples)]
    known = [covered for covered in found if covered is not None]
    return 100.0 * sum(known) / len(known) if 2 * len(known) > samples else None


# Claims

ROW = ResultRow(
    "t", "s", "g", "gist", None, "gist", 1, "win_rate", 50.0, None, None, "percent", 2, 2, 0,
    reference="pos", negative="neg", p_controls=0.0, judge="j",
)  # fmt: skip
SPLITS, CANDIDATES = ("seen", "unseen", "human"), 4


@dataclass(frozen=True)
class Rates:
    """Percent of reports with a false claim: the one claim alone, any about a candidate, any at all."""

    single: float
    candidates: float
    report: float


def reports(truth: float, ties: float, n: int, count: int) -> Rates:
    """Reports on four equal candidates and three splits, `truth` points off their control's 50.

    Below 0 a "within" is false, at 0 a "worse"; that one candidate is better than another is always false.
    """
    generator = np.random.default_rng(crc32(f"reports {truth} {ties} {n}".encode()))
    won = (50.0 + truth) / 100.0 - ties / 2.0
    labels = list(range(n))
    single = candidates = any_claim = 0
    for _ in range(count):
        rows, values = [], Values(candidates={"pos": [f"g{k}" for k in range(CANDIDATES)]})
        for split in SPLITS:
            common = generator.normal(size=n)  # an answer of the control that is hard to beat for all
            for k in range(CANDIDATES):
                u = ndtr(np.sqrt(0.5) * (common + generator.normal(size=n)))
                rates = np.where(u < won, 100.0, np.where(u < won + ties, 50.0, 0.0))
                test = margin_test(rates - 50.0, labels, 50.0)
                tested = replace(ROW, p_within=test.within, p_worse=test.worse)
                rows.append(replace(tested, system=f"g{k}", split=split))
                values.columns["j", f"g{k}", split] = {
                    f"{split}{i}": float(rate) for i, rate in enumerate(rates)
                }
            values.clusters |= {f"{split}{i}": f"{split}{i}" for i in range(n)}
        alone = margins(rows[:1])[1][0]
        false = [m.within if truth < 0.0 else m.worse for m in margins(rows)[1]]
        ordered = any(difference.better is not None for difference in values.differences)
        single += alone.within if truth < 0.0 else alone.worse
        candidates += any(false)
        any_claim += any(false) or ordered
    return Rates(100.0 * single / count, 100.0 * candidates / count, 100.0 * any_claim / count)


def gate_passes(ties: float, n: int, count: int) -> float:
    """Percent of PASS at a margin of 5 for a candidate that is 5 points worse."""
    generator = np.random.default_rng(crc32(f"gate {ties} {n}".encode()))
    draw = win_rates(ties, 45.0)
    labels = [str(i) for i in range(n)]
    passed = sum(
        difference_check(draw(generator, range(n)), np.full(n, 50.0), labels, 5.0).outcome == "PASS"
        for _ in range(count)
    )
    return 100.0 * passed / count


def claim_rows(count: int) -> Iterator[tuple[str, float, list[float]]]:
    """What is counted, how often it may be false, and how often it is, for each size, in percent."""
    for ties in (0.3, 0.8):
        for truth, word in ((-5.0, "within 5"), (0.0, "worse")):
            found = [reports(truth, ties, n, count) for n in SIZES]
            where = f"truth {truth:g}, {100 * ties:.0f}% ties"
            yield f'"{word}", one candidate and split; {where}', 2.5, [rates.single for rates in found]
            yield f'any "{word}", 4 candidates x 3 splits; {where}', 5.0, [r.candidates for r in found]
            yield f"any claim of that report; {where}", 5.0, [rates.report for rates in found]
        found_passes = [gate_passes(ties, n, 5 * count) for n in SIZES]
        yield f"gate, PASS; truth -5, {100 * ties:.0f}% ties", 5.0, found_passes


def main() -> int:
    """Print both tables; 1 if a figure is not what is promised."""
    parser = argparse.ArgumentParser(description="Coverage and false claims, simulated.")
    parser.add_argument("--samples", type=int, default=2500, help="of each cell; a tenth as many reports")
    samples = parser.parse_args().samples
    sound = True
    layouts: tuple[str | int, ...] = (*SIZES, *CLUSTERS)
    print("| 95% interval of | " + " | ".join(f"n = {size}" for size in SIZES), end=" | ")
    print(" | ".join(f"{layout} clusters" for layout in CLUSTERS) + " |")
    print("|---" * (1 + len(layouts)) + "|")
    for case in CASES:
        cells = []
        many = samples // 4 if case.costly else samples
        for layout in layouts:
            found = coverage(case, layout, many)
            sound &= found is None or found >= LEAST - 3.0 * np.sqrt(5.0 * 95.0 / many)
            mark = "" if found is None or found <= MOST else "+"
            cells.append("none" if found is None else f"{found:.1f}{mark}")
        print(f"| {case.name} | " + " | ".join(cells) + " |", flush=True)
    print()
    print("| false claims, percent | at most | " + " | ".join(f"n = {size}" for size in SIZES) + " |")
    print("|---" * (2 + len(SIZES)) + "|")
    count = max(samples // 10, 1)
    for name, most, rates in claim_rows(count):
        sound &= all(rate <= most + 3.0 * np.sqrt(most * (100.0 - most) / count) for rate in rates)
        print(f"| {name} | {most:g} | " + " | ".join(f"{rate:.1f}" for rate in rates) + " |", flush=True)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
