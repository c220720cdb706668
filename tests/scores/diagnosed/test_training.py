"""Health of a training, from its losses."""

from __future__ import annotations

import math

import pytest

from gisteval.scores.diagnosed.training import Training, average, summarise_training

CURVE = [(step, 1.0 + 2.0 * math.exp(-step / 200)) for step in range(50, 2001, 50)]
NEGATIVE = [(step, 2.5) for step, _ in CURVE]
POSITIVE = [(step, loss - 0.1) for step, loss in CURVE]


@pytest.mark.parametrize(
    ("loss", "state", "begin"),
    [
        (CURVE, "ok", "the loss ended at"),
        (NEGATIVE, "warning", "the loss ended at 2.500, 0% of the way"),
        ([*CURVE[:30], *((step, 2.0) for step, _ in CURVE[30:])], "warning", "the loss rose to 2.000"),
        ([*CURVE[:-1], (2000, math.nan)], "fault", "the loss is no number"),
    ],
)
def test_a_sick_training_is_told_from_a_healthy_one(loss: list, state: str, begin: str) -> None:
    summary = summarise_training([Training("gist-1", loss, "pos", POSITIVE, NEGATIVE)])
    assert (summary.findings[0].state, summary.findings[0].text[: len(begin)]) == (state, begin)
    if state == "ok":
        assert [row.value for row in summary.rows] == pytest.approx([0.1] * 4)


def test_the_average_is_of_the_last_tenth() -> None:
    assert average([(10, 5.0), (90, 3.0), (95, 2.0), (100, 1.0)], 100) == pytest.approx(1.5)
    assert average([], 100) is None
