"""Chains of assignments, followed by a second path."""

from __future__ import annotations

import re

import pytest
from task_examples import examples

from gisteval.tasks.generators.long_prompts.variables import assignments


@pytest.mark.parametrize("split", ["test", "prose", "two_chains"])
def test_following_the_assignments_gives_the_variables(split: str) -> None:
    for example in examples("variable_tracking:length=512", split):
        values: dict[str, str] = {}
        for name, source in re.findall(r"VAR (\w+) = (?:VAR )?(\w+)\.", example.instruction):
            values[name] = values.get(source, source)  # a chain stands in its order
        wanted = re.search(r"value (\d+)", example.input)[1]
        assert sorted(n for n, v in values.items() if v == wanted) == sorted(example.output.split("\n"))


def test_each_variable_of_a_chain_is_given_the_one_before() -> None:
    assert assignments(["AB", "CD", "EF"], 7) == ["VAR AB = 7.", "VAR CD = VAR AB.", "VAR EF = VAR CD."]
