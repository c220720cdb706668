"""The checks of one split: shares as margins, and equivalence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gated_runs import gate

from gisteval.gate.checks import Pairing, fixed_check, gain_check
from gisteval.gate.margins import Allowance
from gisteval.gate.output import gate_text
from gisteval.stats import bounded_mean

MakeRun = Callable[..., Path]

EVEN, WINNING = [0.5] * 150, [1.0, 0.75] * 75


def test_a_share_of_the_gap_is_tested_example_by_example() -> None:
    generator = np.random.default_rng(1)
    positive = generator.uniform(40.0, 90.0, 300)
    negative = positive * generator.uniform(0.0, 0.6, 300)
    baseline = positive - generator.uniform(0.0, 10.0, 300)
    candidate = baseline - 0.03 * (positive - negative) + generator.normal(0.0, 1.0, 300)
    labels, none = [str(i) for i in range(300)], np.zeros(300, bool)
    pairing = Pairing(candidate, baseline, labels, (none, none), 100.0, (0.0, 100.0))
    found = fixed_check(pairing, Allowance(0.1 * (positive - negative), 1.1))
    shifted = candidate - baseline + 0.1 * (positive - negative)
    alone = bounded_mean(shifted, -110.0, 110.0, labels).p_at_most(0.0)
    assert found.p_above == pytest.approx(alone, rel=1e-9)
    assert found.limit == pytest.approx(-0.1 * (positive - negative).mean())
    assert found.estimate == fixed_check(pairing, 5.0).estimate
    assert found.outcome == "PASS"
    assert fixed_check(pairing, Allowance(0.02 * (positive - negative), 1.02)).outcome == "FAIL"


def test_equivalence_asks_both_ways(make_run: MakeRun) -> None:
    even, winning = make_run("even", EVEN), make_run("winning", WINNING, system="gist-2")
    assert gate(winning, even).outcome == "PASS"
    assert gate(winning, even, equivalence=True).outcome == "FAIL"
    assert gate(winning, even, equivalence=True, sequential=True).outcome == "FAIL"
    same = gate(even, even, equivalence=True)
    assert same.outcome == "PASS" and same.splits[0].equivalent <= 0.05
    assert "equivalent (within the margin both ways) yes" in gate_text(same)
    assert "not shown" in gate_text(gate(winning, even))


def test_both_halves_of_equivalence_come_from_one_interval() -> None:
    generator = np.random.default_rng(2)
    ours, theirs = generator.uniform(40.0, 60.0, 80), generator.uniform(40.0, 60.0, 80)
    labels, none = [str(i) for i in range(80)], np.zeros(80, bool)
    pairing = Pairing(ours, theirs, labels, (none, none), 100.0, (0.0, 100.0))
    gain, loss = gain_check(pairing, 5.0), fixed_check(pairing, 5.0)
    assert gain.estimate.ci_low == pytest.approx(-loss.estimate.ci_high, abs=1e-6)
    assert (gain.p_above <= 0.05) == (loss.estimate.ci_high < 5.0)
