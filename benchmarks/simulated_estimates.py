"""Simulations of intervals: corrected win rates, retention, few items, length control."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from scipy.special import expit, ndtr
from simulated_table import Result, at_most

from gisteval.records.run_folder import RunFolder
from gisteval.report.long_values import long_columns
from gisteval.stats import bounded_mean, retention
from gisteval.stats.coverage import simulate_coverage
from gisteval.stats.fieller import bootstrap_ratio, fieller_set
from gisteval.stats.logistic import logistic_fit
from gisteval.stats.prediction_powered import corrected_mean
from gisteval.stats.samples import FloatArray


@dataclass(frozen=True)
class Judge:
    """A simulated judge: right with a probability, and else it says win with another one."""

    name: str
    right: float
    wins: float


def labelled(
    generator: np.random.Generator, judge: Judge, n: int, labels: int, group: int = 1
) -> tuple[FloatArray, FloatArray, list[int]]:
    """Predictions, labels (NaN where there is none) and clusters; people say win in 55%."""
    shared = np.repeat(generator.normal(size=n // group), group)
    u = math.sqrt(0.5) * (shared + generator.normal(size=n))
    truth = 100.0 * (ndtr(u) < 0.55)
    guess = 100.0 * (generator.random(n) < judge.wins)
    predictions = np.where(generator.random(n) < judge.right, truth, guess)
    known = np.full(n, math.nan)
    chosen = generator.permutation(n)[:labels]
    known[chosen] = truth[chosen]
    return predictions, known, np.repeat(np.arange(n // group), group).tolist()


def corrected(scale: float) -> Result:
    """Bias, coverage and width of corrected win rates."""
    samples = max(int(300 * scale), 40)
    judges = (Judge("right in 90%, biased", 0.9, 1.0), Judge("right in 70%, biased", 0.7, 1.0),
              Judge("always win", 0.0, 1.0), Judge("perfect", 1.0, 0.5))  # fmt: skip
    rows, sound = [], True
    for judge in judges:
        for n, labels, group in ((252, 50, 1), (1000, 100, 1), (1000, 100, 4)):
            generator = np.random.default_rng([crc32(judge.name.encode()), n, labels, group])
            found = [corrected_mean(*labelled(generator, judge, n, labels, group)) for _ in range(samples)]
            values = np.array([f.estimate.value for f in found])
            outside = [not f.estimate.ci_low <= 55.0 <= f.estimate.ci_high for f in found]
            missed = 100.0 * float(np.mean(outside))
            width, alone = (
                float(np.mean([e.ci_high - e.ci_low for e in estimates]))
                for estimates in ([f.estimate for f in found], [f.labels_alone for f in found])
            )
            bias, error = float(values.mean()) - 55.0, float(values.std()) / math.sqrt(samples)
            sound &= at_most(missed, 5.0, samples) and abs(bias) <= 4.0 * error and width <= alone + 1e-9
            rows.append((judge.name, str(n), str(labels), str(group), f"{bias:+.1f} ± {error:.1f}",
                         f"{100.0 - missed:.1f}", f"{width:.1f}", f"{alone:.1f}"))  # fmt: skip
    columns = ("judge", "pairs", "labels", "pairs of an instruction", "bias, points", "covers %", "width",
               "width of labels alone")  # fmt: skip
    return Result(f"Win rates corrected by labels, {samples} samples", columns, tuple(rows), sound)


def retentions(scale: float) -> Result:
    """Three intervals of a retention of 80%, from controls that nearly meet to clear ones."""
    samples = max(int(200 * scale), 30)
    rows, sound = [], True
    for n, gap in ((12, 40), (25, 15), (100, 3), (252, 5), (252, 20)):
        generator = np.random.default_rng(n + gap)
        counts = np.zeros(5)
        for draw in range(samples):
            u = generator.normal(size=n)
            ours, upper, lower = (
                100.0 * (ndtr(math.sqrt(0.5) * (u + generator.normal(size=n))) < share)
                for share in (0.3 + 0.008 * gap, 0.3 + 0.01 * gap, 0.3)
            )
            fieller = fieller_set(ours - lower, upper - lower)
            low, high = bootstrap_ratio(ours - lower, upper - lower, draws=500, seed=draw)
            used = retention(ours, upper, lower, percent=True)
            bounded = math.isfinite(used.ci_low) and math.isfinite(used.ci_high)
            counts += (used.ci_low <= 80.0 <= used.ci_high, bounded, fieller.holds(0.8),
                       fieller.shape == "bounded", low <= 0.8 <= high)  # fmt: skip
        shares = 100.0 * counts / samples
        sound &= at_most(100.0 - float(shares[0]), 5.0, samples)
        rows.append((str(n), str(gap), *(f"{share:.1f}" for share in shares)))
    columns = ("n", "gap", "test inversion covers %", "bounded %", "Fieller covers %", "bounded %",
               "bootstrap covers % (always bounded)")  # fmt: skip
    return Result(f"Retention of 80%, {samples} samples", columns, tuple(rows), sound)


def few_items(scale: float) -> Result:
    """From which size a plain t interval covers: populations of 20,000, drawn from at sizes n."""
    samples = max(int(2000 * scale), 100)
    shapes: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
        "win rate, 30% ties": lambda g, n: g.choice([0.0, 50.0, 100.0], n, p=[0.4, 0.3, 0.3]),
        "win rate, 90% ties": lambda g, n: g.choice([0.0, 50.0, 100.0], n, p=[0.07, 0.9, 0.03]),
        "exact match, 5%": lambda g, n: np.where(g.random(n) < 0.05, 100.0, 0.0),
        "exact match, 50%": lambda g, n: np.where(g.random(n) < 0.5, 100.0, 0.0),
        "ROUGE-L": lambda g, n: 100.0 * g.beta(0.6, 1.0, n),
    }
    rows, sound = [], True
    for name, draw in shapes.items():
        generator = np.random.default_rng(len(name))
        mean = float(draw(generator, 2_000_000).mean())
        cells = []
        for n in (5, 12, 30, 100, 252):
            used = plain = 0
            for _ in range(samples):
                values = draw(generator, n)
                found = bounded_mean(values, 0.0, 100.0)
                used += found.p_at_most(mean) >= 0.025 and found.p_at_least(mean) >= 0.025
                half = 2.0 * values.std(ddof=1) / math.sqrt(n)
                plain += abs(values.mean() - mean) <= half * (1.0 + 2.0 / n)
            sound &= at_most(100.0 - 100.0 * used / samples, 5.0, samples)
            cells.append(f"{100.0 * used / samples:.1f} / {100.0 * plain / samples:.1f}")
        rows.append((name, *cells))
    columns = ("95% interval: bounded / t", *(f"n = {n}" for n in (5, 12, 30, 100, 252)))
    return Result(f"Few items, {samples:,} samples", columns, tuple(rows), sound)


def length_control(scale: float) -> Result:
    """The logistic and the plain rate where longer outputs win more often and the truth at 0 is known."""
    samples = max(int(500 * scale), 50)
    rows, sound = [], True
    for n in (100, 252, 1000):
        generator = np.random.default_rng(n)
        found, covered, plain = [], 0, []
        for _ in range(samples):
            length = generator.normal(30.0, 60.0, n)
            column = np.tanh(length / length.std())
            scores = (generator.random(n) < expit(-0.2 + 1.5 * column)).astype(float)
            fit = logistic_fit(scores, [column])
            if fit is not None:
                found.append(100.0 * float(expit(fit.coefficients[0])))
                covered += fit.low <= -0.2 <= fit.high
                plain.append(100.0 * scores.mean())
        missed = 100.0 - 100.0 * covered / len(found)
        sound &= at_most(missed, 5.0, len(found))
        rows.append((str(n), f"{np.mean(plain):.1f}", f"{np.mean(found):.1f}", f"{100.0 - missed:.1f}"))
    truth = 100.0 * float(expit(-0.2))
    columns = ("n", "plain win rate", f"at equal length (truth {truth:.1f})", "covers %")
    return Result(f"Length control, {samples} samples", columns, tuple(rows), sound)


def own_data(scale: float) -> Result:
    """The simulation of `gisteval coverage` on a sample whose true coverage is known."""
    generator = np.random.default_rng(2)
    samples = max(int(1000 * scale), 100)
    rows = []
    for n in (12, 50, 252):
        values = 100.0 * generator.beta(0.6, 1.0, n)
        found = simulate_coverage(values, None, (0.0, 100.0), samples)
        rows.append((str(n), f"{found.covered:.1f}", f"{found.plain:.1f}"))
    columns = ("n", "bounded covers %", "t covers %")
    return Result(f"`gisteval coverage` on ROUGE-L-like values, {samples:,} samples", columns, tuple(rows))


def paper(run: Path, scale: float) -> Result:
    """The paper's verdicts as people's labels on 100 pairs, the reference judge on all, 100 draws each."""
    columns = {(c.split, c.system, c.judge): c for c in long_columns(RunFolder.open(run)) if c.judge}
    rows: list[tuple[str, ...]] = []
    draws, sound = max(int(100 * scale), 20), True
    for (split, system, judge), people in columns.items():
        machine = columns.get((split, system, "reference"))
        if judge == "reference" or machine is None:
            continue
        by_id = dict(zip(machine.ids, machine.values, strict=True))
        predictions = np.array([by_id.get(example, math.nan) for example in people.ids])
        known = ~np.isnan(predictions) & ~np.isnan(people.values)
        truth, f = people.values[known], predictions[known]
        clusters = [label for label, keep in zip(people.clusters, known, strict=True) if keep]
        generator = np.random.default_rng(len(rows))
        errors, narrower, covered = [], [], 0
        for _ in range(draws):
            labels = np.full(truth.size, math.nan)
            chosen = generator.permutation(truth.size)[:100]
            labels[chosen] = truth[chosen]
            found = corrected_mean(f, labels, clusters)
            errors.append(found.estimate.value - truth.mean())
            covered += found.estimate.ci_low <= truth.mean() <= found.estimate.ci_high
            alone = found.labels_alone
            narrower.append(
                (found.estimate.ci_high - found.estimate.ci_low) / (alone.ci_high - alone.ci_low)
            )
        error = np.std(errors) / math.sqrt(draws)
        sound &= abs(np.mean(errors)) <= 4.0 * error and at_most(
            100.0 - 100.0 * covered / draws, 5.0, draws
        )
        rows.append((system, split, str(truth.size), f"{truth.mean():.1f}", f"{f.mean():.1f}",
                     f"{np.mean(errors):+.1f} ± {error:.1f}", f"{100.0 * covered / draws:.0f}",
                     f"{100.0 * np.mean(narrower):.0f}%"))  # fmt: skip
    names = ("system", "split", "pairs", "ChatGPT", "reference", "error of the corrected", "covers %",
             "width, of labels alone")  # fmt: skip
    return Result(f"The paper's verdicts: 100 labels, {draws} draws", names, tuple(rows), sound)
