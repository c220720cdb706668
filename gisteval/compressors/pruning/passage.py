"""An instruction as words and tokens, each with its place in the text and in the prompt."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from gisteval.errors import GistevalError
from gisteval.models.text.segments import HERE
from gisteval.models.text.tokens import PromptTokenizer

_WORD = re.compile(r"\S+")
_OUTSIDE = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, slots=True)
class Part:
    """A word or a token of an instruction.

    Attributes:
        start: First character in the instruction's text.
        end: The character behind the last one. Equal to `start` for a token of nothing but white space.
        places: Indices of its tokens in the prompt, ascending.
        word: The whole word that it is, or that it is in.
    """

    start: int
    end: int
    places: tuple[int, ...]
    word: str


@dataclass(frozen=True, slots=True)
class Passage:
    """An instruction's text with its tokens and its words, which white space separates.

    Each token is in exactly one word. White space belongs to the word behind it, or to the last one.
    """

    text: str
    tokens: tuple[Part, ...]
    words: tuple[Part, ...]

    def prune(self, prompt: Sequence[int], kept: Container[int]) -> list[int]:
        """A prompt's token ids without the tokens of the instruction that don't stand in kept places."""
        return [prompt[place] for place in self.places(len(prompt), kept)]

    def places(self, tokens: int, kept: Container[int]) -> list[int]:
        """Places of a prompt of so many tokens, without those of the instruction that are not kept."""
        dropped = {place for part in self.tokens for place in part.places if place not in kept}
        return [place for place in range(tokens) if place not in dropped]


def read_passage(tokens: PromptTokenizer, instruction: str, prompt: Sequence[int]) -> Passage:
    """Find an instruction's words in the tokens of its prompt.

    Args:
        tokens: The tokenizer that made the prompt.
        instruction: The text without template.
        prompt: Its token ids in the template, without gists.

    Raises:
        GistevalError: The tokenizer doesn't say where its tokens stand in a text.
    """
    head, tail = tokens.template_ends(prompt)
    spans = _spans(tokens, instruction, prompt[head : len(prompt) - tail], tail)
    words = [match.span() for match in _WORD.finditer(instruction)]
    members: list[list[int]] = [[] for _ in words]
    parts, current = [], 0
    for number, (start, end) in enumerate(spans):
        while current < len(words) - 1 and words[current][1] <= start:
            current += 1
        members[current].append(head + number)
        first, last = words[current]
        parts.append(Part(start, end, (head + number,), instruction[first:last]))
    whole = (
        Part(start, end, tuple(places), instruction[start:end])
        for (start, end), places in zip(words, members, strict=True)
        if places
    )
    return Passage(instruction, tuple(parts), tuple(whole))


def plain_word(word: str) -> str:
    """A word of a text in lower case, without punctuation at its ends: what words are compared by."""
    return _OUTSIDE.sub("", word).lower()


def plain_words(text: str) -> list[str]:
    """The words of a text as `plain_word` gives them; what is only punctuation is left out."""
    return [word for word in map(plain_word, text.split()) if word]


def token_spans(tokenizer: object, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids of a text as data, and the characters that each covers, without white space around them.

    Raises GistevalError for a tokenizer that can't say.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise GistevalError(
            f"the tokenizer of {getattr(tokenizer, 'name_or_path', '')} doesn't say where its tokens stand "
            "in a text: convert it to a tokenizer.json"
        )
    encoded = tokenizer(  # type: ignore[operator]
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
    )
    return list(encoded["input_ids"]), [_stripped(text, *span) for span in encoded["offset_mapping"]]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, max(start, start + len(piece.strip()))


def _spans(
    tokens: PromptTokenizer, instruction: str, ids: Sequence[int], tail: int
) -> list[tuple[int, int]]:
    """The characters of the instruction that each of its tokens in the prompt covers."""
    before, _, behind = tokens.segments.texts(HERE, "")[0].partition(HERE)
    # Some chat templates strip what they are given.
    for text in dict.fromkeys((instruction, instruction.lstrip(), instruction.strip())):
        found, spans = token_spans(tokens.tokenizer, before + text + behind)
        stop = len(found) - tail
        if found[max(0, stop - len(ids)) : stop] == list(ids):
            shift = instruction.index(text) - len(before)
            places = [(start + shift, end + shift) for start, end in spans[stop - len(ids) : stop]]
            return [(max(0, start), min(max(0, end), len(instruction))) for start, end in places]
    raise GistevalError(
        f"the tokens of a prompt can't be found in the text of its instruction {instruction[:60]!r}: the "
        "chat template changes it"
    )
