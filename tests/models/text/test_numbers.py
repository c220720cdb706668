"""Prompts that are token ids: nothing is added, lost or moved."""

from __future__ import annotations

from gisteval.models.text.numbers import as_text, number_tokens


def test_ids_are_read_as_they_are_written() -> None:
    ids = [72, 0, 7, 127, 0, 3]
    tokens = number_tokens(127)
    assert tokens.prompts([as_text(ids), "5"]) == [ids, [5]]
    assert tokens.gists == [] and tokens.template_ends(ids) == (0, 0)
    assert tokens.segments.end_id is None
