"""Token ids as text: prompts of models that have no tokenizer, or whose tokens are given."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import Template

AS_GIVEN = Template("{instruction}", "{input}", "\n", "{output}")
"""Nothing stands around an instruction: its tokens are the whole prompt."""


def number_tokens(largest: int) -> PromptTokenizer:
    """A tokenizer that reads "72 7 0" as the ids 72, 7 and 0, without template, gists or end token.

    largest: The largest id that it knows.
    """
    words = {str(number): number for number in range(largest + 1)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="0"))  # it wants one, and nothing is unknown
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PromptTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer), AS_GIVEN, 0)


def as_text(ids: Sequence[int]) -> str:
    """The text that the tokenizer reads as these ids."""
    return " ".join(map(str, ids))
