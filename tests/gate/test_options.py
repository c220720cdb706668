"""Questions that make no sense are refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.gate.measures import gate_metric
from gisteval.gate.options import GateOptions, default_margin


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "bleu"}, "metric 'bleu' is unknown: choose from .*bytes, .*chrF"),
        ({"margin": 0.0}, "--margin is in points, between 0 and 100, not 0"),
        ({"margin": float("nan")}, "--margin is in points"),
        ({"min_win_rate": 45.0, "metric": "rougeL"}, "--min-win-rate needs --metric win_rate"),
        ({"min_win_rate": 145.0}, "--min-win-rate is in percent"),
        ({"inconclusive": "maybe"}, "--inconclusive is fail or pass, not 'maybe'"),
        ({"judge": "openai", "metric": "rougeL"}, "--judge needs --metric win_rate"),
    ],
)
def test_unclear_questions_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        GateOptions(Path("a"), Path("b"), **options)  # type: ignore[arg-type]


def test_a_metric_without_a_range_or_with_a_share_is_no_question_for_looks() -> None:
    with pytest.raises(GistevalError, match="metric with a range"):
        GateOptions(Path(), Path(), metric="nll", margin=0.1, sequential=True)
    with pytest.raises(GistevalError, match="in points"):
        GateOptions(Path(), Path(), margin=0.1, margin_kind="gap", sequential=True)


def test_a_default_margin_is_five_points_and_none_for_another_unit() -> None:
    assert default_margin(gate_metric("rougeL")) == GateOptions(Path(), Path()).margin == 5.0
    with pytest.raises(GistevalError, match=r"nll is in nats.*: give the largest loss that may pass"):
        default_margin(gate_metric("nll"))
