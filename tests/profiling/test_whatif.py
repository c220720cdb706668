"""What-if costs: scenarios that are refused, and inequalities that any shape keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.errors import GistevalError
from gisteval.profiling.shapes import load_shape
from gisteval.profiling.whatif import GIST, NEGATIVE, NO_CACHE, WHOLE_CACHE, Scenario, what_if

SCENARIO = Scenario(prompt_tokens=100, gist_tokens=2, input_tokens=20, output_tokens=5, batch=4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt_tokens": 0}, "must be at least 1"),
        ({"gist_tokens": 0}, "at least one gist token"),
        ({"batch": 10**12}, "must be at most"),
    ],
)
def test_impossible_scenarios_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        replace(SCENARIO, **change)


def test_a_use_costs_less_the_less_is_kept_and_all_costs_grow_with_the_prompt() -> None:
    shape = load_shape("llama-7b")
    short, long = (what_if(shape, replace(SCENARIO, prompt_tokens=size)) for size in (100, 400))
    for found in (short, long):
        each = [found.mode(name).flops.each for name in (NO_CACHE, WHOLE_CACHE, GIST, NEGATIVE)]
        assert each == sorted(each, reverse=True)
        stored = [found.mode(name).stored_bytes for name in (WHOLE_CACHE, GIST, NEGATIVE)]
        assert stored == sorted(stored, reverse=True)
    assert long.mode(WHOLE_CACHE).stored_bytes == 4 * short.mode(WHOLE_CACHE).stored_bytes
    assert long.mode(GIST).stored_bytes == short.mode(GIST).stored_bytes
    assert long.mode(GIST).flops.once > short.mode(GIST).flops.once
    assert long.mode(NEGATIVE).flops == short.mode(NEGATIVE).flops
