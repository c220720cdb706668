"""Lengths of texts in pieces, and how examples take them."""

from __future__ import annotations

import pytest
from task_examples import examples

from gisteval.errors import GistevalError
from gisteval.tasks.generators.long_prompts.lengths import check_room, filled, grid, size


def test_lengths_come_in_turn_so_that_a_limit_holds_all() -> None:
    found = examples("needle:length=256/512/1024", "single", 6)
    assert [example.length for example in found] == [256, 512, 1024] * 2
    assert [example.depth for example in found] == [0, 0, 0, 10, 10, 10]
    assert list(grid([1, 2], [0.0, 5.0], 5)) == [(1, 0.0), (2, 0.0), (1, 5.0), (2, 5.0), (1, 0.0)]


def test_a_piece_is_up_to_six_letters_or_one_digit_or_mark() -> None:
    assert size("Twelve-letter words: 42!") == 8  # Twelve, -, letter, words, :, 4, 2, !
    assert size("twelve twelves") == 3


def test_parts_fill_a_room_in_their_order() -> None:
    assert filled(["a b", "c d e", "f"], 4) == ["a b"]
    assert filled(["a b", "c d"], 4) == ["a b", "c d"]


def test_a_form_without_room_is_refused_by_name() -> None:
    check_room("needle", 256, 256)
    with pytest.raises(
        GistevalError, match="task needle: this form needs a length of at least 257, not 256"
    ):
        check_room("needle", 256, 257)
