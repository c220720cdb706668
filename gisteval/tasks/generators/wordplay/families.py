"""The families of wordplay: what their parameters are, and what the right answer is.

An answer is computed from the parameters and the *text* of the input, so that any stored example
can be checked again from its own line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from gisteval.tasks.generators.wordplay import inputs
from gisteval.tasks.generators.wordplay.inputs import POSITIONS, InputSampler, Params, at, items, record
from gisteval.tasks.generators.wordplay.lexicon import Lexicon

Answer = Callable[[Lexicon, Params, str], str]


@dataclass(frozen=True)
class Family:
    """One kind of instruction.

    ``keys`` names the parameters; ``kind`` is the kind of input, which decides how an instruction
    may speak about it (words, record).
    """

    keys: tuple[str, ...]
    sample_input: InputSampler
    answer: Answer
    kind: str = "words"
    counts: tuple[int, ...] = ()

    def sample_params(self, lexicon: Lexicon, rng: Random) -> dict[str, str | int]:
        """Random parameters; two of a sort (A and B) always differ."""
        nouns = iter(rng.sample(lexicon.all_nouns, 2))
        positions = iter(rng.sample(tuple(POSITIONS), 2))
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
            else:
                params[key] = rng.choice(self.counts)
        return params


def _repeated(word: str, times: int) -> str:
    return " ".join([word] * times)


def _find(lexicon: Lexicon, params: Params, text: str) -> str:
    (word_of_category,) = (word for word in items(text) if word in lexicon.nouns[str(params["category"])])
    return word_of_category


def _choice(params: Params, holds: bool) -> str:
    return str(params["A" if holds else "B"])


FAMILIES: Mapping[str, Family] = {
    "pick": Family(("pos",), inputs.words, lambda _, p, x: at(x, p)),
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
    "field": Family(
        ("field",), inputs.record_with, lambda _, p, x: record(x)[str(p["field"])], kind="record"
    ),
    "field_say": Family(
        ("field", "A"),
        inputs.record_with,
        lambda _, p, x: f"{record(x)[str(p['field'])]} {p['A']}",
        kind="record",
    ),
}


def answer(lexicon: Lexicon, family: str, params: Params, text: str) -> str:
    """The one right output of an example. A wrong family name is a ``KeyError``."""
    return FAMILIES[family].answer(lexicon, params, text)
