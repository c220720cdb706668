"""Human judges: blinded sheets for annotators, and their answers as verdicts.

A sheet shows a request and two outputs. Which output is whose, and which pairs were drawn, follows from
hashes of the content. So the answers need no key file, and the sheet gives nothing away.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import GistevalError, counted
from gisteval.files.cells import inert_cell
from gisteval.files.tables import read_table
from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.records.schema import Choice, Verdict, digest

HUMAN = "human:"
"""The prefix of an annotator's name among the judges."""

COLUMNS = ("id", "instruction", "input", "answer_1", "answer_2", "choice")
"""The columns of a sheet."""

CONTESTED, CLEAR = "contested", "clear"
"""Pairs on which a judge's two orders disagree or tie, and the others."""

SPREAD = {CONTESTED: 45.0, CLEAR: 30.0}
"""How far people's scores lie from a judge's, in points: planned, not measured. It costs only precision."""

_ANSWERS = {"1": "first", "2": "second", "tie": "tie", "t": "tie", "0": "tie", "=": "tie"}

# What no CSV file may hold: control characters except tab and line ends, and lone surrogates.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One question of a sheet.

    Attributes:
        id: The item's name in the sheet.
        comparison: What is asked, in which order.
    """

    id: str
    comparison: Comparison


def draw_items(
    matchup: Matchup, count: int, seed: int, strata: Mapping[str, str] | None = None
) -> list[SheetItem]:
    """Draw pairs of a matchup for a sheet; pairs of equal outputs are left out.

    Which pairs are drawn, their order in the sheet, and the order in which their outputs are shown depend
    on the content and the seed alone.

    Args:
        matchup: The systems that are compared.
        count: The number of pairs. If there are fewer, all are drawn.
        seed: Another seed draws other pairs.
        strata: CONTESTED or CLEAR for each pair. The number drawn of each is in proportion to its size
            times its spread (Neyman's allocation), and at least two. None: all pairs are alike.
    """
    identity = digest(["human", str(seed)])
    items = []
    for comparison in comparisons(matchup, identity, "both", 0.0):
        pair_digest = digest([comparison.pair, matchup.system, str(seed)])
        drawn_order = "ab" if int(pair_digest, 16) % 2 == 0 else "ba"
        if not comparison.equal and comparison.order == drawn_order:
            items.append(SheetItem(digest([pair_digest, "item"])[:12], comparison))
    items.sort(key=lambda item: item.id)
    if strata is None:
        return items[:count]
    drawn: list[SheetItem] = []
    of = {name: [item for item in items if strata[item.comparison.pair] == name] for name in SPREAD}
    shares = {name: len(members) * SPREAD[name] for name, members in of.items()}
    for name, members in of.items():
        wanted = round(count * shares[name] / sum(shares.values())) if members else 0
        drawn += members[: max(wanted, 2)]
    return sorted(drawn, key=lambda item: item.id)


def sheet_csv(items: Sequence[SheetItem]) -> str:
    """Return the sheet as CSV. The annotator fills in the column choice with 1, 2 or tie."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    for item in items:
        example = item.comparison.example
        cells = (item.id, example.instruction, example.input, *item.comparison.shown, "")
        table.writerow(inert_cell(_UNWRITABLE.sub("\ufffd", cell)) for cell in cells)
    return stream.getvalue()


def read_answers(path: Path) -> dict[str, str]:
    """Read an annotator's CSV file.

    Returns:
        first, second or tie by item. Rows without a choice are left out.

    Raises:
        GistevalError: The file is wrong. The message names its first wrong row.
    """
    rows = read_table(path, otherwise=".csv")
    answers: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if "id" not in row or "choice" not in row:
            raise GistevalError(f"{path} has no columns id and choice: give a sheet that was filled in")
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
    items: Sequence[SheetItem], answers: dict[str, str], annotator: str, path: Path
) -> list[Verdict]:
    """Turn an annotator's answers into verdicts.

    Args:
        items: The items of the sheet.
        answers: What `read_answers` returned.
        annotator: The annotator's name.
        path: The file of the answers, for messages.

    Raises:
        GistevalError: An answer belongs to no item of the sheet.
    """
    by_id = {item.id: item for item in items}
    unknown = [item for item in answers if item not in by_id]
    if unknown:
        raise GistevalError(
            f"{path}: {len(unknown)} of {counted(len(answers), 'item')} (first {unknown[0]}) are not in "
            "this run's sheets: import the file into the run that its sheet was exported from"
        )
    verdicts = []
    for item, label in answers.items():
        comparison = by_id[item].comparison
        prefers_ours = (label == "first") == (comparison.order == "ab")
        choice: Choice = "tie" if label == "tie" else "a" if prefers_ours else "b"
        verdicts.append(comparison.verdict(HUMAN + annotator, choice, label))
    return verdicts
