"""Every metric keeps what its class promises, and a task's names are checked."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.metrics import LEADING, OutputMetric, leading_metric, metric, metrics_of
from gisteval.records.schema import Example, Generation
from gisteval.registry import METRICS

EXAMPLE = Example("e", "t", "s", "say it", "", "the cat sat", choices="the cat sat\nthe dog sat")
MADE = Generation(
    key="k", example="e", content=EXAMPLE.content_id, task="t", split="s", system="gist-1", k=2, kept=2,
    condition="gist", control=None, compressor="gist", output="the cat", output_tokens=3, finished=True,
    source_tokens=13, template_tokens=3, bytes=64, nll=1.5, target_tokens=2, choice="the cat sat",
)  # fmt: skip


@given(output=st.text(), reference=st.text())
def test_values_lie_in_the_range_of_their_metric(output: str, reference: str) -> None:
    for found in map(metric, METRICS.names()):
        if isinstance(found, OutputMetric):
            value = found.value(replace(MADE, output=output), replace(EXAMPLE, output=reference))
            assert value is not None
            assert found.low is None or value >= found.low
            assert found.high is None or value <= found.high + 1e-9


@pytest.mark.parametrize("name", METRICS.names())
def test_a_copy_of_the_reference_has_the_best_score(name: str) -> None:
    found = metric(name)
    if isinstance(found, OutputMetric) and found.graded:
        assert found.value(replace(MADE, output=EXAMPLE.output), EXAMPLE) == pytest.approx(found.best)


def test_only_scores_count_a_missing_output_as_the_worst() -> None:
    assert metric("rougeL").without_output == 0.0
    assert all(math.isnan(metric(name).without_output) for name in ("nll", "length", "unfinished"))


def test_the_interval_follows_from_the_range() -> None:
    kinds = {name: metric(name).interval for name in ("rougeL", "win_rate", "nll", "length")}
    assert kinds == {"rougeL": "bounded", "win_rate": "bounded", "nll": "unbounded", "length": "unbounded"}


def test_a_task_names_scores_and_sizes_are_always_there() -> None:
    named = [found.name for found in metrics_of(("exact_match", "rougeL"))]
    # ROUGE-L brings what stands in for it where it can't read the references.
    assert named[:3] == ["exact_match", "rougeL", "rougeL-unicode"]
    assert named[3:] == [found.name for found in metrics_of()][5:]
    assert leading_metric(metrics_of(("exact_match",))).name == "exact_match"
    assert leading_metric(metrics_of(("nll",))).name == LEADING


@pytest.mark.parametrize(
    ("name", "message"),
    [("rouge", r"'rouge' is unknown \(did you mean 'rougeL'"), ("win_rate", "comes from a judge")],
)
def test_other_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        metrics_of((name,))
