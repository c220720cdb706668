"""Columns of an item as the fields of an example."""

from __future__ import annotations

import math

import pytest

from gisteval.errors import GistevalError
from gisteval.tasks.items import Fields, example_of

ITEM = {"instruction": "say it", "input": "x", "output": "y"}
GROUPS = Fields(depth="depth", length="length", facts="facts", part="part", choices="choices")


def test_what_reports_group_by_is_read_and_may_be_empty() -> None:
    groups = {"depth": 25, "length": 512.0, "facts": None, "part": "qasper", "choices": "A\nB"}
    found = example_of({**ITEM, **groups}, GROUPS, "t", "s", "t-s-0001", "t/s, item 1")
    assert (found.depth, found.length, found.facts) == (25.0, 512, None)
    assert isinstance(found.depth, float) and isinstance(found.length, int)
    assert (found.part, found.choices, found.id) == ("qasper", "A\nB", "t-s-0001")
    empty = example_of({**ITEM, "part": "", "choices": ""}, GROUPS, "t", "s", "n", "t/s, item 1")
    assert (empty.depth, empty.length, empty.facts, empty.choices) == (None, None, None, None)


@pytest.mark.parametrize("value", ["3", True, math.inf, math.nan, [1]])
def test_a_report_is_grouped_by_numbers_alone(value: object) -> None:
    with pytest.raises(GistevalError, match=r"^t/s, item 1: field 'depth' must be a number, not "):
        example_of({**ITEM, "depth": value}, Fields(depth="depth"), "t", "s", "n", "t/s, item 1")


def test_a_missing_number_of_a_table_is_no_text() -> None:
    """An empty cell of a numeric column is read as nan, which is not what the reference says."""
    with pytest.raises(GistevalError, match=r"field 'output' is nan, not a text: leave it empty"):
        example_of({**ITEM, "output": math.nan}, Fields(), "t", "s", "n", "t/s, item 1")
    assert example_of({**ITEM, "output": 3.5}, Fields(), "t", "s", "n", "where").output == "3.5"
