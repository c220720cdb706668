"""Released output files: what their names say, and prompts out of decoded text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.importer.layout import ReleasedSystem, output_file, verdict_file_name
from gisteval.importer.prompt_text import PromptText, prompt_of_output_row, prompt_of_verdict


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("Instruction: say cats <GIST>  Input: dogs\nOutput: a b", "a\nb", ("say cats", "dogs")),
        ("Instruction: say cats <GIST> <GIST>  Output: a b", "a b", ("say cats", "")),
        ("Instruction: say cats <GIST><GIST> Input: dogs", "a", ("say cats", "dogs")),
        ("Instruction: say cats <GIST>", "a", ("say cats", "")),
        ("Instruction: say cats\nInput: dogs\nOutput: a", "a", ("say cats", "dogs")),
        # The input has an output of its own; only the last one is the answer.
        ("Instruction: go on <GIST>  Input: x\nOutput: 1\nOutput: 2", "2", ("go on", "x\nOutput: 1")),
        # A long row is cut off in its output.
        ("Instruction: go on <GIST>  Input: x\nOutput: one two th", "one two three", ("go on", "x")),
        # A T5 row has no output: what looks like one belongs to the input.
        ("Instruction: go on <GIST> Input: x\nOutput: other", "2", ("go on", "x\nOutput: other")),
        # "\nOutput:" without the blank, as one released row has it.
        ("Instruction: css <GIST>  Input: .h\nOutput:.h { }", ".h { }", ("css", ".h")),
    ],
)
def test_prompts_of_output_rows(text: str, reference: str, expected: tuple[str, str]) -> None:
    assert prompt_of_output_row(text, reference) == PromptText(*expected)


def test_prompts_of_verdicts() -> None:
    assert prompt_of_verdict("Instruction: say cats\nInput: a\nb") == PromptText("say cats", "a\nb")
    assert prompt_of_verdict("Instruction: say cats") == PromptText("say cats", "")


words = st.text("ab {}\n\u00bd\u2047", max_size=12)


@given(words, words, words)
def test_any_texts_come_back(instruction: str, text: str, reference: str) -> None:
    line = f"\nInput: {text}" if text.strip() else ""
    row = f"Instruction: {instruction} <GIST> {line}\nOutput: {reference}"
    expected = PromptText(instruction.strip(), text.strip())
    assert prompt_of_output_row(row, reference) == expected


def test_names_of_files_say_what_they_hold(tmp_path: Path) -> None:
    file = output_file(tmp_path / "FLAN-T5-pos_control-1" / "outputs-16000-validation_seen.csv")
    assert file.system == ReleasedSystem("FLAN-T5-pos_control-1", "FLAN-T5", "pos_control", 1)
    assert (file.split, file.steps) == ("seen", 16000)
    name = verdict_file_name(Path("chatgpt-My-gist-10-vs-My-pos_control-2-validation_human-7.json"))
    assert (name.system, name.reference, name.steps) == ("My-gist-10", "My-pos_control-2", 7)
    for wrong in ("LLaMA-1/outputs-1-validation_seen.csv", "LLaMA-gist-1/outputs-seen.csv"):
        with pytest.raises(GistevalError, match="rename it"):
            output_file(tmp_path / wrong)
