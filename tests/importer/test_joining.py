"""Rows of released files as examples: joined by place and text, copies apart."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gisteval.importer.joining import FamilyRows, RowText, align, as_task_examples, join_families
from gisteval.importer.layout import output_file
from gisteval.importer.outputs import read_output_file
from gisteval.importer.prompt_text import PromptText, prompt_of_verdict
from gisteval.importer.verdicts import read_verdict_file
from gisteval.records.schema import Example


def write(path: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("x", "y_pred", "y_true"), *rows])
    return path


def read(path: Path, rows: Sequence[tuple[str, str, str]]) -> list[RowText]:
    return [row.text for row in read_output_file(output_file(write(path, rows)))]


def asked(*prompts: str) -> list[RowText]:
    return [RowText(prompt_of_verdict(prompt), "") for prompt in prompts]


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
    family = FamilyRows()
    path = tmp_path / "LLaMA-gist-1" / "outputs-1-validation_human.csv"
    assert family.add(read(path, first)) == [0, 1, 2]
    assert [row.output for row in read_output_file(output_file(path))] == ["None", "", "b"]
    path = tmp_path / "LLaMA-gist-2" / "outputs-1-validation_human.csv"
    assert family.add(read(path, other)) == [2, 0, 3]
    examples = join_families({"LLaMA": family}, "alpaca_plus", "human", ())["LLaMA"]
    assert [example.input for example in examples] == ["one two", "one", "", ""]
    assert examples[0].id == "LLaMA-human-0001"
    prompts = asked("Instruction: say cats\nInput: one", "Instruction: say dogs", "Instruction: say birds")
    # Two examples differ in their reference only: the outputs decide, or nobody can.
    assert align(family.rows, prompts, lambda row, number: False) == [1, None, None]
    assert align(family.rows, prompts, lambda row, number: number == 3) == [1, 3, None]


def test_copies_of_an_example_stay_apart(tmp_path: Path) -> None:
    row = ("Instruction: say cats <GIST>  Output: yes", "a", "yes")
    odd = ("Instruction: say dogs <GIST>  Output: no", "a", "no")
    family = FamilyRows()
    assert family.add(read(tmp_path / "A-gist-1" / "outputs-1-validation_human.csv", [row, odd, row])) == [
        0,
        1,
        2,
    ]
    # A file of another length is matched by text, copies in their order.
    shorter = read(tmp_path / "A-gist-2" / "outputs-1-validation_human.csv", [row, row])
    assert family.add(shorter) == [0, 2]
    examples = join_families({"A": family}, "alpaca_plus", "human", ())["A"]
    assert [example.copy for example in examples] == [0, 0, 1]
    assert len({example.content_id for example in examples}) == 3


@given(st.lists(st.sampled_from(["say cats", "say dogs", "say 2\u00bd cats"]), min_size=1, max_size=8))
def test_another_order_pairs_equal_texts_each_once(texts: list[str]) -> None:
    rows = [RowText(PromptText(text, ""), "yes") for text in texts]
    backwards = rows[::-1]
    found = align(rows, backwards)
    assert sorted(found) == list(range(len(rows)))
    in_place = sum(one.near(two) for one, two in zip(rows, backwards, strict=True)) >= len(rows) / 2
    for place, number in enumerate(found):
        assert rows[number].exact == backwards[place].exact or in_place


def test_the_released_rows_are_the_examples_of_the_data(shared_data: Path) -> None:
    for split in ("seen", "unseen", "human"):
        family = FamilyRows()
        for condition in ("pos_control", "gist", "neg_control"):
            folder = shared_data / "paper" / "model_outputs" / f"LLaMA-{condition}-1"
            rows = read_output_file(output_file(folder / f"outputs-3000-validation_{split}.csv"))
            assert family.add([row.text for row in rows]) == list(range(len(rows)))
        file = shared_data / "alpaca_plus" / f"alpaca_plus_validation_{split}.json"
        items = json.loads(file.read_text(encoding="utf-8"))
        data = [
            Example(str(n), "alpaca_plus", split, item["instruction"], item["input"], item["output"])
            for n, item in enumerate(items)
        ]
        (found,) = join_families({"LLaMA": family}, "alpaca_plus", split, ()).values()
        joined = {example.content_id for example in as_task_examples(found, data)}
        assert joined == {example.content_id for example in data}
        for file in sorted((shared_data / "paper" / "chatgpt").glob(f"*_{split}-*.json")):
            shown = asked(*(row.prompt for row in read_verdict_file(file).rows))
            assert align(family.rows, shown, lambda row, number: False) == list(range(len(data)))


def test_a_family_that_lost_letters_has_the_same_examples() -> None:
    kept = [
        RowText(PromptText("Add 1\u00bd\ncups", "x\u00b2 {a}"), "caf\u00e9\n\u65e5\u672c"),
        RowText(PromptText("Say hello", "\u4f60\u597d"), "one two three"),
        RowText(PromptText("Say hello", "\u518d\u89c1"), "one two three"),
    ]
    lost = [
        RowText(PromptText("Add 112 cups", "x2 a"), "caf\u00e9"),
        RowText(PromptText("Say hello", ""), "one two"),  # and cut
        RowText(PromptText("Say hello", ""), "one two three"),
    ]
    whole, bare = FamilyRows(), FamilyRows()
    whole.add(kept)
    bare.add(lost)
    found = join_families({"B": bare, "A": whole}, "alpaca_plus", "human", ())
    assert found["A"] == found["B"]
    assert [example.id for example in found["A"]] == [f"A-human-{n:04}" for n in (1, 2, 3)]
    assert found["A"][0].instruction == "Add 1\u00bd\ncups"


def test_examples_that_differ_are_each_familys_own() -> None:
    first, second = FamilyRows(), FamilyRows()
    first.add([RowText(PromptText(f"say {word}", ""), word) for word in ("cats\n", "dogs", "birds")])
    second.add([RowText(PromptText(f"say {word}", ""), word) for word in ("cats", "dogs", "fish")])
    found = join_families({"A": first, "B": second}, "alpaca_plus", "human", ())
    assert found["A"][:2] == found["B"][:2]
    assert {e.content_id for e in found["A"]} & {e.content_id for e in found["B"][2:]} == set()
