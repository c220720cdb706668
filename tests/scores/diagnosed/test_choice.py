"""The recommended number of gists."""

from __future__ import annotations

import numpy as np
import pytest
from observations import observations

from gisteval.scores.diagnosed.choice import recommended, summarise_choice


def test_the_smallest_k_that_is_as_good_is_recommended() -> None:
    assert recommended(np.array([1.0, 0.55, 0.5]), (1, 2, 5)) == 2
    assert recommended(np.array([0.5, 0.5, 0.5]), (1, 2, 5)) == 1
    draw = np.random.default_rng(2)
    base = draw.gamma(2.0, 0.1, 80)
    by_k = {1: base + 0.5 * (np.arange(80) < 40), 2: base, 5: base - 0.01}
    found = {k: observations(f"gist-{k}", values.tolist(), "reference") for k, values in by_k.items()}
    summary = summarise_choice({"family": found})
    assert summary.findings[0].text.startswith("k = 2 of 1, 2, 5 is the smallest")
    assert "in 95% of draws k is 2 to 2" in summary.findings[0].text
    few = {k: items[:20] for k, items in found.items()}
    assert summarise_choice({"family": few}).findings[0].state == "open"
    assert summary.rows[0].value == pytest.approx(50.0)


def test_the_smallest_k_is_compared_with_a_larger_one_even_where_it_is_the_best() -> None:
    base = np.random.default_rng(3).gamma(2.0, 0.1, 80)
    by_k = {1: base, 2: base + 0.3, 5: base + 0.2 - 0.6 * (np.arange(80) < 20)}
    found = {k: observations(f"gist-{k}", values.tolist(), "reference") for k, values in by_k.items()}
    summary = summarise_choice({"family": found})
    assert summary.findings[0].text.startswith("k = 1 of 1, 2, 5")
    assert summary.rows[0].setting == "k = 1 beside k = 5"
    assert summary.rows[0].value == pytest.approx(25.0)
