"""Columns of a system in the order of its examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from literal_outputs import EXAMPLES, GIST, POSITIVE, collect, scored

from gisteval.errors import InvalidRun
from gisteval.scores.columns import beside


def test_same_content_twice_counts_twice() -> None:
    examples = [EXAMPLES[0], replace(EXAMPLES[0], id="again"), EXAMPLES[2]]
    scores = collect(examples, [GIST[0], GIST[2]], set())
    assert scores is not None
    assert scores.columns["rougeL"].tolist() == pytest.approx([80.0, 80.0, 0.0])
    assert scores.clusters == ("say it", "say it", "other")


def test_missing_records_are_refused() -> None:
    with pytest.raises(InvalidRun, match=r"gist-1 on s: 1 example has no record \(e4") as caught:
        collect(EXAMPLES, GIST[:3], set())
    assert caught.value.exit_code == 4
    with pytest.raises(InvalidRun, match="split s: 4 examples have no record"):
        collect(EXAMPLES, [], set())
    assert collect(EXAMPLES, [], {example.content_id for example in EXAMPLES}) is None


def test_a_control_is_put_in_the_order_of_the_system() -> None:
    subset = collect(EXAMPLES[:0:-1], GIST, set())
    assert subset is not None
    control = beside(subset, collect(EXAMPLES[:3], POSITIVE, set()))
    assert control is not None and control.contents == subset.contents
    # Of e4, e3 and e2 the control was asked e3 and e2 only.
    assert control.answered.tolist() == [False, True, True]
    np.testing.assert_array_equal(control.columns["exact_match"], [np.nan, 100.0, 100.0])
    assert beside(scored(POSITIVE), scored(POSITIVE)) is None
