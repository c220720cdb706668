"""What follows from a metric's range and direction."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from gisteval.metrics import metric
from gisteval.metrics.base import Measurement, OutputMetric, Unread, percentages


class Stars(OutputMetric):
    name, title, unit, low, high = "stars", "stars", "stars", 1.0, 5.0

    def value(self, generation, example) -> float:
        return 3.0


class Errors(Stars):
    direction = "lower"


class Length(Measurement, Stars):
    pass


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Stars, {"span": 4.0, "sign": 1.0, "worst": 1.0, "best": 5.0, "interval": "bounded"}),
        (Errors, {"span": 4.0, "sign": -1.0, "worst": 5.0, "best": 1.0, "interval": "bounded"}),
        (Length, {"span": None, "sign": 1.0, "interval": "unbounded"}),
    ],
)
def test_range_and_direction_say_the_rest(kind: type[OutputMetric], expected: dict[str, object]) -> None:
    found = kind()
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.axis == "stars, stars" and metric("rougeL").axis.endswith(", %")


def test_an_example_without_an_output_is_the_worst_or_left_out() -> None:
    assert (Stars().without_output, Errors().without_output) == (1.0, 5.0)
    assert math.isnan(Length().without_output)


def test_percentages_map_the_ends_of_the_range() -> None:
    assert percentages(Stars(), np.array([1.0, 3.0, 5.0])).tolist() == [0.0, 50.0, 100.0]
    values = np.array([1.0, 2.0])
    assert percentages(metric("rougeL"), values) is values


@pytest.mark.parametrize(("count", "too_many"), [(0, False), (10, False), (11, True)])
def test_a_tenth_of_unread_references_is_the_limit(count: int, too_many: bool) -> None:
    found = Unread(count, 100, "no letter")
    assert (found.too_many, bool(found)) == (too_many, count > 0)
    assert str(Unread(1, 100, "no letter")) == "1 of 100 references has no letter"


def test_a_text_metric_needs_output_and_reference_alone() -> None:
    record, example = SimpleNamespace(output="a b"), SimpleNamespace(output="a b")
    assert metric("rougeL").value(record, example) == pytest.approx(100.0)
