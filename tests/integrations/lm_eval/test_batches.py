"""Rows and batches of requests: nothing twice, nothing lost, each compressed part compressed once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gisteval.compressors.gist.gist import Gist
from gisteval.integrations.lm_eval.batches import PLAIN, Compression, Piece, RequestRow, batches, questions

ids = st.lists(st.integers(1, 3), max_size=2).map(tuple)
answers = st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)


@settings(max_examples=30)
@given(
    st.lists(st.builds(Piece, st.sampled_from(["", "say"]), ids, answers), max_size=20),
    st.sampled_from([None, 1, 2, 3]),
)
def test_every_piece_is_in_one_row_of_its_own_context(pieces: list[Piece], limit: int | None) -> None:
    rows, members = questions(pieces, limit)
    assert sorted(index for row in members for index in row) == list(range(len(pieces)))
    for row, indices in zip(rows, members, strict=True):
        own = [pieces[index] for index in indices]
        assert {(piece.prompt, piece.input) for piece in own} == {(row.prompt, row.input)}
        assert (row.width, row.room) == (len(own), max(len(piece.answer) for piece in own))
        assert limit is None or row.width <= limit
    if limit is None:
        assert len(rows) == len({(piece.prompt, piece.input) for piece in pieces})


@pytest.mark.parametrize("limit", [None, 2])
def test_a_prompt_is_compressed_once_however_its_rows_are_mixed(tiny_model, limit: int | None) -> None:
    model, compression = tiny_model("llama", 1), Compression(Gist(), None)
    prompts = ["say no", "", "say yes twice", "say no", "", "say no"]
    rows = [RequestRow(prompt, (5,) * (1 + n), 1, 2) for n, prompt in enumerate(prompts)]
    found = list(batches(model, compression, rows, limit))
    placed = [one for batch in found for one in batch]
    assert Counter(one.index for one in placed) == Counter(range(len(rows)))
    assert all(one.row == rows[one.index] for one in placed)
    assert limit is None or max(map(len, found)) <= limit
    assert (compression.prompts, compression.kept) == (2, 2)
    assert len({(one.row.prompt, id(one.compressed)) for one in placed}) == len(set(prompts))
    assert next(one.compressed for one in placed if not one.row.prompt) is PLAIN
    tokens = sum(len(model.tokens.prompts([text])[0]) for text in ("say no", "say yes twice"))
    assert compression.source_tokens == tokens
    lengths = [len(model.tokens.prompts([text])[0]) + 1 for text in prompts if text]
    assert [compression.measure(model, text) for text in prompts if text] == lengths
    assert compression.measure(model, "") == 0
