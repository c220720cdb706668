"""What-if scenarios in profile.json, against the arithmetic of their own figures."""

from __future__ import annotations

import math

from gisteval.pipeline.profile.settings import CURVE_USES, what_if_content
from gisteval.profiling.shapes import load_shape
from gisteval.profiling.whatif import what_if_grid
from gisteval.records.profile_facts import WhatIfProfile


def content(budget: int = 80 * 10**9) -> WhatIfProfile:
    """A short and a long prompt on one shape."""
    return what_if_content(
        list(what_if_grid([load_shape("llama-7b")], [26, 4000], [1], [1], 32, 8)), budget
    )


def test_compression_pays_where_its_curve_crosses_the_baseline_s() -> None:
    for row in content().rows:
        ways = {way.name: way for way in row.ways}
        gist = ways["gist"]
        for even in row.break_even:
            once, each = (f"{even.unit}_once", f"{even.unit}_each")
            base = ways[even.baseline]
            saved = getattr(base, each) - getattr(gist, each)
            assert even.saved_each == saved
            if saved > 0:
                assert even.reuses == math.ceil(getattr(gist, once) / saved)
        for curve in row.curves:
            way = ways[curve.name]
            assert curve.uses[0] == 1 and curve.uses[-1] == CURVE_USES
            assert [*curve.totals] == [way.flops_once + uses * way.flops_each for uses in curve.uses]


def test_as_many_prompts_fit_as_the_memory_holds() -> None:
    found = content(10**9)
    assert found.memory_budget == 10**9 and (found.input_tokens, found.output_tokens) == (32, 8)
    for row in found.rows:
        for way in row.ways:
            fits = way.prompts_that_fit
            if way.stored_bytes == 0:
                assert fits is None
                continue
            assert fits is not None
            assert fits * way.stored_bytes <= 10**9 < (fits + 1) * way.stored_bytes
            assert way.stored_totals is not None
            assert way.stored_totals["1000"] == 1000 * way.stored_bytes
    # Two of 16 bits for each of 32 layers and 4,096 values: of one gist token, and of 26.
    stored = {way.name: way.stored_bytes for way in found.rows[0].ways}
    assert stored["gist"] == 2 * 2 * 32 * 4096 and stored["whole-prompt cache"] == 26 * stored["gist"]
