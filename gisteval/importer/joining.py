"""Which rows of the released files are one example.

The files hold no ids. All files of a split list the same examples in the same order, but not the same
text: long rows are cut, earlier the more gist tokens there are, and families decode with tokenizers of
their own. SentencePiece of T5 applies NFKC, loses line breaks, repeated spaces and letters that its
vocabulary lacks. So rows are joined by their place where their texts agree in what every tokenizer keeps,
and by their text where a file has other rows or another order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from rapidfuzz import fuzz

from gisteval.importer.prompt_text import PromptText, text_key
from gisteval.records.schema import Example, numbered_copies

IN_ORDER = 0.5
"""Share of rows that must agree for two files to be taken for the same rows in the same order."""

_NEAR = 90.0
"""Percent of letters that long texts at one place share at least, if neither begins the other."""
_LONG = 40
_LOST = re.compile("[^a-z0-9]")


@dataclass(frozen=True)
class RowText:
    """An example as one file shows it."""

    prompt: PromptText
    reference: str

    @cached_property
    def exact(self) -> tuple[str, str, str]:
        """All of its text but for what NFKC and white space change."""
        return _exact(self.prompt.instruction), _exact(self.prompt.input), _exact(self.reference)

    @cached_property
    def asked(self) -> tuple[str, str]:
        """Instruction and input in what every tokenizer keeps."""
        return _kept(self.prompt.instruction), _kept(self.prompt.input)

    @cached_property
    def whole(self) -> str:
        """The prompt as one text: where a row lost its gist tokens, nothing parts instruction and input."""
        instruction, text = self.asked
        return f"{instruction}input{text}" if text else instruction

    @cached_property
    def answer(self) -> str:
        """The reference in what every tokenizer keeps."""
        return _kept(self.reference)

    def alike(self, other: RowText) -> bool:
        """Whether both can be one example. A text may be cut, or have lost its foreign letters."""
        parts = zip(self.asked, other.asked, strict=True)
        prompts = _one_begins_other(self.whole, other.whole) or all(
            mine == theirs or _one_begins_other(mine, theirs) for mine, theirs in parts
        )
        return prompts and (
            not self.answer or not other.answer or _one_begins_other(self.answer, other.answer)
        )

    def near(self, other: RowText) -> bool:
        """True if `alike`, or if long texts differ in a few letters.

        That is enough for rows at the same place of two files.
        """
        return self.alike(other) or (_near(self.whole, other.whole) and _near(self.answer, other.answer))

    def fuller(self, other: RowText) -> RowText:
        """Of each part, the version that is cut less; this one's where both are whole."""
        prompt = other.prompt if len(other.whole) > len(self.whole) else self.prompt
        longer = len(other.answer) > len(self.answer)
        return RowText(prompt, other.reference if longer else self.reference)


def _exact(text: str) -> str:
    return text_key(unicodedata.normalize("NFKC", text))


def _kept(text: str) -> str:
    """ASCII letters and digits, after NFKC: what is left in every family's files."""
    return _LOST.sub("", unicodedata.normalize("NFKC", text.replace("<unk>", "")).casefold())


def _one_begins_other(first: str, second: str) -> bool:
    return first == second or (
        bool(first and second) and (first.startswith(second) or second.startswith(first))
    )


def _near(first: str, second: str) -> bool:
    if first == second:
        return True
    size = min(len(first), len(second))
    return size >= _LONG and fuzz.ratio(first[:size], second[:size]) >= _NEAR


Fits = Callable[[int, int], bool]


def align(known: Sequence[RowText], rows: Sequence[RowText], fits: Fits | None = None) -> list[int | None]:
    """The number in `known` of each row. No number is given twice.

    Rows are matched by place, if both sides have as many and most of them agree there. The others are
    matched by text: equal texts in their order, so that copies of an example stay apart, then rows of
    which one text is cut.

    Args:
        known: The numbered rows.
        rows: The rows that get a number.
        fits: For rows that show no reference, such as verdicts: whether the outputs of a row (by its place)
            are those of a number. It decides between several that have the same prompt.

    Returns:
        A number for each row, None where no known row is alike.
    """
    assigned: list[int | None] = [None] * len(rows)
    if known and len(known) == len(rows):
        agreeing = [known_row.near(row) for known_row, row in zip(known, rows, strict=True)]
        if sum(agreeing) >= IN_ORDER * len(rows):
            assigned = [number if same else None for number, same in enumerate(agreeing)]
    free = dict.fromkeys(sorted(set(range(len(known))).difference(n for n in assigned if n is not None)))
    unassigned = [place for place, number in enumerate(assigned) if number is None]
    parts = 3 if fits is None else 2
    for candidates in (_equal(known, free, parts), _cut(known, free)):
        for place in [place for place in unassigned if assigned[place] is None]:
            numbers = [number for number in candidates(rows[place]) if number in free]
            if fits is not None and len(numbers) > 1:
                numbers = _decided(known, numbers, partial(fits, place))
            if numbers:
                assigned[place] = numbers[0]
                del free[numbers[0]]
    return assigned


