"""The options of a judge: prices, and numbers that make no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gisteval.errors import GistevalError
from gisteval.options import checked_fields
from gisteval.pipeline.judge.options import JudgeOptions, parse_price


def test_options_of_the_command_line() -> None:
    given = {"price": "0.75,4.5", "cache": Path("c"), "judge_param": ["temperature=0,seed=1"], "rate": 30}
    options = JudgeOptions(**checked_fields(JudgeOptions, given, ""))
    assert (options.price, options.cache, options.rate) == ((0.75, 4.5), Path("c"), 30.0)
    assert options.parameters == ("temperature=0", "seed=1")


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,2", "1,inf", "nan,1"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(GistevalError, match=r"^--price must be two (numbers|prices)"):
        parse_price(text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"concurrency": 0}, "--concurrency must be greater than 0 and finite, not 0"),
        ({"timeout": float("inf")}, "--timeout must be greater than 0 and finite"),
        ({"max_cost": -1.0}, "--max-cost must be greater than 0"),
        ({"limit": 0}, "--limit must be greater than 0"),
        ({"retries": -1}, "--retries must be at least 0, not -1"),
        ({"executor": "rya"}, "executor 'rya' is unknown"),
        ({"num_workers": 2}, "--num-workers is an option of --executor ray"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GistevalError, match=f"^{message}"):
        JudgeOptions(**fields)
