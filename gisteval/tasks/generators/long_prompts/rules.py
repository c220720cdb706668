"""How many facts does a compressed prompt carry? A prompt of n rules or records, and one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from random import Random

from gisteval.errors import GistevalError
from gisteval.tasks.generators.long_prompts.lengths import grid
from gisteval.tasks.generators.long_prompts.vocabulary import ADJECTIVES, CITIES, FIRST_NAMES, NOUNS

RULES = "Answer by these rules.\n{text}"
RECORDS = "Answer by these records.\n{text}"
PAIRS = "Say how it is: {text}."

PAIR_WORDS, FEW_WORDS = 32, 12
"""Nouns of the pairs, and as many adjectives: so few that a model of few layers learns them in minutes."""


def rules(
    *,
    facts: tuple[int, ...],
    questions: int,
    examples: int,
    seed: int,
    filler: tuple[int, ...] = (0,),
    form: str = "rules",
) -> Iterator[Mapping[str, object]]:
    """Yield prompts of facts with a question about one of them.

    Args:
        facts: How many facts a prompt holds; prompts take these numbers in turn.
        questions: Questions about each prompt, about other facts each.
        examples: How many examples.
        seed: What is drawn depends on it, on the number of facts and on the prompt's number.
        filler: Phrases without a fact in among those of pairs: "the tidy quick", which names no
            noun. Prompts take these numbers in turn, each with all numbers of facts.
        form: "rules" ("If the word is brave acorn, say tidy lantern."), "records" of people, "pairs" of
            single words for small models ("the tidy acorn"), or "few_pairs", mostly of fewer words.

    Raises:
        GistevalError: More facts are asked for than there are, or filler that the form doesn't have.
    """
    kind = FORMS[form]
    if max(facts) > kind.most:
        raise GistevalError(f"task rules: there are {kind.most} different {form}, not {max(facts)}")
    if max(filler) and kind.frame != PAIRS:
        raise GistevalError(f"task rules: {form} have no filler, only pairs and few_pairs do")
    prompts = -(-examples // questions)
    left = examples
    for number, (count, phrases) in enumerate(grid(facts, filler, prompts)):
        draw = Random(f"rules {seed} {form} {count} {number}")
        made = kind.draw(draw, count)
        total = count + int(phrases)
        spots = _spots(draw, count, total)
        parts = _phrases(draw, total) if phrases else [""] * total
        for spot, (fact, _, _) in zip(spots, made, strict=True):
            parts[spot] = fact
        text = kind.between.join(parts)
        for place in _places(draw, count, min(questions, left)):
            _, question, answer = made[place]
            yield {
                "instruction": kind.frame.format(text=text),
                "input": question,
                "output": answer,
                "depth": round(100 * spots[place] / max(1, total - 1), 1),
                "facts": count,
                **({"length": total} if max(filler) else {}),
            }
        left -= questions


def _spots(draw: Random, facts: int, total: int) -> list[int]:
    """Where the facts stand among so many parts of a prompt; nothing is drawn where they are all."""
    return sorted(draw.sample(range(total), facts)) if facts < total else list(range(facts))


def _phrases(draw: Random, count: int) -> list[str]:
    return ["the " + " ".join(draw.sample(ADJECTIVES[:PAIR_WORDS], 2)) for _ in range(count)]


def _places(draw: Random, facts: int, questions: int) -> list[int]:
    """Facts that are asked about, each once before any is asked about again."""
    places: list[int] = []
    while len(places) < questions:
        places += draw.sample(range(facts), min(facts, questions - len(places)))
    return places


def _rules(draw: Random, count: int) -> list[tuple[str, str, str]]:
    """Each rule with the input that it is for and what it says."""
    words = draw.sample(list(product(ADJECTIVES, NOUNS)), count)
    made = []
    for adjective, noun in words:
        answer = f"{draw.choice(ADJECTIVES)} {draw.choice(NOUNS)}"
        made.append((f"If the word is {adjective} {noun}, say {answer}.", f"{adjective} {noun}", answer))
    return made


def _records(draw: Random, count: int) -> list[tuple[str, str, str]]:
    """Each record of a person with a question about it and the answer. No two have one name and city."""
    made = []
    for name, city in draw.sample(list(product(FIRST_NAMES, CITIES)), count):
        noun, number = draw.choice(NOUNS), draw.randrange(10, 100)
        made.append(
            (
                f"{name} of {city}: {noun}, {number}.",
                f"What does {name} of {city} have?",
                f"{noun}, {number}",
            )
        )
    return made


def _pairs(draw: Random, count: int, words: int = PAIR_WORDS) -> list[tuple[str, str, str]]:
    """Each noun with its adjective ("the tidy acorn"), the noun and the adjective. Nouns differ."""
    nouns = draw.sample(NOUNS[:words], count)
    chosen = [draw.choice(ADJECTIVES[:words]) for _ in nouns]
    return [
        (f"the {adjective} {noun}", noun, adjective) for noun, adjective in zip(nouns, chosen, strict=True)
    ]


def _few_pairs(draw: Random, count: int) -> list[tuple[str, str, str]]:
    """The same; all but every thirtieth prompt, about, take their words from the first few."""
    return _pairs(draw, count, PAIR_WORDS if draw.random() < 0.03 else FEW_WORDS)


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of facts.

    Attributes:
        frame: The prompt, around the facts.
        between: What stands between two facts.
        most: How many facts differ.
        draw: Draws so many facts, each with the input that asks for it and the answer.
    """

    frame: str
    between: str
    most: int
    draw: Callable[[Random, int], list[tuple[str, str, str]]]


FORMS = {
    "rules": Form(RULES, "\n", len(ADJECTIVES) * len(NOUNS), _rules),
    "records": Form(RECORDS, "\n", len(FIRST_NAMES) * len(CITIES), _records),
    "pairs": Form(PAIRS, ", ", PAIR_WORDS, _pairs),
    "few_pairs": Form(PAIRS, ", ", FEW_WORDS, _few_pairs),
}
