"""The campaign itself: it goes on where it was stopped, broken cases come first, and it notices a hang."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from called_commands import TooLateError, patience
from campaign_time import Part


@pytest.fixture(autouse=True)
def states(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("campaign_time.STATES", tmp_path / "states")


def test_a_hang_is_no_error_that_a_command_handles() -> None:
    with pytest.raises(TooLateError), patience(0.1), suppress(Exception):
        while True:
            pass


def test_what_is_done_is_not_done_again() -> None:
    first = Part("x", 5, 1.0, long=True)
    for number in islice(first.cases(), 3):
        first.ended(number, 2)
    second = Part("x", 5, 1.0, long=True)
    assert list(second.cases()) == [3, 4]
    for number in second.cases():
        second.ended(number, 0)
    assert str(Part("x", 5, 1.0, long=True)) == "x: 5 of 5, which ended: 2 with 0, 3 with 2"


def test_a_broken_case_is_tried_first_until_it_is_mended() -> None:
    first = Part("x", 4, 1.0, long=True)
    first.ended(0, 2)
    first.broke(1)
    first.ended(2, 2)
    for _ in range(2):
        again = Part("x", 4, 1.0, long=True)
        assert list(again.cases()) == [1, 3]
        again.broke(1)
    again.ended(1, 2)
    assert list(Part("x", 4, 1.0, long=True).cases()) == [3] and again.ends.total() == 3


def test_a_case_that_was_stopped_is_tried_again() -> None:
    part = Part("x", 4, 1.0, long=True)
    assert next(part.cases()) == 0
    assert list(Part("x", 4, 1.0, long=True).cases()) == [0, 1, 2, 3]


def test_short_parts_begin_anew_and_take_their_least_without_time(tmp_path: Path) -> None:
    part = Part("x", 5, 0.0, long=False)
    assert list(part.cases(least=3)) == [0, 1, 2] and not list(part.cases())
    part.ended(0, 2)
    assert Part("x", 5, 1.0, long=False).ends.total() == 0 and not list(tmp_path.iterdir())
