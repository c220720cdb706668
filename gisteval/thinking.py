"""Text that models write to themselves before they answer: where it ends, and whether it ends at all.

    <think>
    Both are short, so "A" ...
    </think>

    {"choice": "A"}

A pair is the text that opens a thought and the one that closes it. Text cut inside a thought holds no
answer, whatever stands in the thought.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.errors import GistevalError

Pair = tuple[str, str]
"""What opens a thought and what closes it."""

PAIRS: tuple[Pair, ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""Of current chat models. The last is OpenAI's open models', whose answer has a heading of its own."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """What becomes of the thoughts of a model under test.

    Attributes:
        strip: Whether the answer is only what follows the thoughts.
        pair: What opens and closes a thought.
    """

    strip: bool = True
    pair: Pair = PAIRS[0]

    def __str__(self) -> str:
        return ":".join(["strip" if self.strip else "keep", *self.pair])


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a text says once its thoughts are taken out.

    Attributes:
        answer: The text without its thoughts.
        cut: Whether the last thought was never closed.
        thoughts: How many thoughts there were.
    """

    answer: str
    cut: bool
    thoughts: int


def spoken(text: str, pairs: Sequence[Pair], quoted: Sequence[tuple[int, int]] = ()) -> Spoken:
    """The text without its thoughts, wherever they stand.

    A thought that is closed but never opened began before the text did: chat templates open one for the
    model.

    Args:
        text: What a model wrote.
        pairs: What opens and closes a thought.
        quoted: Spans (start, stop) of the text whose tags are quotations.
    """
    closes = dict(pairs)
    tags = re.compile("|".join(re.escape(tag) for pair in pairs for tag in pair) or r"(?!)")
    pieces: list[str] = []
    start, thoughts, expected = 0, 0, ""
    for match in tags.finditer(text):
        if any(low <= match.start() < high for low, high in quoted):
            continue
        tag = match[0]
        if expected:
            if tag == expected:
                start, expected = match.end(), ""
        elif tag in closes:
            pieces.append(text[start : match.start()])
            expected = closes[tag]
            thoughts += 1
        else:
            pieces.clear()
            start = match.end()
            thoughts += 1
    if not expected:
        pieces.append(text[start:])
    return Spoken("".join(pieces).strip(), bool(expected), thoughts)


def behind_first(text: str, pair: Pair) -> Spoken:
    """The text behind the thoughts that it begins with; a tag later on is a part of the answer."""
    opening, closing = pair
    answer, thoughts = text.strip(), 0
    while answer.startswith(opening):
        thoughts += 1
        _, closed, answer = answer[len(opening) :].partition(closing)
        answer = answer.strip()
        if not closed:
            return Spoken("", True, thoughts)
    return Spoken(answer, False, thoughts)


def opened(prompt: str, pairs: Sequence[Pair]) -> str:
    """The tag of a thought that a prompt, such as a chat template renders, leaves open; or "" without."""
    for opening, closing in pairs:
        start = prompt.rfind(opening)
        if start > prompt.rfind(closing) and not prompt[start + len(opening) :].strip():
            return opening
    return ""


def check_pair(pair: Sequence[str]) -> Pair:
    """Two different texts. Raises ValueError for anything else."""
    tags = [tag for tag in pair if isinstance(tag, str) and tag.strip()]
    if len(pair) != 2 or len(set(tags)) != 2:
        raise ValueError(f"a thought needs a text that opens it and one that closes it, not {list(pair)}")
    return tags[0], tags[1]


def chosen_thinking(rule: str, tags: Sequence[str]) -> Thinking:
    """What becomes of thoughts, as options say. Raises GistevalError for an unknown rule, or bad tags."""
    if rule not in ("strip", "keep"):
        raise GistevalError(f"thinking must be strip or keep, not {rule!r}")
    try:
        return Thinking(rule == "strip", check_pair(tags))
    except ValueError as error:
        raise GistevalError(f"thinking-tags: {error}") from error
