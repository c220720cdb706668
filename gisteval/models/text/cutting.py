"""A prompt's tokens cut into segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from transformers import PreTrainedTokenizerBase

from gisteval.models.text.tokens import PromptTokenizer
from gisteval.segmentation import BY_TEXT, LINE, Segmentation

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
    if segmentation.length in BY_TEXT:
        is_ended = _line_is_ended if segmentation.length == LINE else _sentence_is_ended
        ends = [*_starts(tokens.tokenizer, prompt, is_ended), len(prompt)]
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
    return _starts(tokenizer, prompt, _sentence_is_ended)


def _starts(
    tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], is_ended: Callable[[str, str], bool]
) -> Iterator[int]:
    """Indices of the tokens, the first one left out, that are no mere white space and begin a part.

    is_ended: whether a part is, given its text without the white space at its end, and that white space
        with what the next token begins with.
    """
    known = {token: _text(tokenizer, token) for token in set(prompt)}
    before = ""
    for place, token in enumerate(prompt):
        text = known[token]
        if text.strip():
            spoken = before.rstrip()
            gap = before[len(spoken) :] + text[: len(text) - len(text.lstrip())]
            if spoken and is_ended(spoken, gap):
                yield place
                before = ""
        before += text


def _line_is_ended(spoken: str, gap: str) -> bool:
    return "\n" in gap


def _sentence_is_ended(spoken: str, gap: str) -> bool:
    return "\n" in gap or (bool(gap) and spoken.rstrip(CLOSERS).endswith(ENDS))


def _text(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """A token's text with the space before it, which some tokenizers leave out of a text's beginning."""
    text = str(tokenizer.decode([token]))
    written = tokenizer.convert_ids_to_tokens(token)
    spaced = isinstance(written, str) and written.startswith(tuple(SPACE_MARKS))
    return f" {text}" if spaced and not text[:1].isspace() else text
