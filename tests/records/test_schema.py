"""Identity of examples, digests, and copies of one content."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gisteval.errors import GistevalError
from gisteval.records.schema import Example, as_condition, digest, finite, numbered_copies, record_key

EXAMPLE = Example("1", "task", "split", "say a", "in", "a")
TEXTS = some.lists(some.text(max_size=3), max_size=4)


@given(TEXTS, TEXTS)
def test_lists_of_texts_have_one_digest_each(first: list[str], second: list[str]) -> None:
    assert (digest(first) == digest(second)) == (first == second)
    assert len(digest(first)) == 32


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("id", False),
        ("task", False),
        ("split", False),
        ("instruction", True),
        ("input", True),
        ("output", True),
    ],
)
def test_an_example_is_its_content(field: str, changes: bool) -> None:
    other = replace(EXAMPLE, **{field: "other"})
    assert (other.content_id != EXAMPLE.content_id) is changes
    assert (record_key("p", other) != record_key("p", EXAMPLE)) is changes


def test_copies_are_numbered_within_their_content() -> None:
    other = replace(EXAMPLE, output="b")
    found = list(numbered_copies([EXAMPLE, other, EXAMPLE, other, EXAMPLE]))
    assert [one.copy for one in found] == [0, 0, 1, 1, 2]
    assert len({one.content_id for one in found}) == 5
    assert list(numbered_copies(found)) == found


def test_an_end_without_bound_is_null() -> None:
    assert [finite(value) for value in (1.5, math.inf, -math.inf, math.nan)] == [1.5, None, None, None]


def test_conditions_by_name() -> None:
    assert as_condition("gist") == "gist" and as_condition(None) is None
    with pytest.raises(GistevalError, match="condition 'gists' is unknown: choose from gist, pos_control"):
        as_condition("gists")
