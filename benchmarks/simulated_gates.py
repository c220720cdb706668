"""Simulations of the gate: sequential looks, equivalence, and many comparisons."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr
from simulated_table import Result, at_most

from gisteval.gate.decision import examples_to_show
from gisteval.stats import benjamini_hochberg, bounded_mean, holm
from gisteval.stats.samples import FloatArray
from gisteval.stats.selection import best_of
from gisteval.stats.sequential import bets

MARGIN = 5.0


def differences(
    generator: np.random.Generator, shape: tuple[int, int], mean: float, ties: float
) -> FloatArray:
    """Differences of win rates: ties, and else 50 or 100 points either way."""
    decided = generator.random(shape) >= ties
    size = np.where(generator.random(shape) < 0.5, 50.0, 100.0)
    won = 0.5 + mean / (150.0 * (1.0 - ties))
    side = np.where(generator.random(shape) < won, 1.0, -1.0)
    return np.where(decided, size * side, 0.0)


def sequential(scale: float) -> Result:
    """Wrong verdicts under constant peeking, and how early equal systems pass."""
    streams, looks = max(int(10_000 * scale), 200), 2000
    rows, sound = [], True
    for ties in (0.3, 0.8, 0.95):
        generator = np.random.default_rng(int(1000 * ties))
        wrong_pass = wrong_fail = 0
        decided = []
        for start in range(0, streams, 500):
            count = min(500, streams - start)
            for row in differences(generator, (count, looks), -MARGIN if ties < 0.95 else -3.75, ties):
                limit = -MARGIN if ties < 0.95 else -3.75
                wrong_pass += bets(row, -100.0, 100.0).evidence_above(limit).max() >= math.log(20.0)
        few = max(streams // 5, 100)
        for row in differences(generator, (few, looks), 0.0, ties):
            game = bets(row, -100.0, 100.0)
            wrong_fail += game.evidence_below(0.0).max() >= math.log(20.0)
            hit = game.evidence_above(-MARGIN) >= math.log(20.0)
            decided.append(int(hit.argmax()) + 1 if hit.any() else looks)
        passed, failed = 100.0 * wrong_pass / streams, 100.0 * wrong_fail / few
        sound &= at_most(passed, 5.0, streams) and at_most(failed, 5.0, few)
        median = float(np.median(decided))
        sd = float(differences(generator, (100, 1000), 0.0, ties).std())
        once = examples_to_show(sd, MARGIN, MARGIN)
        assert once is not None
        saved = 100.0 * (1.0 - median / looks)
        rows.append((f"{100 * ties:.0f}%", f"{passed:.1f}", f"{failed:.1f}", f"{median:.0f}", f"{once}",
                     f"{saved:.0f}"))  # fmt: skip
    title = f"Sequential gate: {streams:,} streams of {looks} examples, looked at after each"
    columns = ("ties", "wrong PASS %, truth on the margin", "wrong FAIL %, truth 0",
               "median examples to PASS, truth 0", "examples of one look (80% power)",
               "saved of 2,000 %")  # fmt: skip
    return Result(title, columns, tuple(rows), sound)


def equivalence(scale: float) -> Result:
    """How often two one-sided tests call systems equivalent that are not, and that are equal."""
    samples = max(int(2000 * scale), 100)
    rows, sound = [], True
    for n in (57, 252, 1000):
        found = []
        for truth in (-MARGIN, MARGIN, 0.0):
            generator = np.random.default_rng(n + int(truth))
            shown = 0
            for row in differences(generator, (samples, n), truth, 0.9):
                mean = bounded_mean(row, -100.0, 100.0)
                shown += mean.p_at_most(-MARGIN) <= 0.05 and mean.p_at_least(MARGIN) <= 0.05
            found.append(100.0 * shown / samples)
        sound &= all(at_most(share, 5.0, samples) for share in found[:2])
        rows.append((str(n), *(f"{share:.1f}" for share in found)))
    columns = ("n", "equivalent %, truth -5", "equivalent %, truth +5", "equivalent %, truth 0")
    return Result(
        f"Equivalence within 5 points, 90% ties, {samples:,} samples", columns, tuple(rows), sound
    )


def many(scale: float) -> Result:
    """False orders among 20 comparisons of which 5 are real, and the score of the best of m."""
    samples = max(int(2000 * scale), 200)
    generator = np.random.default_rng(1)
    rows: list[tuple[str, ...]] = []
    sound = True
    for name, correct in (("Holm", holm), ("Benjamini-Hochberg", benjamini_hochberg)):
        any_false, share, found = 0, 0.0, 0.0
        for _ in range(samples):
            z = generator.normal(size=20) + np.where(np.arange(20) < 5, 3.0, 0.0)
            rejected = np.array(correct((2.0 * ndtr(-np.abs(z))).tolist())) <= 0.05
            any_false += int(rejected[5:].any())
            share += rejected[5:].sum() / max(rejected.sum(), 1)
            found += rejected[:5].mean()
        percent = [100.0 * count / samples for count in (any_false, share, found)]
        sound &= at_most(percent[0] if name == "Holm" else percent[1], 5.0, samples)
        rows.append((name, *(f"{value:.1f}" for value in percent)))
    for m in (3, 12):
        best = [best_of({f"s{k}": generator.normal(50.0, 30.0, 100) for k in range(m)})
                for _ in range(max(samples // 20, 20))]  # fmt: skip
        quoted, honest = (np.mean([getattr(b, name) for b in best]) for name in ("quoted", "honest"))
        rows.append(
            (f"best of {m} equals (truth 50)", f"quoted {quoted:.1f}", f"other half {honest:.1f}", "")
        )
    columns = ("", "any false %", "false among the found %", "real ones found %")
    return Result(f"Many comparisons, {samples:,} samples", columns, tuple(rows), sound)
