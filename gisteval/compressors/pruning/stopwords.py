"""Stop words first: the heuristic that reinforced prompt compression (PCRL) is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.compressors.pruning.base import Ranked
from gisteval.compressors.pruning.passage import Part, Passage, plain_word
from gisteval.models.running.base import PromptModel
from gisteval.records.budget import Budget

STOP_WORDS = frozenset(
    (
        *("a", "an", "the", "this", "that", "these", "those", "some", "any", "each", "every"),
        *("i", "me", "my", "mine", "we", "us", "our", "you", "your", "he", "him", "his", "she", "her"),
        *("it", "its", "they", "them", "their", "who", "whom", "whose", "which", "what", "there", "here"),
        *("am", "is", "are", "was", "were", "be", "been", "being", "do", "does", "did", "done", "have"),
        *(
            "has",
            "had",
            "having",
            "can",
            "could",
            "will",
            "would",
            "shall",
            "should",
            "may",
            "might",
            "must",
        ),
        *("and", "or", "but", "if", "then", "than", "so", "as", "because", "while", "when", "where", "how"),
        *(
            "why",
            "of",
            "in",
            "on",
            "at",
            "to",
            "from",
            "by",
            "for",
            "with",
            "about",
            "into",
            "onto",
            "over",
        ),
        *("under", "up", "down", "out", "off", "through", "between", "during", "before", "after", "again"),
        *("also", "just", "only", "very", "too", "such", "please"),
    )
)
"""English function words: articles, pronouns, auxiliaries, conjunctions, prepositions and fillers."""


@dataclass(frozen=True)
class StopWords(Ranked):
    """Keeps other words before stop words, and of either the first ones.

    Without a budget the stop words are dropped and nothing else.
    """

    name = "stopwords"
    source = "Jung and Kim, PCRL, arXiv 2308.08758 (the heuristic baseline)"

    def score(self, model: PromptModel, passage: Passage, parts: Sequence[Part]) -> list[float]:
        """1 for a word that says something, 0 for a stop word."""
        return [float(not is_stop_word(part.word)) for part in parts]

    def asked(self, tokens: int, budget: Budget | None) -> int | None:
        """See Pruning."""
        return None if budget is None else super().asked(tokens, budget)


def is_stop_word(word: str) -> bool:
    """Whether a word of a text, with whatever punctuation is at its ends, is a stop word."""
    return plain_word(word) in STOP_WORDS
