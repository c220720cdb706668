"""The failure gallery: groups of visible failures that a program can detect.

Each rule asks for something that the reference does not do itself, so that a task that asks for repetition
or a copy has no failures for that reason. The rules detect gross failures only: an output that fits none of
them may still be wrong.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import LCSseq

from gisteval.records.schema import Example


@dataclass(frozen=True, slots=True)
class Group:
    """A kind of failure.

    Attributes:
        name: Its name in files and links.
        title: Its title on the page.
        rule: What counts as such a failure.
    """

    name: str
    title: str
    rule: str


GROUPS = (
    Group("empty", "Empty", "no visible character"),
    Group("truncated", "Truncated", "the length limit ended the output"),
    Group("copied", "Copied the input", "nine in ten words are the input's or the instruction's, in order"),
    Group("repetition", "Repetition", "one phrase at least 3 times in a row more than in the reference"),
    Group(
        "lost-number", "Lost a number", "a number of the instruction is in the reference, not in the output"
    ),
    Group("lost-name", "Lost a name", "a name of the instruction is in the reference, not in the output"),
    Group(
        "format", "Wrong format", "the reference is a list, number, code, JSON or yes/no, the output is not"
    ),
)

LONGEST_PHRASE = 8
"""The largest number of words of a phrase whose repetition is detected."""

MORE_REPEATS = 3
"""An output fails with this many more repeats in a row than the reference."""

COPIED_SHARE = 0.9
SHORTEST_COPY = 4
"""With fewer words, equal texts are no sign of copying."""

LONGEST_READ = 4000
"""The number of words of an output that are examined."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SPELLED = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SPELLED, 2)}
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"'(\[-]\s*)$")
_NAME = re.compile(r"\b[A-Z][\w'\u2019-]*[\w]")
_LIST_LINE = re.compile(r"\s*(?:[-*•]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)])\s+\S")
_ONE_NUMBER = re.compile(r"[^\w]*\d+(?:[.,]\d+)*\s*[^\w\s]?\s*\.?")
_CODE = re.compile(r"```|^[^\S\n]*(?:def |class |import |from \w+ import|#include|function |SELECT )", re.M)
_TAG = re.compile(r"^[^\S\n]*<\w", re.M)
_WORD = re.compile(r"[\w'\u2019-]+")
_YES_NO = {"yes", "no", "true", "false"}


def failure_groups(example: Example, output: str, finished: bool | None) -> tuple[str, ...]:
    """Return the names of the groups that an output belongs to, in the order of GROUPS."""
    groups = ["truncated"] if finished is False else []
    if not output.strip():
        return ("empty", *groups)
    words, expected = _words(output), _words(example.output)
    if _is_copied(words, expected, (_words(example.input), _words(example.instruction))):
        groups.append("copied")
    if most_repeats(words) >= most_repeats(expected) + MORE_REPEATS:
        groups.append("repetition")
    if _lost(_numbers(example.output) - _numbers(output), example.instruction, _numbers):
        groups.append("lost-number")
    if _lost(_spoken(example.output) - _spoken(output), example.instruction, _names):
        groups.append("lost-name")
    wanted = shape(example.output)
    if wanted != "text" and shape(output) != wanted:
        groups.append("format")
    return tuple(groups)


def count_groups(outputs: Iterable[tuple[str, ...]]) -> Counter[str]:
    """Count the outputs of each group. An output may belong to several groups."""
    return Counter(name for groups in outputs for name in groups)


def most_repeats(words: list[str]) -> int:
    """Return how often a phrase of up to LONGEST_PHRASE words is repeated in a row at most (1: never)."""
    best = 1
    for size in range(1, LONGEST_PHRASE + 1):
        equal = 0
        for index in range(size, len(words)):
            equal = equal + 1 if words[index] == words[index - size] else 0
            if equal >= size:
                best = max(best, 1 + equal // size)
    return best


def shape(text: str) -> str:
    """Classify the format of a text: "json", "code", "list", "number", "yes/no" or plain "text"."""
    stripped = text.strip()
    if stripped[:1] in ("{", "[") and _is_json(stripped):
        return "json"
    if _is_code(stripped[:20_000]):
        return "code"
    lines = stripped[:20_000].splitlines()
    if sum(bool(_LIST_LINE.match(line)) for line in lines) >= 2:
        return "list"
    if len(stripped) <= 40 and _ONE_NUMBER.fullmatch(stripped):
        return "number"
    if stripped.rstrip(".!").lower() in _YES_NO:
        return "yes/no"
    return "text"


def _is_code(text: str) -> bool:
    """Say whether a line begins like code, or with a tag that is closed."""
    tag = _TAG.search(text)
    return _CODE.search(text) is not None or (tag is not None and text.find(">", tag.end()) >= 0)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _words(text: str) -> list[str]:
    return text.lower().split()[:LONGEST_READ]


def _is_copied(words: list[str], expected: list[str], sources: Iterable[list[str]]) -> bool:
    """Say whether the output copies one of the sources, which the reference does not."""
    return any(
        len(source) >= SHORTEST_COPY
        and _likeness(words, source) >= COPIED_SHARE
        and _likeness(expected, source) < COPIED_SHARE
        for source in sources
    )


def _likeness(words: list[str], source: list[str]) -> float:
    """Return the number of common words in order divided by the longer text's words, 0 to 1."""
    longer = max(len(words), len(source))
    if not longer or min(len(words), len(source)) < COPIED_SHARE * longer:
        return 0.0
    ids: dict[str, int] = {}
    first, second = ([ids.setdefault(word, len(ids)) for word in text] for text in (words, source))
    return LCSseq.similarity(first, second) / longer


def _lost(unsaid: set[str], instruction: str, read: Callable[[str], set[str]]) -> bool:
    """Say whether something of the reference that the output lacks stands in the instruction.

    A long instruction is read only where the output lacks something, and once for all systems.
    """
    return bool(unsaid and unsaid & read(instruction))


@lru_cache(4096)
def _numbers(text: str) -> set[str]:
    """Return the numbers of a text as digits; two to twelve may be spelled out."""
    spelled = (_NUMBER_WORDS.get(word) for word in re.findall(r"[a-z]+", text.lower()))
    return set(_NUMBER.findall(text)) | {number for number in spelled if number}


@lru_cache(4096)
def _names(text: str) -> set[str]:
    """Return the capitalised words that don't begin a sentence, in lower case."""
    starts = ((match.start(), match[0]) for match in _NAME.finditer(text))
    return {
        word.lower()
        for start, word in starts
        if not _SENTENCE_START.search(text[max(0, start - 8) : start])
    }


def _spoken(text: str) -> set[str]:
    words = (word.rstrip("'\u2019-") for word in _WORD.findall(text.lower()))
    return {word for word in words if word}
