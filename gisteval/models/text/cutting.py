"""A prompt's tokens cut into segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from transformers import PreTrainedTokenizerBase

from gisteval.models.text.tokens import PromptTokenizer
from gisteval.segmentation import SENTENCE, Segmentation

ENDS = (".", "!", "?", "…", "。", "\uff01", "\uff1f")
"""Marks that end a sentence; the last two are the full-width exclamation and question marks."""

CLOSERS = "\"'”\u2019»)]}*_`"
"""What may stand between such a mark and the white space behind it."""

SPACE_MARKS = "▁Ġ"
"""How vocabularies write a space before a word."""


def cut(tokens: PromptTokenizer, prompt: Sequence[int], segmentation: Segmentation) -> list[list[int]]:
    """The segments of a prompt.

    Args:
        tokens: The tokenizer that made the prompt.
        prompt: Token ids without gists, the template's included.
        segmentation: Where to cut.

    Returns:
        Token ids of each segment, in order; one segment at least.
    """
    if segmentation.length == SENTENCE:
        ends = [*sentence_starts(tokens.tokenizer, prompt), len(prompt)]
    else:
        ends = segmentation.ends(len(prompt))
    return [list(prompt[start:end]) for start, end in pairwise([0, *ends])]


def with_gists(tokens: PromptTokenizer, segments: Sequence[Sequence[int]]) -> list[int]:
    """The segments as one prompt, the k gist tokens behind each of them."""
    return [token for segment in segments for token in (*segment, *tokens.gists)]


def sentence_starts(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int]) -> Iterator[int]:
    """Indices of the tokens that begin a sentence, but for the first one.

    A sentence ends with a line, or with a mark that white space follows. White space belongs to the
    sentence before it.
    """
    known = {token: _text(tokenizer, token) for token in set(prompt)}
    before = ""
    for place, token in enumerate(prompt):
        text = known[token]
        if text.strip() and _is_ended(before, text):
            yield place
            before = ""
        before += text


def _is_ended(before: str, text: str) -> bool:
    """Whether a token that is no mere white space begins a sentence behind the text before it."""
    spoken = before.rstrip()
    gap = before[len(spoken) :] + text[: len(text) - len(text.lstrip())]
    return bool(spoken) and ("\n" in gap or (bool(gap) and spoken.rstrip(CLOSERS).endswith(ENDS)))


def _text(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """A token's text with the space before it, which some tokenizers leave out of a text's beginning."""
    text = str(tokenizer.decode([token]))
    written = tokenizer.convert_ids_to_tokens(token)
    spaced = isinstance(written, str) and written.startswith(tuple(SPACE_MARKS))
    return f" {text}" if spaced and not text[:1].isspace() else text
