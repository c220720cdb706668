"""Instruction and input out of released prompts."""

from __future__ import annotations

import pytest

from gisteval.importer.prompt_text import PromptText, prompt_of_output_row, prompt_of_verdict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Instruction: Add them. <GIST> <GIST> Input: 1, 2\nOutput: 3", PromptText("Add them.", "1, 2")),
        ("Instruction: Say three. <GIST>\nOutput: 3", PromptText("Say three.", "")),
        ("Instruction: Add them.\nInput: 1, 2\nOutput: 3", PromptText("Add them.", "1, 2")),
        ("Instruction: Add them. <GIST> Input: 1, 2", PromptText("Add them.", "1, 2")),
    ],
)
def test_an_output_row_is_cut_at_its_gists_and_before_its_reference(
    text: str, expected: PromptText
) -> None:
    assert prompt_of_output_row(text, "3") == expected


def test_a_reference_that_is_cut_off_is_still_left_out() -> None:
    prompt = prompt_of_output_row(
        "Instruction: Tell. <GIST> Input: it\nOutput: once upon", "once upon a time"
    )
    assert prompt == PromptText("Tell.", "it")


def test_an_input_that_speaks_of_an_output_is_kept() -> None:
    text = "Instruction: Copy. <GIST> Input: a\nOutput: b\nOutput: c"
    assert prompt_of_output_row(text, "c") == PromptText("Copy.", "a\nOutput: b")


def test_a_verdict_splits_at_the_line_of_the_input() -> None:
    assert prompt_of_verdict("Instruction: Add Input: them.\nInput: 1") == PromptText(
        "Add Input: them.", "1"
    )
