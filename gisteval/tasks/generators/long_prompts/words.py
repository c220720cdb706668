"""Aggregation over a whole prompt: the most common words of a list, and of a coded text.

The forms are RULER's `cwe` and `fwe` (arXiv 2404.06654, section 3). Every part of the prompt matters, so
what drops a part of it can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from random import Random
from string import ascii_lowercase

from gisteval.tasks.generators.long_prompts.lengths import check_room, grid, size
from gisteval.tasks.generators.long_prompts.vocabulary import list_words

LIST_FRAME = (
    "Below is a numbered list of words. Some of them stand in it far more often than others.\n{text}"
)
LIST_QUESTION = "Which {count} words are the most common ones of the list?"

TEXT_FRAME = "Below is a text in coded words. Keep track of how often each of them occurs.\n{text}"
TEXT_QUESTION = "Which three coded words occur most often? The dots don't count."

CODED, ASKED = 6, 3
"""Letters of a coded word, and how many of the most frequent ones are asked for."""


def common_words(
    *,
    length: tuple[int, ...],
    examples: int,
    seed: int,
    common: int = 10,
    often: int = 30,
    seldom: int = 3,
) -> Iterator[Mapping[str, object]]:
    """Yield lists in which some words stand `often` times and all others `seldom`.

    Where a list of `length` pieces has no room for that, both numbers shrink, as in RULER's short lists.

    Args:
        length: Pieces of each instruction (`lengths.size`); examples take them in turn.
        examples: How many.
        seed: What is drawn depends on it, on the length and on the example's number.
        common: Words that are asked for.
        often: How often each of them stands in the list.
        seldom: How often each other word does.

    Raises:
        GistevalError: A length is too small.
    """
    for number, (pieces, _) in enumerate(grid(length, [0.0], examples)):
        draw = Random(f"common {seed} {common} {often} {seldom} {pieces} {number}")
        entries = _entries(pieces - size(LIST_FRAME.format(text="")))
        times = min(often, max(2, entries // (2 * common)))
        rarely = min(seldom, max(1, times // 3))
        others = (entries - times * common) // rarely
        check_room("common_words", pieces, pieces if others > common else 2 * pieces)
        words = draw.sample(list_words(), min(len(list_words()), common + others))
        asked, rest = words[:common], words[common:]
        listed = [*asked * times, *rest * rarely]
        draw.shuffle(listed)
        text = " ".join(f"{place}. {word}" for place, word in enumerate(listed, 1))
        yield {
            "instruction": LIST_FRAME.format(text=text),
            "input": LIST_QUESTION.format(count=common),
            "output": "\n".join(asked),
            "length": pieces,
            "facts": len(listed),
        }


def _entries(room: float) -> int:
    """Entries of a numbered list that fit: each is its number's digits, a full stop and a word.

    A word of the list has one or two pieces; they are as many as in the mean.
    """
    entries = 0
    while room >= (needed := len(str(entries + 1)) + 2.5):
        room -= needed
        entries += 1
    return entries


def frequent_words(
    *, length: tuple[int, ...], examples: int, seed: int, alpha: float = 2.0, words: int = 50
) -> Iterator[Mapping[str, object]]:
    """Yield texts of coded words whose frequencies follow a zeta distribution.

    The word of rank r makes up about r ** -alpha / zeta(alpha) of the text. The most frequent word is dots,
    which stand for noise and are not asked for.

    Args:
        length: Pieces of each instruction (`lengths.size`); examples take them in turn.
        examples: How many.
        seed: What is drawn depends on it, on the length and on the example's number.
        alpha: How fast frequencies fall with the rank.
        words: Coded words.
    """
    for number, (pieces, _) in enumerate(grid(length, [0.0], examples)):
        draw = Random(f"frequent {seed} {alpha} {words} {pieces} {number}")
        coded = ["...", *_coded(draw, words)]
        room = pieces - size(TEXT_FRAME.format(text=""))
        counts = _zeta_counts(room, alpha, len(coded))
        check_room("frequent_words", pieces, pieces if counts[ASKED] > counts[ASKED + 1] else 2 * pieces)
        listed = list(chain.from_iterable([word] * n for word, n in zip(coded, counts, strict=True)))
        draw.shuffle(listed)
        yield {
            "instruction": TEXT_FRAME.format(text=" ".join(listed)),
            "input": TEXT_QUESTION,
            "output": "\n".join(coded[1 : ASKED + 1]),
            "length": pieces,
            "facts": len(listed) - counts[0],
        }


def _zeta_counts(room: int, alpha: float, ranks: int) -> list[int]:
    """How often each rank stands in `room` pieces; the first one, of dots, takes three pieces each."""
    weights = [rank**-alpha for rank in range(1, ranks + 1)]
    pieces = 3 * weights[0] + sum(weights[1:])
    return [int(room * weight / pieces) for weight in weights]


def _coded(draw: Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choices(ascii_lowercase, k=CODED))] = None
    return list(found)
