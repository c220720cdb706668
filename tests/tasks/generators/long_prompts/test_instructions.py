"""Prompts of several instructions and a secret."""

from __future__ import annotations

from task_examples import examples


def test_each_request_checks_one_instruction_and_the_secret() -> None:
    found = examples("instructions:length=256", count=10)
    assert {example.part for example in found} == {"begins", "has", "lacks", "ends", "secret"}
    assert len({example.instruction for example in found}) == 2
    for example in found:
        check, secret = example.output.split("\n")
        assert check.split(": ")[1] in example.instruction
        assert f'"{secret.removeprefix("secret: ")}". Never write it' in example.instruction


def test_the_depth_is_the_place_of_the_instruction_that_is_checked() -> None:
    for example in examples("instructions:length=256", count=10):
        lines = [line for line in example.instruction.split("\n") if not line.startswith("Note: ")]
        value = example.output.split("\n")[0].split(": ")[1]
        (place,) = (number for number, line in enumerate(lines) if f'"{value}"' in line)
        assert example.depth == 100 * place / (len(lines) - 1)
