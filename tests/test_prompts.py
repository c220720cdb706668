"""Templates of prompts."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.prompts import ChatTemplate, Template, as_template


def test_braces_in_a_text_are_text() -> None:
    template = Template()
    assert template.prompt("Use {x} and {0}.") == "Instruction: Use {x} and {0}.\n"
    assert template.continuation("{y}") == "\nInput: {y}\nOutput:"
    assert template.continuation("") == "\nOutput:"


@pytest.mark.parametrize(
    "part", ["{instruction", "{other}", "{instruction!r}", "{instruction:>9}", "none", ""]
)
def test_an_instruction_part_holds_its_field_and_nothing_else(part: str) -> None:
    with pytest.raises(GistevalError, match="'instruction' must contain"):
        Template(instruction=part)


@pytest.mark.parametrize("template", [Template(input="{input}|"), ChatTemplate("user")])
def test_the_plain_form_is_read_back(template: Template | ChatTemplate) -> None:
    assert as_template(template.to_dict()) == template


def test_a_role_that_no_chat_has_is_refused() -> None:
    with pytest.raises(GistevalError, match="system or user"):
        ChatTemplate("assistant")
