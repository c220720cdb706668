"""Compression factors of literal records."""

from __future__ import annotations

from dataclasses import replace

import pytest
from literal_outputs import GIST, values


@pytest.mark.parametrize(
    ("budget", "asked", "kept", "requested", "achieved"),
    [(500, 10, 13, 1.0, 1.0), (4, 4, 7, 2.5, 2.5), (1, 1, 4, 10.0, 10.0)],
)
def test_a_budget_is_of_the_instruction(budget, asked, kept, requested, achieved) -> None:
    """13 source tokens of which 3 are the template's."""
    parts = {"compressor": "truncate", "kept_template": 3, "asked": asked, "kept": kept}
    found = values(replace(GIST[0], **parts))
    assert found["compression_requested"] == requested
    assert found["compression_achieved"] == achieved
    assert found["kept_instruction"] == min(budget, 10)


def test_an_instruction_without_a_token_stays_as_long_as_it_was() -> None:
    parts = {"compressor": "truncate", "source_tokens": 3, "kept_template": 3, "asked": 0, "kept": 3}
    found = values(replace(GIST[0], **parts))
    assert (found["compression_requested"], found["compression_achieved"]) == (1.0, 1.0)
