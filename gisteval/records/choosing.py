"""Which examples of a split a run with a limit takes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from gisteval.errors import GistevalError, did_you_mean
from gisteval.records.schema import Example, digest

FIRST = "first"
RANDOM = "random"
INSTRUCTIONS = "instructions"
CHOICES = (FIRST, RANDOM, INSTRUCTIONS)

_BITS = 128
"""Bits of a digest, which is read as a fraction of 2 to this power."""


def check_choice(how: str, limit: int | None) -> None:
    """Check how examples are chosen.

    Raises:
        GistevalError: For an unknown way, or for one that has nothing to leave out.
    """
    if how not in CHOICES:
        raise GistevalError(
            f"choose {how!r} is unknown{did_you_mean(how, CHOICES)}: choose from {', '.join(CHOICES)}"
        )
    if how != FIRST and limit is None:
        raise GistevalError(f"--choose {how} says which examples --limit takes: give --limit N")


def choose(examples: Iterable[Example], limit: int | None, how: str, seed: int) -> tuple[Example, ...]:
    """The examples that a limit takes of a split, in the split's order.

    A hash of the seed and an example's content decides, so the choice does not depend on the order of the
    file, on who does the work or on what was done before. "random" takes the smallest hashes, which is
    simple random sampling, and a larger limit keeps what a smaller one took. "instructions" takes every
    n/N-th example of the split sorted by the hashes of instructions, from a start that the seed gives
    (systematic sampling: Madow and Madow, Annals of Mathematical Statistics 15, 1944). Every example has
    the same chance, so means stay unbiased. Of m examples of an instruction m N/n are taken, rounded up or
    down.

    Args:
        examples: The n examples of a split.
        limit: N, how many to take; None takes all.
        how: One of `CHOICES`.
        seed: Of the hashes.
    """
    if limit is None or how == FIRST:
        return tuple(islice(examples, limit))
    everything = tuple(examples)
    count = len(everything)
    if count <= limit:
        return everything

    def drawn(text: str) -> str:
        return digest(["choose", str(seed), text])

    places = sorted(range(count), key=lambda place: drawn(everything[place].content_id))
    if how == RANDOM:
        return tuple(everything[place] for place in sorted(places[:limit]))
    # Sorting is stable: within an instruction the order stays that of the contents' hashes.
    places.sort(key=lambda place: drawn(everything[place].instruction))
    start = int(drawn("start"), 16)
    steps = (((number << _BITS) + start) * count // (limit << _BITS) for number in range(limit))
    return tuple(everything[place] for place in sorted(places[step] for step in steps))
