"""Human judgements: blinded sheets out, answers back as verdicts.

A sheet shows a request and two outputs; which is whose, and which pairs were drawn, follows from hashes of
the content, so the answers need no key file and the sheet gives nothing away.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.files.tables import read_table
from gisteval.judging.protocol import Contest, Look, looks
from gisteval.records.schema import Choice, Verdict, digest

HUMAN = "human:"
"""Begins the name of an annotator among the judges."""

COLUMNS = ("id", "instruction", "input", "answer_1", "answer_2", "choice")
_ANSWERS = {"1": "first", "2": "second", "tie": "tie", "t": "tie", "0": "tie", "=": "tie"}


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a sheet; the look says which output stands first."""

    id: str
    look: Look

    @property
    def shown(self) -> tuple[str, str]:
        """Both outputs in the order they are shown."""
        ours, theirs = self.look.ours, self.look.theirs
        return (ours, theirs) if self.look.order == "ab" else (theirs, ours)


def draw_items(contest: Contest, count: int, seed: int) -> list[Item]:
    """`count` pairs of a contest (all if there are fewer), each in one order; equal outputs are left out.

    Which pairs, their order in the sheet and the order shown depend on the content and the seed alone.
    """
    identity = digest(["human", str(seed)])
    items = []
    for look in looks(contest, identity, "both", 0.0):
        drawn = digest([look.pair, contest.system, str(seed)])
        if not look.equal and (int(drawn, 16) % 2 == 0) == (look.order == "ab"):
            items.append(Item(digest([drawn, "item"])[:12], look))
    return sorted(items, key=lambda item: item.id)[:count]


def sheet_csv(items: Sequence[Item]) -> str:
    """The sheet as CSV; the annotator fills in the column choice with 1, 2 or tie."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    for item in items:
        example = item.look.example
        cells = (item.id, example.instruction, example.input, *item.shown, "")
        table.writerow(map(_inert, cells))
    return stream.getvalue()


def _inert(cell: str) -> str:
    """A spreadsheet would run a cell that begins like a formula; the answers don't depend on it."""
    text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "\ufffd", cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def read_answers(path: Path) -> dict[str, str]:
    """first, second or tie by item, from an annotator's CSV; rows without a choice are left out.

    Raises GistevalError naming the file and its first wrong row.
    """
    rows = read_table(path, otherwise=".csv")
    answers: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if "id" not in row or "choice" not in row:
            raise GistevalError(f"{path} has no columns id and choice: give a filled-in sheet")
        item, choice = str(row["id"] or "").strip(), str(row["choice"] or "").strip().lower()
        if not choice:
            continue
        if choice not in _ANSWERS:
            raise GistevalError(f"{path}, line {number}: choice {row['choice']!r} must be 1, 2 or tie")
        if item in answers:
            raise GistevalError(f"{path}, line {number}: item {item} is answered twice")
        answers[item] = _ANSWERS[choice]
    if not answers:
        raise GistevalError(f"{path} holds no answers: fill in the column choice with 1, 2 or tie")
    return answers


def human_verdicts(
    items: Sequence[Item], answers: dict[str, str], annotator: str, path: Path
) -> list[Verdict]:
    """An annotator's answers as verdicts. Raises GistevalError if one is of no item of the sheet."""
    known = {item.id: item for item in items}
    unknown = [item for item in answers if item not in known]
    if unknown:
        raise GistevalError(
            f"{path}: item {unknown[0]} is of another sheet ({len(unknown)} of {len(answers)} are): "
            "import it into the run it was exported from"
        )
    found = []
    for item, shown in answers.items():
        look = known[item].look
        first = (shown == "first") == (look.order == "ab")
        choice: Choice = "tie" if shown == "tie" else "a" if first else "b"
        found.append(look.verdict(HUMAN + annotator, choice, shown))
    return found