def _decided(known: Sequence[RowText], numbers: list[int], fits: Callable[[int], bool]) -> list[int]:
    """Those that fit; without any, all of them if they are copies, else none: it would be a guess."""
    fitting = [number for number in numbers if fits(number)]
    if fitting or len({known[number].exact for number in numbers}) == 1:
        return fitting or numbers
    return []


Candidates = Callable[[RowText], Iterable[int]]


def _equal(known: Sequence[RowText], free: Iterable[int], parts: int) -> Candidates:
    numbers: dict[tuple[str, ...], list[int]] = {}
    for number in free:
        numbers.setdefault(known[number].exact[:parts], []).append(number)
    return lambda row: numbers.get(row.exact[:parts], ())


def _cut(known: Sequence[RowText], free: Iterable[int]) -> Candidates:
    numbers: dict[str, list[int]] = {}
    for number in free:
        numbers.setdefault(known[number].asked[0], []).append(number)

    def nearest(row: RowText) -> list[int]:
        alike = [n for n in numbers.get(row.asked[0], ()) if known[n].alike(row)]
        return sorted(alike, key=lambda n: abs(len(known[n].whole) - len(row.whole)))

    return nearest


class FamilyRows:
    """The examples of one model family on one split, in the order of its longest file."""

    def __init__(self) -> None:
        self.rows: list[RowText] = []

    def add(self, rows: Sequence[RowText]) -> list[int]:
        """Numbers of one file's rows. New examples are added.

        Of each text, the version that is cut least is kept.
        """
        numbers = []
        for row, number in zip(rows, align(self.rows, rows), strict=True):
            if number is None:
                number = len(self.rows)
                self.rows.append(row)
            else:
                self.rows[number] = self.rows[number].fuller(row)
            numbers.append(number)
        return numbers

    @property
    def line_breaks(self) -> int:
        """Line breaks that are left. The family with most of them shows the texts as they were."""
        return sum(
            text.count("\n")
            for row in self.rows
            for text in (row.prompt.instruction, row.prompt.input, row.reference)
        )


def join_families(
    families: Mapping[str, FamilyRows], task: str, split: str, known: Sequence[Example]
) -> dict[str, tuple[Example, ...]]:
    """The examples of each family in its own order. What several families have is the same in all of them.

    Args:
        families: The rows of each family.
        task: The task's name.
        split: The split's name.
        known: The task's own examples, whose ids and texts are taken where rows are theirs. Otherwise texts
            and id are those of the first family with the example, the one with most line breaks first.
    """
    order = sorted(families, key=lambda name: (-families[name].line_breaks, name))
    rows: list[RowText] = []
    ids: list[str] = []
    numbers: dict[str, list[int]] = {}
    for family in order:
        family_rows = families[family].rows
        numbers[family] = []
        for place, (row, number) in enumerate(zip(family_rows, align(rows, family_rows), strict=True), 1):
            if number is None:
                number = len(rows)
                rows.append(row)
                ids.append(f"{family}-{split}-{place:04}")
            numbers[family].append(number)
    joined = [
        Example(name, task, split, row.prompt.instruction, row.prompt.input, row.reference)
        for name, row in zip(ids, rows, strict=True)
    ]
    examples = list(numbered_copies(as_task_examples(joined, known)))
    return {
        family: tuple(examples[number] for number in family_numbers)
        for family, family_numbers in numbers.items()
    }


def as_task_examples(imported: Sequence[Example], known: Sequence[Example]) -> list[Example]:
    """The imported examples, with ids and texts of the task's own data where they are its examples.

    So their content ids are those of a run on that task. The others stay as they are.
    """
    theirs, ours = ([_row_of(example) for example in examples] for examples in (known, imported))
    return [
        example
        if number is None
        else replace(known[number], task=example.task, split=example.split, copy=0)
        for example, number in zip(imported, align(theirs, ours), strict=True)
    ]


def _row_of(example: Example) -> RowText:
    return RowText(PromptText(example.instruction, example.input), example.output)
