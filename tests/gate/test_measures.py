"""The values of one side by a metric of its outputs, and the figures of a judge beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gated_runs import gate

from gisteval.errors import GistevalError
from gisteval.gate.measures import gate_metric, score_values
from gisteval.gate.sides import Side, shared_examples
from gisteval.records.run_folder import RunFolder

MakeRun = Callable[..., Path]


def test_judge_figures(make_run: MakeRun) -> None:
    result = gate(make_run("a", [1.0, "flip", 0.0, 0.5, 0.75] * 20), make_run("b", [0.5] * 100))
    figures = result.splits[0].candidate.judge
    assert figures is not None
    assert (figures.wins, figures.ties, figures.losses) == (40, 40, 20)
    assert figures.reference == "pos"
    assert figures.flips == pytest.approx(40.0)  # "flip" and 0.75: the comparisons disagree
    # Decided ones won by the first shown: one of a win's two, both of a flip's, one of a loss's two, and
    # the only one of 0.75.
    assert figures.first_shown == pytest.approx(100 * 5 / 7)
    assert figures.cost == pytest.approx(2.0)


def test_the_metrics_of_outputs_need_no_judge(make_run: MakeRun) -> None:
    good = make_run("good", [0.5] * 80, judge=None)
    bad = make_run("bad", [0.5] * 80, judge=None, output=lambda i: "wrong" if i % 2 else f"answer {i}")
    for metric, lost in (("exact_match", -50.0), ("rougeL", -50.0)):
        result = gate(bad, good, metric=metric)
        assert result.outcome == "FAIL"
        assert result.splits[0].checks[0].estimate.value == lost
        assert gate(good, good, metric=metric).outcome == "PASS"


def test_a_missing_output_is_the_worst_of_a_grade_and_unknown_of_a_length(make_run: MakeRun) -> None:
    side = Side(RunFolder.open(make_run("run", [0.5] * 3, judge=None, failed=[1])), "gist-1")
    examples = shared_examples(side, side, "human")
    graded = score_values(side, "human", examples, gate_metric("exact_match"))
    assert graded.values.tolist() == [100.0, 0.0, 100.0] and graded.mean == pytest.approx(200 / 3)
    assert graded.absent.tolist() == [False, True, False] and graded.failed == 1
    counted = score_values(side, "human", examples, gate_metric("length"))
    np.testing.assert_array_equal(counted.values, [2.0, np.nan, 2.0])


def test_a_metric_of_whole_runs_pairs_no_examples() -> None:
    with pytest.raises(GistevalError, match="'compression_ratio_of_means' has no value for each example"):
        gate_metric("compression_ratio_of_means")
