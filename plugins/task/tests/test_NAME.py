"""The task can be read, and its examples are worth evaluating."""

from __future__ import annotations

from pathlib import Path

import pytest
from gisteval.tasks.definition import load_task

TASK = load_task(str(Path(__file__).resolve().parents[1]))


@pytest.mark.parametrize("split", TASK.definition.default_splits)
def test_every_example_has_an_instruction_and_an_output(split: str) -> None:
    examples = list(TASK.examples(split))
    assert examples
    assert all(example.instruction.strip() and example.output.strip() for example in examples)


@pytest.mark.parametrize("split", TASK.definition.default_splits)
def test_no_example_stands_there_twice(split: str) -> None:
    pairs = [(example.instruction, example.input) for example in TASK.examples(split)]
    assert len(set(pairs)) == len(pairs)
