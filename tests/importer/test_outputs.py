"""Released output files: prompts out of decoded text, examples shared by the files of a family."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.importer.layout import ReleasedSystem, output_file, verdict_file_name
from gisteval.importer.outputs import ExampleIndex, as_task_examples, read_output_file
from gisteval.importer.prompt_text import PromptText, prompt_of_output_row, prompt_of_verdict
from gisteval.importer.verdicts import read_verdict_file
from gisteval.schema import Example


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


def write(path: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("x", "y_pred", "y_true"), *rows])
    return path


def test_names_of_files_say_what_they_hold(tmp_path: Path) -> None:
    file = output_file(tmp_path / "FLAN-T5-pos_control-1" / "outputs-16000-validation_seen.csv")
    assert file.system == ReleasedSystem("FLAN-T5-pos_control-1", "FLAN-T5", "pos_control", 1)
    assert (file.split, file.steps) == ("seen", 16000)
    name = verdict_file_name(Path("chatgpt-My-gist-10-vs-My-pos_control-2-validation_human-7.json"))
    assert (name.system, name.reference, name.steps) == ("My-gist-10", "My-pos_control-2", 7)
    for wrong in ("LLaMA-1/outputs-1-validation_seen.csv", "LLaMA-gist-1/outputs-seen.csv"):
        with pytest.raises(GistevalError, match="rename it"):
            output_file(tmp_path / wrong)


def test_files_of_a_family_share_their_examples(tmp_path: Path) -> None:
    first = [
        ("Instruction: say cats <GIST>  Input: one two\nOutput: yes", "None", "yes"),
        ("Instruction: say cats <GIST>  Input: one\nOutput: yes", "", "yes"),
        ("Instruction: say dogs <GIST>  Output: no", "b", "no"),
    ]
    # More gist tokens cut the long input earlier; the order differs; one row is new.
    other = [
        ("Instruction: say dogs <GIST> <GIST>  Output: no", "b", "no"),
        ("Instruction: say cats <GIST> <GIST>  Input: one tw\nOutput: yes", "a", "yes"),
        ("Instruction: say dogs <GIST> <GIST>  Output: other", "b", "other"),
    ]
    folder = tmp_path / "LLaMA-gist-1"
    index = ExampleIndex("alpaca_plus", "human", "LLaMA-human")
    rows = read_output_file(output_file(write(folder / "outputs-1-validation_human.csv", first)))
    assert [row.output for row in rows] == ["None", "", "b"]
    assert index.add(rows) == [0, 1, 2]
    path = write(tmp_path / "LLaMA-gist-2" / "outputs-1-validation_human.csv", other)
    assert index.add(read_output_file(output_file(path))) == [2, 0, 3]
    examples = index.examples()
    assert [example.input for example in examples] == ["one two", "one", "", ""]
    assert examples[0].id == "LLaMA-human-0001"
    assert index.number_of("Instruction: say cats\nInput: one") == 1
    # Two inputs begin like this one; two examples differ in their reference only.
    assert index.number_of("Instruction: say cats\nInput: one two\nOutput:yes") is None
    assert index.number_of("Instruction: say dogs") is None
    assert index.number_of("Instruction: say birds") is None
    index.add_prompt("Instruction: say birds")
    assert index.number_of("Instruction: say birds") == 4


def test_the_released_rows_are_the_examples_of_the_data(shared_data: Path) -> None:
    for split, unlike in (("seen", 0), ("unseen", 0), ("human", 1)):  # one human reference is cut off
        index = ExampleIndex("alpaca_plus", split, f"LLaMA-{split}")
        for condition in ("pos_control", "gist", "neg_control"):
            folder = shared_data / "paper" / "model_outputs" / f"LLaMA-{condition}-1"
            rows = read_output_file(output_file(folder / f"outputs-3000-validation_{split}.csv"))
            assert index.add(rows) == list(range(len(rows)))
        file = shared_data / "alpaca_plus" / f"alpaca_plus_validation_{split}.json"
        items = json.loads(file.read_text(encoding="utf-8"))
        data = [
            Example(str(n), "alpaca_plus", split, item["instruction"], item["input"], item["output"])
            for n, item in enumerate(items)
        ]
        joined = {example.content_id for example in as_task_examples(index.examples(), data)}
        assert len(joined - {example.content_id for example in data}) == unlike
        for file in sorted((shared_data / "paper" / "chatgpt").glob(f"*_{split}-*.json")):
            numbers = [index.number_of(row.prompt) for row in read_verdict_file(file).rows]
            assert numbers == list(range(len(data)))
