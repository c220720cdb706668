"""Why an example has no output, in words."""

from __future__ import annotations

from metric_records import EXAMPLE

from gisteval.generation.outcomes import TooLong


def test_a_long_example_says_what_it_needs_and_what_sets_the_limit() -> None:
    assert TooLong(EXAMPLE, 300, 256).reason == "needs 300 tokens, the context has 256"
    assert TooLong(EXAMPLE, 9, 8, " (the window)").reason.endswith("the context has 8 (the window)")
