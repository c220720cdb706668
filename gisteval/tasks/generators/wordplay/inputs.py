"""Reading and sampling the inputs of wordplay: word lists and records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

from gisteval.tasks.generators.wordplay.lexicon import Lexicon

Params = Mapping[str, str | int]
InputSampler = Callable[[Lexicon, Params, Random], str]

POSITIONS: Mapping[str, int] = {
    "first": 0,
    "second": 1,
    "third": 2,
    "last": -1,
    "second_last": -2,
}
CONTENT_KEYS = ("A", "B")


def items(text: str) -> list[str]:
    """The items of a list input: ``"cat, red"`` -> ``["cat", "red"]``."""
    return text.split(", ") if text else []


def record(text: str) -> dict[str, str]:
    """The fields of a record input: ``"name: Ana; city: Rome"`` -> name and city."""
    pairs = (part.partition(": ") for part in text.split("; "))
    return {key: value for key, _, value in pairs}


def at(text: str, params: Params, key: str = "pos") -> str:
    """The item of a list input at the position that ``params[key]`` names."""
    return items(text)[POSITIONS[str(params[key])]]


def content_words(params: Params) -> list[str]:
    """The words among the parameters that may stand in an answer."""
    return [str(params[key]) for key in CONTENT_KEYS if key in params]


def draw(pool: Sequence[str], count: int, excluded: Collection[str], rng: Random) -> list[str]:
    """``count`` distinct words of ``pool`` without the excluded ones."""
    # Almost every draw is free of the few excluded words, so this beats filtering the pool.
    while True:
        words = rng.sample(pool, count)
        if not any(word in excluded for word in words):
            return words


def words(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A list of three or four nouns."""
    return ", ".join(draw(lexicon.all_nouns, rng.choice((3, 4)), content_words(params), rng))


def words_or_none(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A list of three or four nouns half of the time, else nothing."""
    return words(lexicon, params, rng) if rng.random() < 0.5 else ""


def short(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A list of two to six nouns."""
    return ", ".join(draw(lexicon.all_nouns, rng.randint(2, 6), content_words(params), rng))


def short_around_n(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A list that is longer than ``n`` half of the time, so that both answers are as likely."""
    n = int(params["n"])
    count = rng.randint(n + 1, 6) if rng.random() < 0.5 else rng.randint(2, n)
    return ", ".join(draw(lexicon.all_nouns, count, content_words(params), rng))


def words_with_one_of_category(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A list of three or four nouns, exactly one of which is of the category."""
    members = lexicon.nouns[str(params["category"])]
    chosen = draw(lexicon.all_nouns, rng.choice((3, 4)), members, rng)
    chosen[rng.randrange(len(chosen))] = rng.choice(members)
    return ", ".join(chosen)


def words_led_by_category(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A first word of the category half of the time, so that both answers are as likely."""
    members = lexicon.nouns[str(params["category"])]
    excluded = content_words(params)
    chosen = draw(lexicon.all_nouns, rng.choice((3, 4)), {*excluded, *members}, rng)
    if rng.random() < 0.5:
        chosen[0] = rng.choice([word for word in members if word not in excluded])
    return ", ".join(chosen)


def record_with(lexicon: Lexicon, params: Params, rng: Random) -> str:
    """A record that holds every field of ``params``."""
    needed = [str(params[key]) for key in ("field", "field1", "field2") if key in params]
    return _record(lexicon, params, needed, (), rng)


def _record(
    lexicon: Lexicon,
    params: Params,
    needed: Sequence[str],
    forbidden: Collection[str],
    rng: Random,
) -> str:
    others = [name for name in lexicon.fields if name not in needed and name not in forbidden]
    chosen = [*needed, *rng.sample(others, rng.randint(3, 4) - len(needed))]
    rng.shuffle(chosen)
    excluded = content_words(params)
    values = (draw(lexicon.fields[name], 1, excluded, rng)[0] for name in chosen)
    return "; ".join(f"{name}: {value}" for name, value in zip(chosen, values, strict=True))
