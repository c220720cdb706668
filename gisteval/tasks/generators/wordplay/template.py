"""The template notation of wordplay: parsed once, expanded at random.

a|b         one of the alternatives (repeat one to make it likelier)
(a|b)       the same inside a phrase
[a|b]       the same or nothing
<say>       a synonym set of the grammar
{item}      a parameter, put into words
{A} {A!}    a content word; with ``!`` it is never introduced by "the word"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

TOKEN = re.compile(r"<(?P<synonym>\w+)>|\{(?P<slot>\w+!?)\}|(?P<mark>[()\[\]|])|[^<>{}()\[\]|]+")


@dataclass(frozen=True)
class Reference:
    """A part whose text is looked up when the template is expanded."""

    name: str
    is_slot: bool


@dataclass(frozen=True)
class Choice:
    """One of several sequences of parts."""

    options: tuple[tuple[Part, ...], ...]


Part = str | Reference | Choice
Lookup = Callable[[Reference], str]


def parse(text: str) -> Choice:
    """Parse the notation above; unbalanced brackets are a ``ValueError`` that names the text."""
    tokens = list(TOKEN.finditer(" ".join(text.split())))
    if sum(len(token[0]) for token in tokens) != len(" ".join(text.split())):
        raise ValueError(f"not a template: {text!r}")
    choice, end = _parse_choice(tokens, 0, None)
    if end != len(tokens):
        raise ValueError(f"unbalanced brackets: {text!r}")
    return choice


def _parse_choice(tokens: list[re.Match[str]], start: int, closing: str | None) -> tuple[Choice, int]:
    options: list[tuple[Part, ...]] = []
    parts: list[Part] = []
    index = start
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token["synonym"]:
            parts.append(Reference(token["synonym"], is_slot=False))
        elif token["slot"]:
            parts.append(Reference(token["slot"], is_slot=True))
        elif token["mark"] == "|":
            options.append(tuple(parts))
            parts = []
        elif token["mark"] in ("(", "["):
            end = ")" if token["mark"] == "(" else "]"
            inner, index = _parse_choice(tokens, index, end)
            # An optional part is there half of the time, however many ways it has.
            parts.append(inner if end == ")" else Choice(((inner,), ())))
        elif token["mark"]:
            if token["mark"] != closing:
                raise ValueError(f"unexpected {token['mark']!r} in {token.string!r}")
            return Choice((*options, tuple(parts))), index
        else:
            parts.append(token[0])
    if closing:
        raise ValueError(f"missing {closing!r} in {tokens[0].string!r}")
    return Choice((*options, tuple(parts))), index


def expand(choice: Choice, lookup: Lookup, rng: Random) -> str:
    """One random text of the template. Spaces are left as the parts have them."""
    parts = choice.options[int(rng.random() * len(choice.options))]
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Reference):
            texts.append(lookup(part))
        else:
            texts.append(expand(part, lookup, rng))
    return "".join(texts)
