"""Shorter texts that something else made: another system, an API or a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gisteval.compressors.pruning.base import Pruning
from gisteval.errors import GistevalError, counted
from gisteval.files.tables import read_table
from gisteval.models.running.base import PromptModel
from gisteval.records.budget import Budget
from gisteval.records.schema import digest

Texts = Mapping[tuple[str, str], str]
"""Shorter texts by instruction and budget, "" for none."""


@dataclass(frozen=True)
class Precomputed(Pruning):
    """Puts a text out of a file in the instruction's place, in the template.

    Attributes:
        file: A table with the columns "instruction" and "text". With texts at different rates, the column
            "budget" says which budget each is for, such as 16 or "25%"; one without serves runs without
            a budget.
    """

    name = "precomputed"
    file: str = ""

    @property
    def texts(self) -> Texts:
        """What the file says. Raises GistevalError if it can't be read."""
        if not self.file:
            raise GistevalError(
                "compressor precomputed needs the file of shorter texts: write precomputed:file=FILE "
                "(gisteval export-prompts writes what it has to answer)"
            )
        return read_texts(self.file)

    def shorten(
        self, model: PromptModel, instruction: str, tokens: Sequence[int], budget: Budget | None
    ) -> list[int]:
        """See Pruning."""
        self.check_instructions([instruction], budget)
        (ids,) = model.tokens.prompts([self.texts[instruction, _key(budget)]])
        return ids

    def asked(self, tokens: int, budget: Budget | None) -> int | None:
        """See Pruning."""
        return None if budget is None else super().asked(tokens, budget)

    def check_instructions(
        self, instructions: Sequence[str], budget: Budget | None, task: str | None = None
    ) -> None:
        """Refuse instructions that the file lacks."""
        key, known = _key(budget), self.texts
        missing = [text for text in dict.fromkeys(instructions) if (text, key) not in known]
        if not missing:
            return
        budgets = sorted({given for _, given in known} - {key})
        there = (
            f"; it has texts for {', '.join(given or 'no budget' for given in budgets)}" if budgets else ""
        )
        raise GistevalError(
            f"{self.file} lacks texts{f' for budget {key}' if key else ''} of "
            f"{counted(len(missing), 'instruction')} (of {len(set(instructions))}), such as "
            f"{missing[0][:80]!r}{there}: add rows with instruction, text"
            f"{f' and budget {key!r}' if key else ''}"
        )

    def helper_digests(self) -> Mapping[str, str]:
        """What the file says decides what is kept."""
        rows = sorted(self.texts.items())
        return {"texts": digest([part for (text, budget), short in rows for part in (text, budget, short)])}


@lru_cache(maxsize=4)
def read_texts(file: str) -> Texts:
    """The texts of a file. Raises GistevalError naming the row that is wrong, or that says another text."""
    texts: dict[tuple[str, str], str] = {}
    rows: dict[tuple[str, str], int] = {}
    for number, row in enumerate(read_table(Path(file)), 1):
        where = f"{file}, row {number}"
        instruction, text = _text(row, "instruction", where), _text(row, "text", where)
        key = (instruction, _key(_budget(row.get("budget"), where)))
        if key in texts:
            same, hint = ("instruction and budget", "") if key[1] else ("instruction", ", or give budgets")
            raise GistevalError(
                f"{where}: row {rows[key]} has a text for the same {same} ({instruction[:80]!r}): keep "
                f"one{hint}"
            )
        texts[key], rows[key] = text, number
    return texts


def _text(row: Mapping[str, Any], column: str, where: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise GistevalError(f"{where}: {column!r} must be a text that is not empty, not {value!r:.80}")
    return value


def _budget(value: object, where: str) -> Budget | None:
    if value is None or value == "":
        return None
    try:
        return Budget.parse(str(value))
    except GistevalError as error:
        raise GistevalError(f"{where}: {error}") from error


def _key(budget: Budget | None) -> str:
    return "" if budget is None else str(budget)
