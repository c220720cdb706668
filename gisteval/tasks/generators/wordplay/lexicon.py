"""The closed vocabulary of wordplay, read from ``lexicon.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import yaml

from gisteval.content import find_content


def content_directory(content: Path | None = None) -> Path:
    """``content`` itself, or the place where the installed task's content is found."""
    if content is not None:
        return content
    return find_content("tasks") / "wordplay"


@dataclass(frozen=True)
class Lexicon:
    """Nouns by category, and the values of record fields."""

    nouns: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, tuple[str, ...]]

    @cached_property
    def all_nouns(self) -> tuple[str, ...]:
        """The nouns of all categories."""
        return tuple(word for words in self.nouns.values() for word in words)

    @cached_property
    def category_of(self) -> Mapping[str, str]:
        """The category of each noun."""
        return {word: category for category, words in self.nouns.items() for word in words}


@lru_cache(maxsize=4)
def load_lexicon(content: Path | None = None) -> Lexicon:
    """Read ``lexicon.yaml``; a word in two places is an error, since answers would be ambiguous."""
    path = content_directory(content) / "lexicon.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    youngest, oldest = raw["ages"]
    fields = {name: tuple(values) for name, values in raw["fields"].items()}
    fields["age"] = tuple(str(age) for age in range(youngest, oldest + 1))
    lexicon = Lexicon(
        nouns={category: tuple(words) for category, words in raw["nouns"].items()},
        fields=fields,
    )
    words = lexicon.all_nouns
    repeated = sorted({word for word in words if words.count(word) > 1})
    if repeated:
        raise ValueError(f"{path}: in more than one place: {', '.join(repeated)}")
    return lexicon
