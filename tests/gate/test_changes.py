"""The examples that changed most between two runs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from gisteval.gate.changes import most_changed
from gisteval.records.schema import Example

EXAMPLES = [Example(str(n), "t", "s", f"say {n}", "in", f"{n}") for n in range(5)]


def outputs(texts: dict[int, str]) -> dict[str, SimpleNamespace]:
    return {
        EXAMPLES[n].content_id: SimpleNamespace(generation=SimpleNamespace(output=text))
        for n, text in texts.items()
    }


def test_the_largest_changes_come_first_and_equal_ones_in_order() -> None:
    pair = np.array([0.0, 50, 10, np.nan, 90]), np.array([0.0, 100, 60, 3, 100])
    ours, theirs = outputs({1: "a", 2: "b"}), outputs({1: "c", 4: "d"})
    found = most_changed("s", pair, EXAMPLES, ours, theirs, 9)
    assert [(one.example, one.difference) for one in found] == [("1", -50.0), ("2", -50.0), ("4", -10.0)]
    assert (found[0].first, found[0].second, found[0].reference) == ("a", "c", "1")
    assert (found[1].first, found[1].second) == ("b", "(no output)")
    assert [one.example for one in most_changed("s", pair, EXAMPLES, ours, theirs, 1)] == ["1"]
