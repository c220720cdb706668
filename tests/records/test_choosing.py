"""Which examples a limit takes: chances by counting over seeds, shares by their bounds."""

from __future__ import annotations

from collections import Counter
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.records.choosing import CHOICES, INSTRUCTIONS, RANDOM, check_choice, choose
from gisteval.records.schema import Example


def split_of(*sizes: int) -> list[Example]:
    """A split of several instructions: as many examples of each as said."""
    named = [(f"do {number}", f"input {item}") for number, size in enumerate(sizes) for item in range(size)]
    return [Example(f"e{place}", "t", "test", *texts, "yes") for place, texts in enumerate(named)]


def test_the_first_ones_are_those_of_the_file_and_no_more_are_read() -> None:
    def read():
        yield from split_of(3)
        raise AssertionError("read beyond the limit")

    assert choose(read(), 3, "first", 0) == tuple(split_of(3))
    assert choose(split_of(2, 2), None, "first", 0) == tuple(split_of(2, 2))


@pytest.mark.parametrize("how", [RANDOM, INSTRUCTIONS])
def test_the_choice_is_by_content_and_seed_alone(how: str) -> None:
    examples = split_of(5, 1, 7, 3)
    chosen = choose(examples, 6, how, 3)
    assert len(chosen) == len(set(chosen)) == 6
    assert list(chosen) == sorted(chosen, key=examples.index), "in the split's order"
    assert set(choose(examples[::-1], 6, how, 3)) == set(chosen), "the file's order does not matter"
    assert len({choose(examples, 6, how, seed) for seed in range(10)}) > 5
    assert choose(examples, 16, how, 3) == choose(examples, 99, how, 3) == tuple(examples)


@pytest.mark.parametrize("how", [RANDOM, INSTRUCTIONS])
def test_every_example_has_the_same_chance(how: str) -> None:
    examples, seeds = split_of(6, 1, 3), 2000
    counts = Counter(e.id for seed in range(seeds) for e in choose(examples, 4, how, seed))
    # 5 standard errors of a share of 0.4 in 2,000 draws.
    assert all(abs(counts[e.id] / seeds - 0.4) < 5 * (0.4 * 0.6 / seeds) ** 0.5 for e in examples)


def test_a_larger_random_choice_keeps_the_smaller() -> None:
    examples = split_of(9, 9)
    assert set(choose(examples, 5, RANDOM, 1)) < set(choose(examples, 11, RANDOM, 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 8), min_size=1, max_size=8), st.integers(1, 40), st.integers(0, 9))
def test_each_instruction_gets_its_share_rounded(sizes: list[int], limit: int, seed: int) -> None:
    examples = split_of(*sizes)
    limit = min(limit, len(examples))
    found = Counter(example.instruction for example in choose(examples, limit, INSTRUCTIONS, seed))
    assert found.total() == limit
    for number, size in enumerate(sizes):
        share = size * limit / len(examples)
        assert floor(share + 1e-9) <= found[f"do {number}"] <= ceil(share - 1e-9)


def test_a_way_that_does_not_exist_or_leaves_nothing_out_is_refused() -> None:
    for how in CHOICES:
        check_choice(how, 5)
    with pytest.raises(GistevalError, match=r"choose 'randm' is unknown \(did you mean"):
        check_choice("randm", 5)
    with pytest.raises(GistevalError, match=r"^--choose random says which examples --limit takes: give"):
        check_choice(RANDOM, None)
