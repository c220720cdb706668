"""Needles in a haystack: sentences that give a key's value, of which the question asks for some.

Eight forms of RULER (arXiv 2404.06654, table 2 and appendix B) differ in the haystack, in the kinds of keys
and values, and in how many of them there are: niah_single_1 to 3, niah_multikey_1 to 3, niah_multivalue and
niah_multiquery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from uuid import UUID

from gisteval.tasks.generators.long_prompts.haystack import placed, sentences
from gisteval.tasks.generators.long_prompts.lengths import check_room, filled, grid, size
from gisteval.tasks.generators.long_prompts.vocabulary import ADJECTIVES, NOUNS

FACT = "One of the special magic {kind} for {key} is: {value}."
KINDS = {"number": "numbers", "uuid": "uuids"}

FRAME = (
    "Some special magic {kind} are hidden in the text below. Remember them, since you will be asked for "
    "the {kind} of some keys.\n{text}"
)
QUESTION = "What are all the special magic {kind} for {keys} that the text gives?"


def needles(
    *,
    length: tuple[int, ...],
    depths: int,
    examples: int,
    seed: int,
    haystack: str = "prose",
    key: str = "words",
    value: str = "number",
    keys: int = 1,
    values: int = 1,
    asked: int = 1,
) -> Iterator[Mapping[str, object]]:
    """Yield examples whose instruction holds the text and whose input asks.

    Args:
        length: Pieces of each instruction (`lengths.size`); examples take them in turn.
        depths: Number of depths from 0 to 100% at which the first needle that is asked for stands.
        examples: How many.
        seed: What is drawn depends on it, on the length and on the example's number.
        haystack: "prose", "noise", or "needles": nothing but needles of other keys.
        key: "words" or "uuid".
        value: "number" or "uuid".
        keys: Keys in the text, at least those that are asked for.
        values: Values of each key.
        asked: Keys that the question names.

    Raises:
        GistevalError: A length is too small for the needles.
    """
    spots = [100.0 * place / max(1, depths - 1) for place in range(depths)] if depths > 1 else [50.0]
    for number, (pieces, depth) in enumerate(grid(length, spots, examples)):
        draw = Random(f"needle {seed} {haystack} {key} {value} {keys} {values} {asked} {pieces} {number}")
        names = _distinct(draw, key, max(keys, asked))
        known = {name: _distinct(draw, value, values) for name in names}
        wanted = names[:asked]
        kind = KINDS[value]
        facts = [FACT.format(kind=kind, key=name, value=one) for name in names for one in known[name]]
        room = pieces - size(FRAME.format(kind=kind, text="")) - sum(map(size, facts))
        check_room("needle", pieces, pieces - room + 20)
        hay = _hay(draw, haystack, key, value, room, set(names))
        others = [100 * draw.random() for _ in facts[1:]]
        yield {
            "instruction": FRAME.format(kind=kind, text=placed(hay, facts, [depth, *others])),
            "input": QUESTION.format(kind=kind, keys=_listed(wanted)),
            "output": "\n".join(one for name in wanted for one in known[name]),
            "depth": round(depth, 1),
            "length": pieces,
            "facts": len(facts) + (len(hay) if haystack == "needles" else 0),
        }


def _hay(draw: Random, kind: str, key: str, value: str, room: int, taken: set[str]) -> list[str]:
    if kind != "needles":
        return filled(sentences(kind, draw), room)

    def distractors() -> Iterator[str]:
        while True:
            name = _one(draw, key)
            if name not in taken:
                taken.add(name)
                yield FACT.format(kind=KINDS[value], key=name, value=_one(draw, value))

    return filled(distractors(), room)


def _distinct(draw: Random, kind: str, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[_one(draw, kind)] = None
    return list(found)


def _one(draw: Random, kind: str) -> str:
    """A key of two words, a number of seven digits, or a UUID (version 4)."""
    if kind == "words":
        return f"{draw.choice(ADJECTIVES)}-{draw.choice(NOUNS)}"
    if kind == "number":
        return str(draw.randrange(1_000_000, 10_000_000))
    return str(UUID(int=draw.getrandbits(128), version=4))


def _listed(names: list[str]) -> str:
    """Write "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
