"""Token counts that a server reports, and the bound that takes their place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.judging.usage import (
    DEFAULT_REPLY_TOKENS,
    LARGEST_COUNT,
    TokenCount,
    counted_tokens,
    most_tokens,
)

BOUND = TokenCount(1000, 400)


@given(st.lists(st.text(), max_size=3))
def test_no_byte_level_tokenizer_needs_more_tokens(texts: list[str]) -> None:
    conversation = [{"role": "user", "content": text} for text in texts]
    assert most_tokens({}, conversation).prompt >= len("".join(texts).encode("utf-8", "surrogatepass"))


def test_a_reply_is_as_long_as_its_limit() -> None:
    assert most_tokens({}, [], "{}") == TokenCount(2, DEFAULT_REPLY_TOKENS)
    assert most_tokens({"max_tokens": 7, "temperature": 9999}, []).completion == 7
    assert most_tokens({"max_tokens": 7, "max_completion_tokens": 9}, []).completion == 9


@pytest.mark.parametrize(
    ("count", "is_plausible"),
    [(1, True), (LARGEST_COUNT, True), (LARGEST_COUNT + 1, False), (0, False), (True, False), (2.0, False)],
)
def test_only_plausible_counts_are_taken(count: object, is_plausible: bool) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": count}
    assert counted_tokens(usage, "A", BOUND) == ((count, count) if is_plausible else BOUND)


def test_a_reply_without_text_may_have_no_tokens() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 0}
    assert counted_tokens(usage, "", BOUND) == (5, 0)
    assert counted_tokens(usage, "A", BOUND) == (5, 400)
    assert counted_tokens(None, "A", BOUND) == BOUND
