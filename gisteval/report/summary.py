"""What a run says on a terminal of 80 columns: a block for each split, and a word for each system.

Intervals, tests and all other numbers are in the report. The words are those of `report.margins`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gisteval.metrics import metric
from gisteval.metrics.catalogue import leading_metric
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.schema import ResultRow
from gisteval.report.claims import short_names
from gisteval.report.doubts import MARK, Doubts
from gisteval.report.judging import stated_doubts
from gisteval.report.layout import Table, plain_text, size_text
from gisteval.report.margins import Margin, margins
from gisteval.report.tables import rounded
from gisteval.stats import MARGIN

WIDTH = 80

LONGEST_NAME = 26
"""Letters of a system's name that the block has room for."""

LONGEST_TITLE = 7
"""Letters of a score's title."""

CONTROLS = {"pos_control": "positive", "neg_control": "negative"}
"""What stands in the place of a word for the controls, which give the scale."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of a run at first sight.

    Attributes:
        blocks: A table for each split.
        said: What the words mean, and what must be known of the judges: a sentence each.
    """

    blocks: tuple[Table, ...]
    said: tuple[str, ...]


def summary_text(rows: Sequence[ResultRow], entries: Sequence[JudgingEntry]) -> str:
    """The summary for a terminal. Arguments are those of `summary`."""
    found = summary(rows, entries)
    return "\n".join([*map(plain_text, found.blocks), *(textwrap.fill(text, WIDTH) for text in found.said)])


def summary(rows: Sequence[ResultRow], entries: Sequence[JudgingEntry]) -> Summary:
    """A block for each split, and what its words mean.

    Args:
        rows: The rows of results.json.
        entries: Its judges' figures.
    """
    doubts = stated_doubts(entries)
    leading = leading_metric([metric(name) for name in dict.fromkeys(row.metric for row in rows)]).name
    measure, found = margins(rows, doubts, leading)
    words = {(margin.system, margin.split): margin for margin in found}
    judge = next((row.judge for row in rows if row.metric == "win_rate"), None)
    names = _names(rows)
    blocks = []
    for split in dict.fromkeys(row.split for row in rows):
        by_system: dict[str, dict[str, ResultRow]] = {}
        for row in rows:
            if row.split == split and row.judge in (None, judge):
                by_system.setdefault(row.system, {})[row.metric] = row
        cells = tuple(
            _cells(names[system], of_system, leading, words, doubts)
            for system, of_system in by_system.items()
        )
        n = max(row.n for row in rows if row.split == split and row.metric == leading)
        title = metric(leading).title[:LONGEST_TITLE]
        columns = ("system", title, "exact", "retained", "win", "bytes", "verdict")
        blocks.append(Table(split, f"{split} (n = {n:,})", columns, cells))
    return Summary(tuple(blocks), (f"verdict, by {measure}: {_legend()}", *doubts.sentences))


def _legend() -> str:
    return (
        f"as good = a loss of {MARGIN:g} points is excluded; worse = no loss is excluded; slightly = both "
        "are; open = neither is; - = no comparison. Intervals are in the report, or here with --verbose."
    )


def _names(rows: Sequence[ResultRow]) -> dict[str, str]:
    """Names with room in the block: without a common family, controls without their number."""
    short = short_names(dict.fromkeys(row.system for row in rows))
    bare = {name: re.sub(r"((?:pos|neg)_control)-\d+$", r"\1", text) for name, text in short.items()}
    if len(set(bare.values())) < len(bare):
        bare = short
    shown = {name: _shortened(text) for name, text in bare.items()}
    return shown if len(set(shown.values())) == len(shown) else bare


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_NAME:
        return text
    end = LONGEST_NAME * 2 // 3
    return f"{text[: LONGEST_NAME - end - 2]}..{text[-end:]}"


def _cells(
    name: str,
    rows: Mapping[str, ResultRow],
    leading: str,
    words: Mapping[tuple[str, str], Margin],
    doubts: Doubts,
) -> tuple[str, ...]:
    first = next(iter(rows.values()))
    scored, judged, size = rows.get(leading), rows.get("win_rate"), rows.get("bytes")
    kept = scored.retention if scored else None
    doubt = doubts.on(judged.judge, judged.system, judged.split) if judged else ""
    return (
        name,
        _number(scored),
        _number(rows.get("exact_match")),
        "-" if kept is None else f"{rounded(kept, 0)}%",
        _number(judged) + (MARK if doubt else ""),
        "-" if size is None else size_text(size.value),
        _word(first, words.get((first.system, first.split))),
    )


def _number(row: ResultRow | None) -> str:
    return "-" if row is None else rounded(row.value, 1)


def _word(row: ResultRow, margin: Margin | None) -> str:
    if row.condition in CONTROLS:
        return CONTROLS[row.condition]
    if margin is None:
        return "-"
    if margin.worse:
        return "slightly" if margin.within else "worse"
    return "as good" if margin.within else "open"
