"""What commands say on a terminal of 80 columns: a block for each split, a word for each system.

A run's intervals, tests and all other numbers are in the report. The words are those of `report.margins`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gisteval.errors import counted
from gisteval.metrics import metric
from gisteval.metrics.catalogue import leading_metric
from gisteval.records.judge_figures import CorrectedFigures, JudgingEntry, pair_entries
from gisteval.records.schema import ResultRow
from gisteval.report.claims import short_names
from gisteval.report.doubts import MARK, Doubts
from gisteval.report.judging import (
    corrected_texts,
    judging_tables,
    rate_text,
    stated_doubts,
    uncorrected_text,
)
from gisteval.report.layout import Table, plain_text, size_text
from gisteval.report.margins import Margin, margins
from gisteval.report.tables import rounded
from gisteval.stats import MARGIN

WIDTH = 80

LONGEST_NAME = 26
"""Letters of a system's name that the block has room for."""

LONGEST_TITLE = 7
"""Letters of a score's title."""

EXACT = "exact_match"
"""The score that stands beside the task's first one."""

LEAST_TEXT = 16
"""Letters that `fitted` leaves of a text."""

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
    names = narrow_names(row.system for row in rows)
    scores = tuple(dict.fromkeys((leading, EXACT)))
    blocks = []
    for split in dict.fromkeys(row.split for row in rows):
        by_system: dict[str, dict[str, ResultRow]] = {}
        for row in rows:
            if row.split == split and row.judge in (None, judge):
                by_system.setdefault(row.system, {})[row.metric] = row
        cells = tuple(
            _cells(names[system], of_system, scores, words, doubts)
            for system, of_system in by_system.items()
        )
        n = max(row.n for row in rows if row.split == split and row.metric == leading)
        columns = ("system", *map(_title, scores), "retained", "win", "bytes", "verdict")
        blocks.append(Table(split, f"{split} (n = {n:,})", columns, cells))
    return Summary(tuple(blocks), (f"verdict, by {measure}: {_legend()}", *doubts.sentences))


def _title(score: str) -> str:
    return "exact" if score == EXACT else metric(score).title[:LONGEST_TITLE].rstrip(", ")


def _legend() -> str:
    return (
        f"as good = a loss of {MARGIN:g} points is excluded; worse = no loss is excluded; slightly = both "
        "are; open = neither is; - = no comparison. Intervals are in the report, or here with --verbose."
    )


def judged_text(entries: Sequence[JudgingEntry]) -> str:
    """The win rates of each judge, split by split, and which other tables there are.

    entries: the judges' figures in results.json.
    """
    pairs = pair_entries(entries)
    names = narrow_names(entry.system for entry in pairs)
    doubts = stated_doubts(entries)
    parts, missing = [], 0
    for judge, split in dict.fromkeys((entry.judge, entry.split) for entry in pairs):
        own = [entry for entry in pairs if (entry.judge, entry.split) == (judge, split)]
        missing += sum(entry.missing_pairs for entry in own)
        cells = tuple(
            (
                names[entry.system],
                rate_text(entry) + (MARK if doubts.on(judge, entry.system, split) else ""),
                f"{entry.wins} / {entry.ties} / {entry.losses}",
                str(entry.pairs),
            )
            for entry in own
        )
        columns = ("system", "win rate %", "won / tied / lost", "pairs")
        title = shortened(f"Win rates on {split}, judge {judge}", WIDTH)
        parts.append(plain_text(Table(split, title, columns, cells)))
    corrected = [entry for entry in entries if isinstance(entry, CorrectedFigures)]
    parts += map(plain_text, _corrected(corrected))
    references = ", ".join(dict.fromkeys(entry.reference for entry in pairs))
    said = [f"Against {references}, ties half, with 95% intervals."] if pairs else []
    said += [
        f"{judge}: {text}"
        for judge in dict.fromkeys(entry.judge for entry in pairs)
        if (text := uncorrected_text(judge, entries))
    ]
    said += [f"{counted(missing, 'pair has', 'pairs have')} no answer."] if missing else []
    said += ["Corrected: the judge on all pairs, by what it misses on those that people labelled."] * bool(
        corrected
    )
    others = [table.title for table in judging_tables(entries) if not table.name.startswith("win_rate-")]
    said += [f"With --verbose: {'; '.join(others)}."] if others else []
    return "\n".join([*parts, *(textwrap.fill(text, WIDTH) for text in (*said, *doubts.sentences))])


def _corrected(entries: Sequence[CorrectedFigures]) -> Iterator[Table]:
    """Win rates that people's labels correct, a table for each judge and split."""
    names = narrow_names(entry.system for entry in entries)
    for judge, split in dict.fromkeys((entry.judge, entry.split) for entry in entries):
        own = [entry for entry in entries if (entry.judge, entry.split) == (judge, split)]
        cells = tuple((names[entry.system], *corrected_texts(entry)) for entry in own)
        title = shortened(f"Win rates on {split}, judge {judge} corrected by people", WIDTH)
        yield Table(split, title, ("system", "corrected %", "labels alone %", "labels"), cells)


def narrow_names(systems: Iterable[str]) -> dict[str, str]:
    """Names with room in the block: without a common family, controls without their number."""
    short = short_names(dict.fromkeys(systems))
    bare = {name: re.sub(r"((?:pos|neg)_control)-\d+$", r"\1", text) for name, text in short.items()}
    if len(set(bare.values())) < len(bare):
        bare = short
    shown = {name: shortened(text, LONGEST_NAME) for name, text in bare.items()}
    return shown if len(set(shown.values())) == len(shown) else bare


def shortened(text: str, longest: int) -> str:
    """Cut the middle of a text that is longer than there is room for."""
    if len(text) <= longest:
        return text
    end = longest * 2 // 3
    return f"{text[: longest - end - 2]}..{text[-end:]}"


def filled(text: str) -> str:
    """Break a sentence into lines that fit; a name or a path stays whole."""
    return textwrap.fill(
        text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def fitted(table: Table, column: str) -> Table:
    """Cut the middle of the texts in one column so that the table fits, but for `LEAST_TEXT` letters."""
    place = table.columns.index(column)
    widths = [max(map(len, cells)) for cells in zip(table.columns, *table.rows, strict=True)]
    room = max(LEAST_TEXT, WIDTH - 2 * len(widths) - sum(widths) + widths[place])
    rows = ((*row[:place], shortened(row[place], room), *row[place + 1 :]) for row in table.rows)
    return replace(table, title=shortened(table.title, WIDTH), rows=tuple(rows))


def _cells(
    name: str,
    rows: Mapping[str, ResultRow],
    scores: Sequence[str],
    words: Mapping[tuple[str, str], Margin],
    doubts: Doubts,
) -> tuple[str, ...]:
    """A system's line. scores: the task's first one, which is what retention is of, and others."""
    first = next(iter(rows.values()))
    scored, judged, size = rows.get(scores[0]), rows.get("win_rate"), rows.get("bytes")
    # Controls that are not apart give no scale, so the ratio has no interval and says nothing.
    kept = scored.retention if scored and scored.retention_ci_low is not None else None
    doubt = doubts.on(judged.judge, judged.system, judged.split) if judged else ""
    return (
        name,
        *(_number(rows.get(score)) for score in scores),
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
