"""How much two sets of instructions share, and which training instructions are too close.

Two instructions are too close if they are equal after normalisation, if they share eight words in
a row, or if they differ in nothing but the values of parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gisteval.tasks.generators.wordplay.lexicon import Lexicon

FORBIDDEN_NGRAM = 8
SHARE_LENGTHS = (3, 4, 5)
NOT_WORD = re.compile(r"[^\w\s]")
PLACEHOLDER = "_"
# Words that other parameters than nouns are put into; see phrasing.yaml.
PARAMETER_WORDS = frozenset(
    """
    first second third last final penultimate 1st 2nd 3rd once twice thrice 2x 3x 4x
    one two three four five six seven eight nine 1 2 3 4 5 6 7 8 9
    dash dashes hyphen hyphens minus plus pluses slash slashes color colors
    creature beverage beverages clothes
    mice sheep wolves scarves shelves mangoes
    """.split()  # noqa: SIM905 - a list of fifty quoted words is no clearer
)

Ngram = tuple[str, ...]


def normalise(text: str) -> str:
    """Casefolded words with single spaces; an apostrophe joins, any other mark separates."""
    joined = text.casefold().replace("'", "").replace("\u2019", "")
    return " ".join(NOT_WORD.sub(" ", joined).split())


def ngrams(text: str, length: int) -> set[Ngram]:
    """All runs of ``length`` words of a normalised text."""
    words = text.split()
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


@dataclass(frozen=True)
class Skeletons:
    """Replaces the words of parameters by a placeholder."""

    parameter_words: frozenset[str]

    @classmethod
    def of(cls, lexicon: Lexicon) -> Skeletons:
        """Skeletons whose parameter words are those of the lexicon, with their plurals."""
        named = [*lexicon.all_nouns, *lexicon.nouns, *lexicon.fields]
        return cls(PARAMETER_WORDS.union(named, map(_plural, named)))

    def skeleton(self, text: str) -> str:
        """The normalised text with one placeholder for each run of parameter words."""
        words: list[str] = []
        for word in normalise(text).split():
            if word not in self.parameter_words:
                words.append(word)
            elif not words or words[-1] != PLACEHOLDER:
                words.append(PLACEHOLDER)
        return " ".join(words)


@dataclass(frozen=True)
class Contamination:
    """What training instructions must not share with the evaluation instructions."""

    skeletons: Skeletons
    texts: frozenset[str]
    evaluation_skeletons: frozenset[str]
    runs: frozenset[Ngram]

    @classmethod
    def of(cls, evaluation: Iterable[str], lexicon: Lexicon) -> Contamination:
        """What must not be shared with these evaluation instructions."""
        instructions = list(evaluation)
        skeletons = Skeletons.of(lexicon)
        texts = frozenset(map(normalise, instructions))
        runs = frozenset(run for text in texts for run in ngrams(text, FORBIDDEN_NGRAM))
        return cls(skeletons, texts, frozenset(map(skeletons.skeleton, instructions)), runs)

    def touches(self, instruction: str) -> bool:
        """Whether a training instruction is too close to an evaluation instruction."""
        text = normalise(instruction)
        return (
            text in self.texts
            or self.skeletons.skeleton(instruction) in self.evaluation_skeletons
            or not self.runs.isdisjoint(ngrams(text, FORBIDDEN_NGRAM))
        )


@dataclass(frozen=True)
class AuditReport:
    """Overlap of evaluation instructions with training instructions, in numbers only.

    ``ngram_share`` maps n to the share (0 to 1) of distinct evaluation n-grams seen in training.
    """

    train_instructions: int
    evaluation_instructions: int
    exact_matches: int
    skeleton_matches: int
    longest_shared_ngram: int
    ngram_share: Mapping[int, float] = field(default_factory=dict)


def _all_ngrams(texts: Iterable[str], length: int) -> set[Ngram]:
    return {run for text in texts for run in ngrams(text, length)}


def audit(train: Iterable[str], evaluation: Iterable[str], lexicon: Lexicon) -> AuditReport:
    """Compare instructions as texts; repeated ones count once."""
    skeletons = Skeletons.of(lexicon)
    train_texts, evaluation_texts = set(map(normalise, train)), set(map(normalise, evaluation))
    train_skeletons = set(map(skeletons.skeleton, train_texts))
    shares: dict[int, float] = {}
    longest, length = 0, 1
    while True:
        asked = _all_ngrams(evaluation_texts, length)
        shared = asked & _all_ngrams(train_texts, length)
        if length in SHARE_LENGTHS:
            shares[length] = len(shared) / len(asked) if asked else 0.0
        if shared:
            longest = length
        elif length >= max(SHARE_LENGTHS):
            break
        length += 1
    return AuditReport(
        train_instructions=len(train_texts),
        evaluation_instructions=len(evaluation_texts),
        exact_matches=len(train_texts & evaluation_texts),
        skeleton_matches=sum(skeletons.skeleton(text) in train_skeletons for text in evaluation_texts),
        longest_shared_ngram=longest,
        ngram_share=shares,
    )
