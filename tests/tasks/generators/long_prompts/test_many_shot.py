"""Shots of a task in front of its questions."""

from __future__ import annotations

import pytest
from task_examples import examples

from gisteval.errors import GistevalError


def test_shots_are_other_examples_of_the_task() -> None:
    found = examples("many_shot:shots=2/5,examples=3")
    assert [example.facts for example in found] == [2, 5] * 3
    for example in found:
        assert example.instruction.count("Output: ") == example.facts
        assert example.input not in example.instruction
    with pytest.raises(GistevalError, match=r"has \d shots? for .*ask for fewer"):
        examples("many_shot:shots=50,group=instruction,split=seen,examples=1")
