"""The families of wordplay: what their parameters are, and what the right answer is.

An answer is computed from the parameters and the *text* of the input, so that any stored example
can be checked again from its own line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from gisteval.tasks.wordplay import inputs
from gisteval.tasks.wordplay.inputs import POSITIONS, InputSampler, Params, at, items, record
from gisteval.tasks.wordplay.lexicon import Lexicon

Answer = Callable[[Lexicon, Params, str], str]

SEPARATORS = ("-", "+", "/")


@dataclass(frozen=True)
class Family:
    """One kind of instruction.

    ``keys`` names the parameters; ``kind`` is the kind of input, which decides how an instruction
    may speak about it (words, adjectives, numbers, record).
    """

    keys: tuple[str, ...]
    sample_input: InputSampler
    answer: Answer
    kind: str = "words"
    positions: tuple[str, ...] = tuple(POSITIONS)
    counts: tuple[int, ...] = ()

    def sample_params(self, lexicon: Lexicon, rng: Random) -> dict[str, str | int]:
        """Random parameters; two of a sort (A and B, pos1 and pos2) always differ."""
        nouns = iter(rng.sample(lexicon.all_nouns, 2))
        positions = iter(rng.sample(self.positions, min(2, len(self.positions))))
        fields = iter(rng.sample(tuple(lexicon.fields), 2))
        params: dict[str, str | int] = {}
        for key in self.keys:
            if key in inputs.CONTENT_KEYS:
                params[key] = next(nouns)
            elif key.startswith("pos"):
                params[key] = next(positions)
            elif key.startswith("field"):
                params[key] = next(fields)
            elif key == "category":
                params[key] = rng.choice(tuple(lexicon.nouns))
            elif key == "sep":
                params[key] = rng.choice(SEPARATORS)
            else:
                params[key] = rng.choice(self.counts)
        return params


def _repeated(word: str, times: int) -> str:
    return " ".join([word] * times)


def _beside(text: str, word: str, step: int) -> str:
    listed = items(text)
    return listed[listed.index(word) + step]


def _initials(text: str, separator: str) -> str:
    return separator.join(word[0] for word in items(text))


def _swapped(text: str, old: str, new: str) -> str:
    return ", ".join(new if word == old else word for word in items(text))


def _dropped(text: str, position: str) -> str:
    listed = items(text)
    del listed[POSITIONS[position]]
    return " ".join(reversed(listed))


def _find(lexicon: Lexicon, params: Params, text: str) -> str:
    (found,) = (word for word in items(text) if word in lexicon.nouns[str(params["category"])])
    return found


def _choice(params: Params, holds: bool) -> str:
    return str(params["A" if holds else "B"])


def _first_is_larger(text: str) -> bool:
    first, second = items(text)[:2]
    return int(first) > int(second)


FAMILIES: Mapping[str, Family] = {
    "pick": Family(("pos",), inputs.words_or_numbers, lambda _, p, x: at(x, p)),
    "repeat": Family(
        ("pos", "times"),
        inputs.words,
        lambda _, p, x: _repeated(at(x, p), int(p["times"])),
        counts=(2, 3, 4),
    ),
    "constant": Family(("A",), inputs.words_or_none, lambda _, p, x: f"{p['A']}"),
    "constant_pair": Family(("A", "B"), inputs.words_or_none, lambda _, p, x: f"{p['A']} {p['B']}"),
    "fill": Family(("A",), inputs.short, lambda _, p, x: _repeated(str(p["A"]), len(items(x)))),
    "say_then": Family(("A", "pos"), inputs.words, lambda _, p, x: f"{p['A']} {at(x, p)}"),
    "then_say": Family(("pos", "A"), inputs.words, lambda _, p, x: f"{at(x, p)} {p['A']}"),
    "frame": Family(("A", "pos", "B"), inputs.words, lambda _, p, x: f"{p['A']} {at(x, p)} {p['B']}"),
    "after": Family(("A",), inputs.words_with_a(0, -2), lambda _, p, x: _beside(x, str(p["A"]), 1)),
    "before": Family(("A",), inputs.words_with_a(1, -1), lambda _, p, x: _beside(x, str(p["A"]), -1)),
    "if_count": Family(
        ("n", "A", "B"),
        inputs.short_around_n,
        lambda _, p, x: _choice(p, len(items(x)) > int(p["n"])),
        counts=(3, 4),
    ),
    "count": Family(("A",), inputs.short, lambda _, p, x: f"{len(items(x))} {p['A']}"),
    "category": Family(("pos",), inputs.words, lambda lex, p, x: lex.category_of[at(x, p)]),
    "find": Family(("category",), inputs.words_with_one_of_category, _find),
    "label": Family(
        ("category", "A", "B"),
        inputs.words_led_by_category,
        lambda lex, p, x: _choice(p, lex.category_of[items(x)[0]] == p["category"]),
    ),
    "opposite": Family(
        ("pos",), inputs.adjectives, lambda lex, p, x: lex.opposites[at(x, p)], kind="adjectives"
    ),
    "initial": Family(("pos",), inputs.words, lambda _, p, x: at(x, p)[0]),
    "initials": Family(("sep",), inputs.words, lambda _, p, x: _initials(x, str(p["sep"]))),
    "upper": Family(("pos",), inputs.words, lambda _, p, x: at(x, p).upper()),
    "swap": Family(
        ("A", "B"),
        inputs.words_with_a(0, -1, counts=(4,)),
        lambda _, p, x: _swapped(x, str(p["A"]), str(p["B"])),
    ),
    "join": Family(
        ("pos1", "A", "pos2"),
        inputs.words_with_two_items,
        lambda _, p, x: f"{at(x, p, 'pos1')} {p['A']} {at(x, p, 'pos2')}",
    ),
    "drop": Family(
        ("pos",),
        inputs.words,
        lambda _, p, x: _dropped(x, str(p["pos"])),
        positions=("first", "last"),
    ),
    "field": Family(
        ("field",), inputs.record_with, lambda _, p, x: record(x)[str(p["field"])], kind="record"
    ),
    "field_say": Family(
        ("field", "A"),
        inputs.record_with,
        lambda _, p, x: f"{record(x)[str(p['field'])]} {p['A']}",
        kind="record",
    ),
    "two_fields": Family(
        ("field1", "A", "field2"),
        inputs.record_with,
        lambda _, p, x: f"{record(x)[str(p['field1'])]} {p['A']} {record(x)[str(p['field2'])]}",
        kind="record",
    ),
    "field_or": Family(
        ("field", "A"),
        inputs.record_with_or_without,
        lambda _, p, x: record(x).get(str(p["field"]), str(p["A"])),
        kind="record",
    ),
    "add": Family(
        ("n", "pos"),
        inputs.numbers,
        lambda _, p, x: str(int(at(x, p)) + int(p["n"])),
        kind="numbers",
        counts=tuple(range(1, 10)),
    ),
    "compare": Family(
        ("A", "B"),
        inputs.numbers,
        lambda _, p, x: _choice(p, _first_is_larger(x)),
        kind="numbers",
    ),
    "plural": Family(("pos",), inputs.words_with_countable, lambda lex, p, x: lex.plural(at(x, p))),
}


def answer(lexicon: Lexicon, family: str, params: Params, text: str) -> str:
    """The one right output of an example. A wrong family name is a ``KeyError``."""
    return FAMILIES[family].answer(lexicon, params, text)
