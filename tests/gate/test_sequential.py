"""The gate that may be watched, shares as margins, and equivalence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gated_runs import gate

from gisteval.errors import InvalidRun
from gisteval.gate.output import gate_json, gate_text
from gisteval.gate.sequential import look_order, sequential_check
from gisteval.records.run_folder import RunFolder

MakeRun = Callable[..., Path]

EVEN, LOSING, WINNING = [0.5] * 150, [0.0, 0.25] * 75, [1.0, 0.75] * 75


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
