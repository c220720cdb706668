"""In how many documents each word stands: what TF-IDF weighs words by."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from gisteval.compressors.pruning.passage import plain_words
from gisteval.errors import GistevalError
from gisteval.files.tables import read_table
from gisteval.records.schema import digest
from gisteval.tasks import load_task

TRAINING_SPLIT = "train"
COLUMN = "instruction"


@dataclass(frozen=True)
class Frequencies:
    """documents: how many there are. counts: in how many of them a word stands."""

    documents: int
    counts: Mapping[str, int]

    def rarity(self, word: str) -> float:
        """ln((1 + documents) / (1 + documents with the word)) + 1: scikit-learn's smoothed IDF."""
        return math.log((1 + self.documents) / (1 + self.counts.get(word, 0))) + 1

    def weigh(self, words: Iterable[str]) -> dict[str, float]:
        """TF-IDF of each distinct word of a text: how often it stands there times its rarity."""
        return {word: count * self.rarity(word) for word, count in Counter(words).items()}

    def digest(self) -> str:
        """Digest of all counts."""
        return digest(
            [str(self.documents), *(f"{word} {self.counts[word]}" for word in sorted(self.counts))]
        )


@lru_cache(maxsize=4)
def document_frequencies(task: str, file: str, most: int) -> Frequencies:
    """Count the words of a file's documents, or of a task's training instructions.

    Args:
        task: A task's name or path; its split "train" is read.
        file: A table whose column "instruction" is read in place of the task's, or "".
        most: At most so many different documents are read, the first ones.

    Raises:
        GistevalError: There is no such task, split, file or column.
    """
    read = _column(Path(file)) if file else _training(task)
    texts = list(islice(_distinct(read), most))
    if not texts:
        raise GistevalError(f"{file or task}: there is no document to count words in")
    counts = Counter(word for text in texts for word in set(plain_words(text)))
    return Frequencies(len(texts), counts)


def _training(task: str) -> Iterator[str]:
    found = load_task(task)
    if TRAINING_SPLIT not in found.definition.splits:
        raise GistevalError(
            f"task {task} has no split {TRAINING_SPLIT!r} to count words in: name a file of its "
            f"training instructions with file= (a column {COLUMN!r})"
        )
    return (example.instruction for example in found.examples(TRAINING_SPLIT))


def _column(path: Path) -> Iterator[str]:
    for number, row in enumerate(read_table(path), 1):
        text = row.get(COLUMN)
        if not isinstance(text, str):
            raise GistevalError(f"{path}, row {number}: {COLUMN!r} must be a text")
        yield text


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text
