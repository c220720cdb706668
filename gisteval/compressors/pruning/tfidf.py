"""TF-IDF: keep the words that are rare in other instructions, or the rarest one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gisteval.compressors.pruning.base import Pruning, Ranked
from gisteval.compressors.pruning.frequencies import Frequencies, document_frequencies
from gisteval.compressors.pruning.passage import Part, Passage, plain_word, plain_words, read_passage
from gisteval.errors import GistevalError
from gisteval.models.running.base import PromptModel
from gisteval.records.budget import Budget

DEFAULT_TASK = "wordplay"


@dataclass(frozen=True)
class Weighted(Pruning):
    """Weighs words by TF-IDF.

    Attributes:
        task: Its training instructions are the documents that words are counted in.
        file: A table with a column "instruction", in place of the task's.
        documents: At most so many different ones are read, the first ones.
    """

    task: str = DEFAULT_TASK
    file: str = ""
    documents: int = 10_000

    def __post_init__(self) -> None:
        """Raise GistevalError for too few documents."""
        if self.documents < 1:
            raise GistevalError(
                f"compressor {self.name}: documents must be at least 1, not {self.documents}"
            )

    @property
    def frequencies(self) -> Frequencies:
        """How often words stand in the documents."""
        return document_frequencies(self.task, self.file, self.documents)

    def check_instructions(
        self, instructions: Sequence[str], budget: Budget | None, task: str | None = None
    ) -> None:
        """Refuse to weigh another task's words by the default task's documents without being told so."""
        if not self.file and self.task == DEFAULT_TASK and task not in (None, DEFAULT_TASK):
            raise GistevalError(
                f"compressor {self.name} would count words in the training instructions of {DEFAULT_TASK}, "
                f"but these are of {task}: write {self.name}:task={task}, or name a table of instructions "
                "with file="
            )

    def helper_digests(self) -> Mapping[str, str]:
        """What the documents say decides what is kept."""
        return {"frequencies": self.frequencies.digest()}


@dataclass(frozen=True)
class TfIdf(Weighted, Ranked):
    """Keeps the words with the highest TF-IDF.

    A repeated word shares its TF-IDF out among its places, each of which takes room: in short
    instructions the words that come back are function words.
    """

    name = "tfidf"
    source = "Spärck Jones, Journal of Documentation 28 (1972)"

    def __post_init__(self) -> None:
        """Check both kinds of settings."""
        Weighted.__post_init__(self)
        Ranked.__post_init__(self)

    def score(self, model: PromptModel, passage: Passage, parts: Sequence[Part]) -> list[float]:
        """See Ranked. Punctuation weighs nothing."""
        frequencies = self.frequencies
        words = [plain_word(part.word) for part in parts]
        return [frequencies.rarity(word) if word else 0.0 for word in words]


@dataclass(frozen=True)
class Keyword(Weighted):
    """Keeps the first token of the word with the highest TF-IDF: one token, as one gist is."""

    name = "keyword"
    source = "Mu et al., arXiv 2304.08467 (the TF-IDF baseline)"
    takes_budget = False

    def asked(self, tokens: int, budget: Budget | None) -> int:
        """See Pruning."""
        return min(1, tokens)

    def shorten(
        self, model: PromptModel, instruction: str, tokens: Sequence[int], budget: Budget | None
    ) -> list[int]:
        """See Pruning."""
        passage = read_passage(model.tokens, instruction, tokens)
        weights = self.frequencies.weigh(plain_words(passage.text))
        top = max(passage.words, key=lambda part: weights.get(plain_word(part.word), 0.0), default=None)
        return passage.prune(tokens, () if top is None else top.places[:1])
