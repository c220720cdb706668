"""A judge's faults, built into verdicts and figures again; the paper's released ones."""

from __future__ import annotations

import numpy as np
import pytest

from gisteval.importer.verdicts import read_verdict_file
from gisteval.judging.noise import log_length_ratio, noise
from gisteval.records.schema import Verdict

PAIRS = [str(n) for n in range(200)]
ONE_EACH = {pair: pair for pair in PAIRS}


def verdict(pair: str, order: str, choice: str, purpose: str = "main") -> Verdict:
    return Verdict("", pair, "t", "s", "a", "b", "j", purpose, order, choice, "reply")


def test_length_ratio_is_in_doublings_and_bounded() -> None:
    assert log_length_ratio("a b c", "a") == 1.0
    assert log_length_ratio("", "a b c") == -2.0
    assert log_length_ratio("", "a " * 1000) == -3.0


def test_a_judge_that_only_sees_positions() -> None:
    verdicts = [
        verdict(pair, order, "a" if order == "ab" else "b") for pair in PAIRS for order in ("ab", "ba")
    ]
    figures = noise(verdicts, dict.fromkeys(PAIRS, 0.0), ONE_EACH)
    assert figures.flips.value == figures.first_shown.value == 100.0
    assert figures.order_effect.value == pytest.approx(100.0)
    assert figures.adjusted.value == pytest.approx(50.0)
    assert figures.longer is None and figures.length_slope is None


def test_a_judge_that_only_sees_lengths_is_adjusted_to_even() -> None:
    generator = np.random.default_rng(0)
    ratios = {
        pair: float(ratio) for pair, ratio in zip(PAIRS, generator.normal(1.0, 1.0, 200), strict=True)
    }
    chance = {pair: 0.5 + 0.1 * ratio for pair, ratio in ratios.items()}
    verdicts = [
        verdict(pair, order, "a" if generator.random() < chance[pair] else "b")
        for pair in PAIRS
        for order in ("ab", "ba")
    ]
    figures = noise(verdicts, ratios, ONE_EACH)
    assert figures.longer.value > 55
    assert figures.length_slope.ci_low < 10.0 < figures.length_slope.ci_high
    assert figures.adjusted.ci_low < 50.0 < figures.adjusted.ci_high
    wins = np.mean([v.choice == "a" for v in verdicts])
    assert wins > 0.55


def test_equal_outputs_are_left_out_and_repeats_compared() -> None:
    verdicts = [verdict("0", "ab", "tie"), verdict("0", "ba", "tie")]
    verdicts += [verdict("1", "ab", "a"), verdict("1", "ba", "a"), verdict("1", "ab", "b", "again")]
    verdicts += [verdict("2", "ab", "a"), verdict("2", "ba", "error"), verdict("2", "ab", "a", "again")]
    figures = noise(verdicts, dict.fromkeys("012", 0.0), dict(zip("012", "012", strict=True)), equal=["0"])
    assert (figures.flips.value, figures.flips.n) == (0.0, 1)
    assert figures.first_shown.n == 3
    assert (figures.repeats.n, figures.repeats.agreement) == (2, 50.0)


def test_the_papers_verdicts_prefer_the_first_and_the_longer(shared_data) -> None:
    verdicts, ratios, equal = [], {}, []
    for path in sorted((shared_data / "paper" / "chatgpt").glob("*.json")):
        for number, row in enumerate(read_verdict_file(path).rows):
            pair = f"{path.name} {number}"
            verdicts.append(verdict(pair, row.order, row.choice))
            ratios[pair] = log_length_ratio(row.output, row.reference_output)
            if row.output.strip() == row.reference_output.strip():
                equal.append(pair)
    figures = noise(verdicts, ratios, {pair: pair for pair in ratios}, equal)
    assert figures.first_shown.value == pytest.approx(54.3, abs=0.1)
    assert figures.longer.value == pytest.approx(62.7, abs=0.3)
    assert figures.length_slope.ci_low > 0 and figures.order_effect.ci_low > 0
