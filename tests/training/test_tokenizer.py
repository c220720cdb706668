"""The tokenizer of a new model."""

from __future__ import annotations

import pytest

from gisteval.models.text.tokens import GIST_TOKEN
from gisteval.training.tokenizer import train_tokenizer

TEXTS = ["repeat the first word", "repeat the last word"] * 20


def test_the_size_counts_all_tokens_and_frequent_words_become_one():
    assert len(train_tokenizer(TEXTS, 262)) == 262
    tokenizer = train_tokenizer(TEXTS, 290)
    assert tokenizer.convert_ids_to_tokens(len(tokenizer) - 1) == GIST_TOKEN
    assert len(tokenizer.tokenize("repeat")) == 1 < len(tokenizer.tokenize("zebra"))


@pytest.mark.parametrize("text", ["repeat", "  two  spaces\n", "naïve 漢字 🙂", "a , b !"])
def test_any_text_is_decoded_to_itself(text):
    tokenizer = train_tokenizer(TEXTS, 290)
    assert tokenizer.decode(tokenizer.encode(text)) == text
