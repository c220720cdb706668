"""The options of a profile: sizes, lists of numbers, and what can't be measured together."""

from __future__ import annotations

from typing import Any

import pytest

from gisteval.errors import GistevalError
from gisteval.options import checked_fields
from gisteval.pipeline.profile.options import ProfileOptions, numbers_of, parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"), [("80GB", 80 * 10**9), ("24 GiB", 24 * 2**30), ("1.5mb", 1_500_000), ("10", 10)]
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


def test_each_number_counts_once_in_the_order_given() -> None:
    assert numbers_of("--n")(" 8,1, 8 ,03") == (8, 1, 3)


@pytest.mark.parametrize("text", ["", "0", "1,,2", "-1", "1.5", "²", "a"])
def test_what_is_no_list_of_positive_numbers_is_refused(text: str) -> None:
    with pytest.raises(GistevalError, match=r"^--n must be positive numbers separated by commas"):
        numbers_of("--n")(text)


def test_texts_of_the_command_line_become_values() -> None:
    given = {"shape": ["llama-7b"], "batch_size": "4,2", "memory_budget": "1KB", "output_tokens": 3}
    options = ProfileOptions(**checked_fields(ProfileOptions, given, ""))
    assert (options.shapes, options.batch_sizes, options.memory_budget) == (("llama-7b",), (4, 2), 1000)
    assert (options.decoded_tokens, ProfileOptions(model="m").decoded_tokens) == (3, 17)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give one of --shape"),
        ({"model": "m", "shapes": ("s",)}, "give one of --shape"),
        ({"model": "m", "output_tokens": 1}, "--output-tokens must be from 2 to 1,000,000, not 1"),
        ({"model": "m", "output_tokens": 10**9}, "--output-tokens must be from 2 to 1,000,000, not 1"),
        ({"model": "m", "batch_sizes": (1, 10**9)}, "--batch-size must be at most 100,000, not 1"),
        ({"model": "m", "limit": 0}, "--limit must be at least 1, not 0"),
        ({"model": "m", "threads": 0}, "--threads must be at least 1, not 0"),
        ({"model": "m", "time_budget": float("nan")}, "--time-budget must be a number of seconds above 0"),
    ],
)
def test_what_can_not_be_measured_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GistevalError, match=f"^{message}"):
        ProfileOptions(**fields)


def test_a_shape_may_have_a_single_output_token() -> None:
    assert ProfileOptions(shapes=("s",), output_tokens=1).output_tokens == 1
