"""The gate that may be watched, shares as margins, and equivalence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.checks import Pairing, fixed_check, gain_check
from gisteval.gate.gate import GateResult, run_gate
from gisteval.gate.margins import Allowance, parse_margin
from gisteval.gate.options import GateOptions
from gisteval.gate.output import gate_json, gate_text
from gisteval.gate.sequential import look_order, sequential_check
from gisteval.records.run_folder import RunFolder
from gisteval.stats import bounded_mean

MakeRun = Callable[..., Path]

EVEN, LOSING, WINNING = [0.5] * 150, [0.0, 0.25] * 75, [1.0, 0.75] * 75


def gate(candidate: Path, baseline: Path, **options: object) -> GateResult:
    return run_gate(GateOptions(candidate, baseline, **options))  # type: ignore[arg-type]


def keep_lines(run: Path, system: str, keep: Callable[[int], bool]) -> None:
    """Keep some of the verdicts of a run, as if judging had stopped."""
    file = RunFolder(run).verdicts("reference", system)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for place, line in enumerate(lines) if keep(place)), encoding="utf-8")


def test_a_verdict_says_after_how_many_examples_it_was_certain(make_run: MakeRun) -> None:
    even, losing = make_run("even", EVEN), make_run("losing", LOSING, system="gist-2")
    passed = gate(even, make_run("other", EVEN), sequential=True)
    looks = passed.splits[0].looks
    assert passed.outcome == "PASS" and looks is not None
    assert looks.decided is not None and 59 < looks.decided < 120 and looks.looked == 150
    assert passed.splits[0].checks[0].estimate.method == "betting"
    failed = gate(losing, even, sequential=True)
    assert failed.outcome == "FAIL"
    assert failed.splits[0].looks.decided < 30  # type: ignore[union-attr]
    assert "decided after" in gate_text(failed) and "confidence sequences" in gate_text(failed)
    assert gate_json(failed)["splits"][0]["looks"]["looked"] == 150  # type: ignore[index]


def test_only_whole_pairs_before_the_first_gap_are_looked_at(make_run: MakeRun) -> None:
    candidate, baseline = make_run("candidate", EVEN), make_run("baseline", EVEN)
    order = look_order([f"do human {i}" for i in range(150)])
    numbers = {int(text.split()[-1]): place for place, text in enumerate(order)}
    keep_lines(candidate, "gist-1", lambda line: numbers[line // 2] < 120)
    keep_lines(baseline, "gist-1", lambda line: numbers[line // 2] != 110 or line % 2 == 0)
    with pytest.raises(InvalidRun, match="never judged"):
        gate(candidate, baseline)
    result = gate(candidate, baseline, sequential=True)
    assert result.splits[0].looks.looked == 110  # type: ignore[union-attr]
    assert result.splits[0].checks[0].estimate.n == 110


def test_unknown_values_count_against_each_verdict() -> None:
    values = np.where(np.arange(200) < 30, np.nan, 0.0)
    labels = [str(i) for i in range(200)]
    found = sequential_check("difference", values, values, labels, -5.0, 0.0, (-100.0, 100.0)).check
    assert found.outcome == "INCONCLUSIVE" and found.missing == 30
    without = sequential_check(
        "difference", values[30:], values[30:], labels[30:], -5.0, 0.0, (-100.0, 100.0)
    ).check
    assert without.outcome == "PASS"


def test_a_metric_without_a_range_or_with_a_share_is_no_question_for_looks() -> None:
    with pytest.raises(GistevalError, match="metric with a range"):
        GateOptions(Path(), Path(), metric="nll", margin=0.1, sequential=True)
    with pytest.raises(GistevalError, match="in points"):
        GateOptions(Path(), Path(), margin=0.1, margin_kind="gap", sequential=True)


def test_margins_as_texts() -> None:
    assert parse_margin("5").text == "5"
    assert parse_margin("10%gap").text == "10% of the controls' gap"
    assert parse_margin("90% retained").size == pytest.approx(0.1)
    for wrong in ("", "five", "5%", "120%gap", "0%retained", "nan"):
        with pytest.raises(GistevalError, match="--margin"):
            parse_margin(wrong)


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


def test_a_run_without_controls_has_no_gap(make_run: MakeRun) -> None:
    run = make_run("run", EVEN)
    with pytest.raises(InvalidRun, match="no controls: give --margin in points"):
        gate(run, run, margin=0.1, margin_kind="gap")


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
