"""Prompts cut at tokens and at sentences."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from gisteval.models.text.cutting import cut, sentence_starts, with_gists
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import Template
from gisteval.segmentation import Segmentation


@pytest.fixture
def tokens(tiny_tokenizer) -> PromptTokenizer:
    return PromptTokenizer(tiny_tokenizer, Template(), 2)


def pieces(tokens, text, length):
    (prompt,) = tokens.prompts([text])
    segments = cut(tokens, prompt, Segmentation(length))
    assert [token for segment in segments for token in segment] == prompt
    return [tokens.tokenizer.decode(segment) for segment in segments]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("say it", ["Instruction: say it\n"]),
        ("Say it. No more!", ["Instruction: Say it.", " No more!\n"]),
        ('He said "yes." Is it 3.5? Maybe', ['Instruction: He said "yes."', " Is it 3.5?", " Maybe\n"]),
        ("one line\nand another", ["Instruction: one line\n", "and another\n"]),
        ("first.  \n\n second", ["Instruction: first.  \n\n", " second\n"]),
        ("...  no end", ["Instruction: ...", "  no end\n"]),
        ("", ["Instruction: \n"]),
    ],
)
def test_a_sentence_ends_before_white_space_or_with_its_line(tokens, text, sentences):
    found = pieces(tokens, text, "sentence")
    assert [piece.strip() for piece in found] == [piece.strip() for piece in sentences]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("say it. No more!", ["Instruction: say it. No more!\n"]),
        ("A is B. So it is.\n\n C is D\nE", ["Instruction: A is B. So it is.\n\n", " C is D\n", "E\n"]),
        ("\nA", ["Instruction: \n", "A\n"]),
        ("", ["Instruction: \n"]),
    ],
)
def test_a_line_ends_with_its_break(tokens, text, lines):
    found = pieces(tokens, text, "line")
    assert [piece.strip() for piece in found] == [piece.strip() for piece in lines]


def test_segments_of_tokens_and_parts(tokens):
    (prompt,) = tokens.prompts(["say the first word twice"])
    count = len(prompt)
    assert len(pieces(tokens, "say the first word twice", str(count))) == 1
    assert len(pieces(tokens, "say the first word twice", str(count - 1))) == 2
    assert len(pieces(tokens, "say the first word twice", "1/3")) == 3
    assert len(pieces(tokens, "say the first word twice", "1")) == count


def test_each_segment_is_followed_by_its_gists(tokens):
    gist = tokens.gist_id
    prompt = with_gists(tokens, [[5, 6], [7]])
    assert prompt == [5, 6, gist, gist, 7, gist, gist]
    assert tokens.are_gists(prompt) == [False, False, True, True, False, True, True]


def test_a_tokenizer_that_marks_words_instead_of_spaces():
    """As SentencePiece does, whose tokens lose their space when they are decoded alone."""
    words = ["▁Say", "▁it", ".", "▁No", "▁3", "5", "<unk>"]
    model = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<unk>"))
    model.pre_tokenizer, model.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>")
    assert list(sentence_starts(tokenizer, [0, 1, 2, 3, 4, 2, 5])) == [3]
