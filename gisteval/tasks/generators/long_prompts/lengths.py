"""The length of a text without a tokenizer, and parts that fill a length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle

from gisteval.errors import GistevalError

_PIECES = re.compile(r"\d|[^\W\d_]{1,6}|[^\w\s]")

SHORTEST, LONGEST = 256, 32768
"""Lengths that a generator takes, in pieces."""


def size(text: str) -> int:
    """Count the pieces of a text: up to six letters of a word, single digits and single marks.

    Tokenizers of today's models need about as many tokens; docs/long-prompts.md has measured ratios.
    """
    return len(_PIECES.findall(text))


def filled(parts: Iterable[str], room: int) -> list[str]:
    """Take parts, in their order, until no further one fits into `room` pieces."""
    taken: list[str] = []
    for part in parts:
        room -= size(part)
        if room < 0:
            break
        taken.append(part)
    return taken


def grid(first: Sequence[int], second: Sequence[float], count: int) -> Iterator[tuple[int, float]]:
    """Pairs of both, so that the first few of them already hold all that there is.

    Pair i has the first sequence's item i, beginning anew at its end, and the second one's once each round.

    Args:
        first: Such as lengths.
        second: Such as depths.
        count: How many pairs.
    """
    rounds = cycle(second)
    value = next(rounds)
    for number in range(count):
        if number and number % len(first) == 0:
            value = next(rounds)
        yield first[number % len(first)], value


def check_room(task: str, length: int, least: int) -> None:
    """Raise GistevalError if a form needs more than `length` pieces."""
    if length < least:
        raise GistevalError(f"task {task}: this form needs a length of at least {least}, not {length}")
