"""Generated long prompts: their answers by a second path, their lengths, depths and seeds."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import islice

import pytest

from gisteval.errors import GistevalError
from gisteval.tasks import load_task
from gisteval.tasks.generators.long_prompts.haystack import placed
from gisteval.tasks.generators.long_prompts.lengths import filled, grid, size

NEEDLES = [
    ("single_noise", 1, 1),
    ("single", 1, 1),
    ("single_uuid", 1, 1),
    ("multi_key", 1, 1),
    ("multi_key_needles", 1, 1),
    ("multi_key_uuid", 1, 1),
    ("multi_value", 1, 4),
    ("multi_query", 4, 1),
]


def examples(name: str, split: str = "test", count: int = 12):
    return list(islice(load_task(name).examples(split), count))


@pytest.mark.parametrize(("split", "asked", "values"), NEEDLES)
def test_a_reader_of_the_text_finds_what_needles_are_asked_for(split: str, asked: int, values: int) -> None:
    for example in examples("needle:length=512,depths=4", split):
        found = re.findall(r"One of the special magic \w+ for (\S+) is: (\S+)\.", example.instruction)
        names = re.split(r", | and ", re.search(r" for (.+) that", example.input)[1])
        assert len(names) == asked
        answer = [value for name in names for key, value in found if key == name]
        assert sorted(answer) == sorted(example.output.split("\n"))
        assert len(answer) == asked * values
        assert 512 - 60 <= size(example.instruction) <= 512
        assert example.facts == len(found)


def test_a_needle_stands_at_its_depth() -> None:
    for example in examples("needle:length=2048,depths=5", "single", 15):
        before, _, after = example.instruction.partition("One of the special magic numbers for")
        share = 100 * size(before) / (size(before) + size(after))
        assert share == pytest.approx(example.depth, abs=4)
    assert {e.depth for e in examples("needle:length=256,depths=5", "single", 15)} == {0, 25, 50, 75, 100}


def test_lengths_come_in_turn_so_that_a_limit_holds_all() -> None:
    found = examples("needle:length=256/512/1024", "single", 6)
    assert [example.length for example in found] == [256, 512, 1024] * 2
    assert [example.depth for example in found] == [0, 0, 0, 10, 10, 10]
    assert list(grid([1, 2], [0.0, 5.0], 5)) == [(1, 0.0), (2, 0.0), (1, 5.0), (2, 5.0), (1, 0.0)]


@pytest.mark.parametrize("split", ["test", "prose", "two_chains"])
def test_following_the_assignments_gives_the_variables(split: str) -> None:
    for example in examples("variable_tracking:length=512", split):
        values: dict[str, str] = {}
        for name, source in re.findall(r"VAR (\w+) = (?:VAR )?(\w+)\.", example.instruction):
            values[name] = values.get(source, source)  # a chain stands in its order
        wanted = re.search(r"value (\d+)", example.input)[1]
        assert sorted(n for n, v in values.items() if v == wanted) == sorted(example.output.split("\n"))


def test_counting_gives_the_common_words() -> None:
    for example in examples("common_words:length=256/1024/4096", count=6):
        counts = Counter(re.findall(r"\d+\. (\w+)", example.instruction))
        assert sum(counts.values()) == example.facts
        ranked = counts.most_common()
        assert {word for word, _ in ranked[:10]} == set(example.output.split("\n"))
        assert ranked[9][1] > ranked[10][1]
        assert size(example.instruction) <= 1.1 * example.length


def test_counting_gives_the_frequent_words() -> None:
    for example in examples("frequent_words:length=256/1024", count=6):
        counts = Counter(re.findall(r"\b[a-z]{6}\b", example.instruction.partition("\n")[2]))
        ranked = counts.most_common()
        assert [word for word, _ in ranked[:3]] == example.output.split("\n")
        assert ranked[2][1] > ranked[3][1]


@pytest.mark.parametrize("split", ["rules", "records"])
def test_exactly_one_fact_answers_a_question(split: str) -> None:
    found = examples("rules:facts=4/16,questions=3,examples=12", split)
    assert [example.facts for example in found] == [4] * 3 + [16] * 3 + [4] * 3 + [16] * 3
    assert len({example.instruction for example in found}) == 4
    for example in found:
        lines = example.instruction.splitlines()[1:]
        key = example.input if split == "rules" else re.search(r"does (.+) have", example.input)[1]
        (place,) = (number for number, line in enumerate(lines) if f"{key}," in line or f"{key}:" in line)
        assert lines[place].rstrip(".").endswith(example.output)
        assert example.depth == pytest.approx(100 * place / (len(lines) - 1), abs=0.1)


def test_shots_are_other_examples_of_the_task() -> None:
    found = examples("many_shot:shots=2/5,examples=3")
    assert [example.facts for example in found] == [2, 5] * 3
    for example in found:
        assert example.instruction.count("Output: ") == example.facts
        assert example.input not in example.instruction
    with pytest.raises(GistevalError, match=r"has \d shots? for .*ask for fewer"):
        examples("many_shot:shots=50,group=instruction,split=seen,examples=1")


def test_the_same_seed_gives_the_same_examples() -> None:
    for name, split in (("needle:length=256", "single"), ("common_words", "test"), ("stress", "test")):
        first, again = examples(name, split, 4), examples(name, split, 4)
        assert first == again
    assert examples("needle:length=256", "single", 4) != examples("needle:length=256,seed=1", "single", 4)


def test_a_text_that_is_too_short_for_its_needles_is_refused() -> None:
    assert examples("needle:length=256", "multi_value", 1)
    with pytest.raises(GistevalError, match="needs a length of at least"):
        from gisteval.tasks.generators.long_prompts.needle import needles

        next(needles(length=(256,), depths=1, examples=1, seed=0, keys=20))


def test_parts_fill_a_room_and_facts_stand_between_them() -> None:
    assert filled(["a b", "c d e", "f"], 4) == ["a b"]
    assert placed(["a", "b"], ["X", "Y", "Z"], [0, 50, 100]) == "X a Y b Z"
    assert size("Twelve-letter words: 42!") == 8  # letter by letter: Twelve, -, letter, words, :, 4, 2, !


def test_each_request_checks_one_instruction_and_the_secret() -> None:
    found = examples("instructions:length=256", count=10)
    assert {example.part for example in found} == {"begins", "has", "lacks", "ends", "secret"}
    assert len({example.instruction for example in found}) == 2
    for example in found:
        check, secret = example.output.split("\n")
        assert check.split(": ")[1] in example.instruction
        assert f'"{secret.removeprefix("secret: ")}". Never write it' in example.instruction


def test_all_domains_come_in_turn() -> None:
    found = examples("stress:length=256", count=12)
    assert len({example.part for example in found[:6]}) == 6
    codes = [example for example in examples("stress", count=60) if example.part == "code"]
    for example in codes:
        code = re.search(r"`(.+)`", example.instruction)[1]
        value = eval(code, {}, {"x": int(example.input.removeprefix("x = "))})
        assert example.output == f"is: {value}"


def test_paragraphs_of_a_file_hide_the_one_that_answers(tmp_path) -> None:
    squad = {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": f"Town {n} was founded in {1500 + n} by settlers from the north.",
                        "qas": [
                            {
                                "question": f"When was town {n} founded?",
                                "answers": [{"text": f"{1500 + n}"}],
                            }
                        ],
                    }
                    for n in range(40)
                ]
            }
        ]
    }
    (tmp_path / "squad.json").write_text(json.dumps(squad))
    for example in examples(f"questions:file={tmp_path}/squad.json,length=256", count=5):
        assert size(example.instruction) <= 256
        number = re.search(r"town (\d+)", example.input)[1]
        assert f"Town {number} was founded in {example.output} " in example.instruction
        assert example.facts > 3
    hotpot = [
        {
            "question": "Which is older?",
            "answer": "A",
            "supporting_facts": [["A", 0]],
            "context": [["A", ["A is old. ", "Very."]], ["B", ["B is new."]]],
        }
    ]
    (tmp_path / "hotpot.json").write_text(json.dumps(hotpot))
    (example,) = examples(f"questions:file={tmp_path}/hotpot.json,length=256")
    assert "A\nA is old. Very." in example.instruction
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(GistevalError, match="no file in the form of SQuAD or HotpotQA"):
        examples(f"questions:file={tmp_path}/bad.json")
    with pytest.raises(GistevalError, match="name it, --task questions:file=PATH"):
        examples("questions")
