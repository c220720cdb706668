"""Options of a bill that fit together, and shares of a prompt."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.bill.options import BillOptions, parse_share


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dollars_per_hour": 1.0}, "--profile and --dollars-per-hour need each other"),
        ({"metric": "rougeL"}, "--metric is a score of a run: give --quality RUN"),
        ({"compress_price": -1.0}, "--compress-price must be at least 0"),
    ],
)
def test_options_that_do_not_fit_are_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(GistevalError) as error:
        BillOptions(**given)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["0", "101%", "-5%", "a", "1.5"])
def test_a_share_is_above_0_and_up_to_100_percent(text: str) -> None:
    with pytest.raises(GistevalError, match="--kept must be a share"):
        parse_share(text)


@pytest.mark.parametrize(
    ("text", "share"), [("25%", 0.25), ("0.25", 0.25), (" 12.5 % ", 0.125), ("1", 1.0)]
)
def test_a_share_is_written_in_percent_or_not(text: str, share: float) -> None:
    assert parse_share(text) == share
