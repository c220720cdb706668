"""Variable tracking: chains of assignments in a text, and the question which variables hold a value.

The form is RULER's `vt` (arXiv 2404.06654, section 3): each chain begins with a number, every further
variable is assigned the one before it, and all variables of one chain are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from random import Random
from string import ascii_uppercase

from gisteval.tasks.generators.long_prompts.haystack import placed, sentences
from gisteval.tasks.generators.long_prompts.lengths import check_room, filled, grid, size

FRAME = "Follow the chains of variable assignments that are hidden in the text below.\n{text}"
QUESTION = "Which {count} variables hold the value {value}, directly or through other variables?"

NAME = 5
"""Letters of a variable's name."""


def chains(
    *,
    length: tuple[int, ...],
    examples: int,
    seed: int,
    haystack: str = "noise",
    count: int = 1,
    hops: int = 4,
) -> Iterator[Mapping[str, object]]:
    """Yield examples whose instruction holds the text and whose input asks for one chain.

    Args:
        length: Pieces of each instruction (`lengths.size`); examples take them in turn.
        examples: How many.
        seed: What is drawn depends on it, on the length and on the example's number.
        haystack: "noise" or "prose".
        count: Chains in the text.
        hops: Assignments from one variable to the next in a chain.

    Raises:
        GistevalError: A length is too small for the chains.
    """
    for number, (pieces, _) in enumerate(grid(length, [0.0], examples)):
        draw = Random(f"variables {seed} {haystack} {count} {hops} {pieces} {number}")
        names: dict[str, None] = {}
        while len(names) < count * (hops + 1):
            names["".join(draw.choices(ascii_uppercase, k=NAME))] = None
        ordered = list(names)
        own = [ordered[place::count][: hops + 1] for place in range(count)]
        values = draw.sample(range(10_000, 100_000), count)
        facts, depths = [], []
        for chain, value in zip(own, values, strict=True):
            facts += assignments(chain, value)
            depths += sorted(100 * draw.random() for _ in chain)
        room = pieces - size(FRAME.format(text="")) - sum(map(size, facts))
        check_room("variable_tracking", pieces, pieces - room + 20)
        hay = filled(sentences(haystack, draw), room)
        yield {
            "instruction": FRAME.format(text=placed(hay, facts, depths)),
            "input": QUESTION.format(count=hops + 1, value=values[0]),
            "output": "\n".join(own[0]),
            "depth": round(sum(depths[: hops + 1]) / (hops + 1), 1),
            "length": pieces,
            "facts": len(facts),
        }


def assignments(chain: list[str], value: int) -> list[str]:
    """The sentences of a chain, in the order in which they must stand."""
    first = f"VAR {chain[0]} = {value}."
    return [first, *(f"VAR {name} = VAR {before}." for before, name in pairwise(chain))]
