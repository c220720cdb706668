"""Instructions of all domains, whose answers a second path gives."""

from __future__ import annotations

import re

from task_examples import examples

from gisteval.tasks.generators.long_prompts.lengths import size


def test_all_domains_come_in_turn() -> None:
    found = examples("stress:length=256", count=12)
    assert len({example.part for example in found[:6]}) == 6
    codes = [example for example in examples("stress", count=60) if example.part == "code"]
    for example in codes:
        code = re.search(r"`(.+)`", example.instruction)[1]
        value = eval(code, {}, {"x": int(example.input.removeprefix("x = "))})
        assert example.output == f"is: {value}"


def test_counting_things_gives_the_answer() -> None:
    found = [example for example in examples("stress", count=30) if example.part == "reasoning"]
    for example in found:
        more, less = map(int, re.findall(r"\d+", example.instruction))
        have = int(example.input.split(",")[0])
        assert example.output == f"is: {have + more - less}"


def test_a_very_long_instruction_holds_its_rule_and_fills_its_length() -> None:
    found = [example for example in examples("stress:length=512", count=12) if example.part == "very long"]
    assert len(found) == 2
    for example in found:
        word = example.output.removeprefix("is: ")
        assert f"answer with the word {word} and nothing else." in example.instruction
        assert 512 - 60 <= size(example.instruction) <= 512


def test_the_same_seed_gives_the_same_instructions() -> None:
    first, again = (examples("stress", count=6) for _ in range(2))
    assert first == again
    assert first != examples("stress:seed=1", count=6)
