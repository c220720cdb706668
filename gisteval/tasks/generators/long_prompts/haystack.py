"""What surrounds the facts of a long prompt: prose, or the same few sentences over and over.

The prose is that of H. Melville, "Moby-Dick" (1851), which is in the public domain: sentences of its first
chapters in their order, without dialogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from random import Random

from gisteval.content import find_content

NOISE = (
    "The grass is green.",
    "The sky is blue.",
    "The sun is yellow.",
    "Here we go.",
    "There and back again.",
)
"""RULER's repeated noise. It is easy: whatever is no noise stands out."""


@cache
def prose() -> tuple[str, ...]:
    """The sentences of the bundled prose."""
    text = (find_content("tasks") / "needle" / "prose.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def sentences(kind: str, draw: Random) -> Iterator[str]:
    """Endless sentences of a haystack.

    Args:
        kind: "prose", which begins at a random place and begins anew at its end, or "noise".
        draw: Draws the place.
    """
    if kind == "noise":
        return cycle(NOISE)
    known = prose()
    return islice(cycle(known), draw.randrange(len(known)), None)


def placed(hay: list[str], facts: list[str], depths: list[float]) -> str:
    """A text of hay with facts at their depths.

    Args:
        hay: Sentences.
        facts: Sentences that are put between them.
        depths: For each fact the share of the hay that stands before it, in percent.
    """
    at: dict[int, list[str]] = {}
    for fact, depth in zip(facts, depths, strict=True):
        at.setdefault(round(len(hay) * depth / 100), []).append(fact)
    parts: list[str] = []
    for place in range(len(hay) + 1):
        parts += at.get(place, [])
        parts += hay[place : place + 1]
    return " ".join(parts)
