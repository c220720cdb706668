"""From parameters to words: the grammar files, and the expansion of one template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from gisteval.tasks.generators.wordplay.families import FAMILIES
from gisteval.tasks.generators.wordplay.inputs import CONTENT_KEYS, Params
from gisteval.tasks.generators.wordplay.lexicon import content_directory
from gisteval.tasks.generators.wordplay.template import Choice, Reference, expand, parse

SPACE_BEFORE_MARK = re.compile(r" +(?=[,.?!:;])")
REPEATED_MARK = re.compile(r"([,.?!:;])(?:\s*[,.;])+")
ARTICLE_BEFORE_VOWEL = re.compile(r"\b(a)(?= [\"']?(?!one\b|use|uni)[aeiou])")
SENTENCE_START = re.compile(r"(^|[.?!] )([a-z]+)")


@dataclass(frozen=True)
class Construction:
    """One construction; an imperative one may follow "could you" and the like."""

    choice: Choice
    is_imperative: bool


@dataclass(frozen=True)
class SlotRule:
    """How one slot words the values of its parameter."""

    param: str
    values: Mapping[str, Choice]


@dataclass(frozen=True)
class FamilyGrammar:
    """The templates of one family and its own synonym sets."""

    train: tuple[Construction, ...]
    unseen: tuple[Construction, ...]
    synonyms: Mapping[str, Choice]


@dataclass(frozen=True)
class Grammar:
    """Everything of the YAML files that words an instruction."""

    families: Mapping[str, FamilyGrammar]
    slots: Mapping[str, SlotRule]
    casual: Mapping[str, Choice]
    by_kind: Mapping[str, Mapping[str, Choice]]
    categories: tuple[str, ...]


def _templates(lines: str) -> tuple[Construction, ...]:
    stripped = (line.strip() for line in lines.splitlines())
    return tuple(Construction(parse(line.lstrip("!")), line.startswith("!")) for line in stripped if line)


def _family(raw: Mapping[str, Any], name: str) -> FamilyGrammar:
    grammar = raw["families"][name]
    parts = {"train": grammar["train"], "unseen": grammar["unseen"]}
    for frame in grammar.get("frames", ()):
        parts = {split: parts[split] + "\n" + raw["frames"][frame][split] for split in parts}
    synonyms = {key: parse(text) for key, text in raw["synonyms"].items()}
    for word, replacement in raw["kinds"][FAMILIES[name].kind].items():
        synonyms[word] = synonyms[replacement]
    synonyms |= {key: parse(text) for key, text in grammar.get("define", {}).items()}
    return FamilyGrammar(
        train=_templates(parts["train"]),
        unseen=_templates(parts["unseen"]),
        synonyms=synonyms,
    )


@lru_cache(maxsize=4)
def load_grammar(content: Path | None = None) -> Grammar:
    """Read and parse the grammar files. A missing family or synonym set is a ``KeyError``."""
    directory = content_directory(content)
    raw, slots, casual = (
        yaml.safe_load((directory / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("grammar", "phrasing", "casual")
    )
    return Grammar(
        families={name: _family(raw, name) for name in FAMILIES},
        slots={
            slot: SlotRule(
                rule["param"],
                {str(value): parse(str(text)) for value, text in rule["values"].items()},
            )
            for slot, rule in slots["slots"].items()
        },
        casual={key: parse(text) for key, text in casual.items() if isinstance(text, str)},
        by_kind={
            key: {kind: parse(line) for kind, line in text.items()}
            for key, text in casual.items()
            if not isinstance(text, str)
        },
        categories=tuple(slots["slots"]["category"]["values"]),
    )


@dataclass(frozen=True)
class Wording:
    """The expansion of templates for one instruction: its parameters and its way of quoting."""

    grammar: Grammar
    family: str
    params: Params
    rng: Random
    quote: str
    introduces: bool

    @classmethod
    def sample(cls, grammar: Grammar, family: str, params: Params, rng: Random) -> Wording:
        """Draw how an instruction quotes words, and whether it introduces them."""
        quote = rng.choice(("", "", "", "", '"', '"', "'"))
        return cls(grammar, family, params, rng, quote, introduces=rng.random() < 0.4)

    def render(self, choice: Choice) -> str:
        """The words of a template."""
        return expand(choice, self._lookup, self.rng)

    def _lookup(self, reference: Reference) -> str:
        name = reference.name
        if not reference.is_slot:
            return self.render(self.grammar.families[self.family].synonyms[name])
        if name.rstrip("!") in CONTENT_KEYS:
            return self._content(name)
        if name == "catlist":
            return self._category_list()
        rule = self.grammar.slots[name]
        return self.render(rule.values[str(self.params[rule.param])])

    def _content(self, name: str) -> str:
        word = f"{self.quote}{self.params[name.rstrip('!')]}{self.quote}"
        introduced = self.introduces and not name.endswith("!") and self.rng.random() < 0.6
        return f"the word {word}" if introduced else word

    def _category_list(self) -> str:
        count = self.rng.choice((3, 4, 5, len(self.grammar.categories)))
        names = self.rng.sample(self.grammar.categories, count)
        if count < len(self.grammar.categories):
            ending = self.rng.choice(("and so on", "or another", "or something else", "etc"))
            return ", ".join([*names, ending])
        return ", ".join(names[:-1]) + " or " + names[-1]


def tidy(text: str) -> str:
    """Spacing, doubled marks and the article before a vowel, after parts were put together."""
    text = SPACE_BEFORE_MARK.sub("", " ".join(text.split()))
    text = REPEATED_MARK.sub(r"\1", text)
    return ARTICLE_BEFORE_VOWEL.sub(r"\1n", text)


def sentence_case(text: str, params: Params) -> str:
    """Capitals at sentence starts, but never in a content word: it must stay as it is."""
    content_words = {str(params[key]) for key in CONTENT_KEYS if key in params}

    def capital(match: re.Match[str]) -> str:
        word = match[2]
        return match[1] + (word if word in content_words else word[0].upper() + word[1:])

    return SENTENCE_START.sub(capital, text)


def close(text: str) -> str:
    """End with a full stop, unless some other mark ends the text."""
    return text if text.endswith((".", "?", "!")) else text.rstrip(",:;") + "."


def plain(wording: Wording, template: Construction) -> str:
    """A clean instruction: one template, capitals, a final mark."""
    return sentence_case(close(tidy(wording.render(template.choice))), wording.params)
